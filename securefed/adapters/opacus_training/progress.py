"""The state of a run between two steps, as tensors by name, for a checkpoint and back.

Promises that a run which goes on has the same weights, optimiser state and mean of iterates as the
one that ended. There is no state of a keystream in it.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from securefed.adapters.opacus_training.optimising import MeanOfIterates
from securefed.errors import CheckpointUnusable


@dataclass(kw_only=True)
class Progress:
    """What training changes."""

    parameters: dict[str, nn.Parameter]
    optimizer: torch.optim.Optimizer
    mean: MeanOfIterates | None
    lost_steps: int = 0
    silenced: int = 0

    def tensors(self) -> dict[str, Tensor]:
        """Everything, by name."""
        found = {f"weight/{name}": one.detach() for name, one in self.parameters.items()}
        for number, state in self.optimizer.state_dict()["state"].items():
            for name, value in state.items():
                if value is not None:
                    found[f"optimizer/{number}/{name}"] = torch.as_tensor(value)
        if self.mean is not None:
            found |= {f"mean/{name}": one for name, one in self.mean.means.items()}
            found["count/mean"] = torch.tensor(self.mean.count)
        found["count/lost"] = torch.tensor(self.lost_steps)
        found["count/silenced"] = torch.tensor(self.silenced)
        return found

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Takes everything over, or raises CheckpointUnusable before anything is changed."""
        named = {f"weight/{name}": one.shape for name, one in self.parameters.items()}
        found = {name: one.shape for name, one in tensors.items() if name.startswith("weight/")}
        means = {name for name in tensors if name.startswith("mean/")}
        if named != found or bool(means) != (self.mean is not None):
            raise CheckpointUnusable("The checkpoint is that of another model")
        with torch.no_grad():
            for name, one in self.parameters.items():
                one.copy_(tensors[f"weight/{name}"])
        self._restore_optimizer(tensors)
        if self.mean is not None:
            for name, mean in self.mean.means.items():
                mean.copy_(tensors[f"mean/{name}"])
            self.mean.count = int(tensors["count/mean"])
        self.lost_steps = int(tensors["count/lost"])
        self.silenced = int(tensors["count/silenced"])

    def _restore_optimizer(self, tensors: dict[str, Tensor]) -> None:
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            if name.startswith("optimizer/"):
                _, number, key = name.split("/")
                state.setdefault(int(number), {})[key] = tensor
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": state, "param_groups": groups})
