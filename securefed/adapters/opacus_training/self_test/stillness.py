"""Whether a step moves the trained parameters and nothing else."""

import torch
from torch import Tensor, nn

from securefed.adapters.opacus_training.batches import UnitBatch
from securefed.adapters.opacus_training.step import Step
from securefed.errors import SelfTestFailed


def check_stillness(model: nn.Module, step: Step, batch: UnitBatch) -> None:
    """Raises SelfTestFailed where a frozen parameter or a buffer changes in a step: a statistic of
    private records would leave with the model, without noise."""
    trained = {name for name, one in model.named_parameters() if one.requires_grad}
    before = {name: tensor.detach().clone() for name, tensor in _everything(model).items()}
    step.take([batch])
    after = _everything(model)
    if before.keys() != after.keys():
        raise SelfTestFailed("Training adds or removes a parameter or a buffer of the model")
    for name, tensor in after.items():
        same = torch.equal(before[name], tensor)
        if name in trained and same:
            raise SelfTestFailed("A trained parameter does not move in a step", where=name)
        if name not in trained and not same:
            raise SelfTestFailed(
                "Training changes something that is neither clipped nor noised", where=name
            )


def _everything(model: nn.Module) -> dict[str, Tensor]:
    return dict(model.named_parameters()) | dict(model.named_buffers())
