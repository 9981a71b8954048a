"""One training step of a workload: without privacy, with ours, with Opacus' hooks, with its ghost.

All move the weights by SGD. The private ones clip at one and add noise of multiplier one; ours
draws it from the cryptographic keystream, Opacus from torch's generator, as it does by default.

    python -m benchmarks.worlds.stepping "CNN, batch 32" ours      # the memory that steps take
"""

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeAlias, cast

import torch

from benchmarks.worlds.workloads import WORKLOADS, Workload
from securefed.adapters.opacus_training.batches import UnitBatch
from securefed.adapters.opacus_training.bookkeeping import BookkeepingModule
from securefed.adapters.opacus_training.noise import StepNoise
from securefed.adapters.opacus_training.precision import Precision
from securefed.adapters.opacus_training.randomness.parallel import ParallelNormals
from securefed.adapters.opacus_training.ranks import Ranks
from securefed.adapters.opacus_training.step import Step
from securefed.adapters.opacus_training.sums import ClippedSums
from securefed.adapters.opacus_training.weights import trained_parameters
from securefed.recipes.recipe import Recipe

Take: TypeAlias = Callable[[], None]

_RATE = 0.01
_STEPS = 3


def without_privacy(workload: Workload, device: torch.device) -> Take:
    """What the ratios are to."""
    model, batch = workload.model.to(device), _on(workload, device)
    optimizer = _sgd(model)

    def take() -> None:
        optimizer.zero_grad()
        torch.autograd.backward(workload.losses(model, batch).mean())
        optimizer.step()

    return take


def ours(workload: Workload, device: torch.device) -> Take:
    """The engine's own step."""
    model, tensors = workload.model.to(device), dict(_on(workload, device))
    units = len(next(iter(tensors.values())))
    tensors["unit"] = torch.arange(units, device=device)
    tensors["weight"] = torch.ones(units, device=device)
    batch = UnitBatch(tensors=tensors, rows=1)
    step = Step(
        sums=ClippedSums(
            # Of a recipe a step uses the losses alone.
            recipe=cast(Recipe, SimpleNamespace(losses=workload.losses)),
            module=BookkeepingModule(model),
            parameters=tuple(trained_parameters(model).values()),
            precision=Precision("float32"),
        ),
        optimizer=_sgd(model),
        noise=StepNoise(ParallelNormals.opened(), 1.0),
        clip=1.0,
        expected_units=float(units),
        ranks=Ranks(),
    )

    def take() -> None:
        step.take([batch])

    return take


def opacus_hooks(workload: Workload, device: torch.device) -> Take:
    """Opacus' default: a gradient of every parameter for every record."""
    from opacus import GradSampleModule
    from opacus.optimizers import DPOptimizer

    model, batch = workload.model.to(device), _on(workload, device)
    module = GradSampleModule(model)
    units = len(next(iter(batch.values())))
    optimizer = DPOptimizer(
        _sgd(model), noise_multiplier=1.0, max_grad_norm=1.0, expected_batch_size=units
    )

    def take() -> None:
        optimizer.zero_grad()
        torch.autograd.backward(workload.losses(module, batch).mean())
        optimizer.step()

    return take


def opacus_ghost(workload: Workload, device: torch.device) -> Take:
    """Opacus' ghost clipping: two backward passes."""
    from opacus.grad_sample import GradSampleModuleFastGradientClipping
    from opacus.optimizers import DPOptimizerFastGradientClipping
    from opacus.utils.fast_gradient_clipping_utils import DPLossFastGradientClipping

    model, batch = workload.model.to(device), _on(workload, device)
    units = len(next(iter(batch.values())))
    module = GradSampleModuleFastGradientClipping(model, max_grad_norm=1.0, use_ghost_clipping=True)
    optimizer = DPOptimizerFastGradientClipping(
        _sgd(model), noise_multiplier=1.0, max_grad_norm=1.0, expected_batch_size=units
    )
    criterion: Any = _AsCriterion(workload)
    loss = DPLossFastGradientClipping(module, optimizer, criterion, loss_reduction="mean")

    def take() -> None:
        optimizer.zero_grad()
        loss(module, batch).backward()
        optimizer.step()

    return take


MODES: dict[str, Callable[[Workload, torch.device], Take]] = {
    "without privacy": without_privacy,
    "ours": ours,
    "Opacus hooks": opacus_hooks,
    "Opacus ghost": opacus_ghost,
}


class _AsCriterion:
    """The workload's loss in the form of one of torch's, which Opacus asks for."""

    def __init__(self, workload: Workload) -> None:
        self.reduction = "mean"
        self._losses = workload.losses

    def __call__(self, module: Any, batch: Any) -> torch.Tensor:
        return self._losses(module, batch)


def _sgd(model: torch.nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD((p for p in model.parameters() if p.requires_grad), lr=_RATE)


def _on(workload: Workload, device: torch.device) -> dict[str, torch.Tensor]:
    return {name: tensor.to(device) for name, tensor in workload.batch.items()}


def _resident_mb(field: str) -> float:
    status = Path("/proc/self/status").read_text("ascii")
    [line] = [line for line in status.splitlines() if line.startswith(field)]
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    _, name, engine = sys.argv
    torch.manual_seed(0)
    torch.set_num_threads(1)
    step = MODES[engine](WORKLOADS[name](), torch.device("cpu"))
    before = _resident_mb("VmRSS")
    for _turn in range(_STEPS):
        step()
    print(_resident_mb("VmHWM") - before)
