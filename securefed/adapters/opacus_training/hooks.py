"""Opacus' hooks in the place of book-keeping, for layers that book-keeping has no rule for.

They write out every parameter's gradient for every record, at several times the time and memory.
Promises what book-keeping promises: the same sums, and no unit adds more than C, since factors and
sums are made from the same gradients and autograd's own are thrown away. Those are compared first:
where both differ, a parameter is used where no hook sees it, and the model is refused. What Opacus
leaves on parameters and layers is cleared however a batch ends.
"""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import torch
from opacus.grad_sample.embedding import compute_embedding_grad_sample
from opacus.grad_sample.grad_sample_module import GradSampleHooks
from torch import Tensor, nn

from securefed.adapters.opacus_training.bookkeeping import ClippedSum, LogicalBatch
from securefed.adapters.opacus_training.bookkeeping.clipping import discard
from securefed.adapters.opacus_training.bookkeeping.gradients import RecordGradients, WholeGradients
from securefed.adapters.opacus_training.bookkeeping.module import trainable
from securefed.adapters.opacus_training.bookkeeping.unsound import refuse_unsound
from securefed.errors import UnsupportedLayer

# What two ways to the same sum may differ by, as a share of its parts. Half precision rounds both.
_ROUNDING: Final = 1e-3
_HALF_ROUNDING: Final = 0.05
# What Opacus and torch raise where a layer's gradients cannot be told apart by record.
_REFUSALS = (RuntimeError, ValueError, TypeError, AttributeError, LookupError)


class HooksModule(nn.Module):
    """Wraps a model; used like `BookkeepingModule`."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        refuse_unsound(model)
        self.model = model
        self._trained = trainable(model)
        self._hooks: _NamingHooks | None = _NamingHooks(model)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the model answers."""
        try:
            return self.model(*args, **kwargs)
        except RuntimeError as error:
            if "BackwardHookFunction" not in str(error):
                raise
            raise UnsupportedLayer(
                "a layer's answer is changed in place, which Opacus' hooks do not allow",
                hint="Use operations that are not in place, such as ReLU(inplace=False).",
            ) from error

    def clipped_sum(self, losses: Tensor, clip: float, *, unit_rows: int = 1) -> ClippedSum:
        """The clipped sum over the units of these losses, in `p.grad`."""
        with self._batch(clip) as batch:
            clipped = batch.add(losses, unit_rows=unit_rows)
            batch.write()
        return clipped

    @contextmanager
    def logical_batch(self, clip: float) -> Iterator[LogicalBatch]:
        """A fresh batch. However it is left, only `write` puts anything into `p.grad`."""
        self._attached().clear()
        with self._batch(clip) as batch:
            yield batch

    def detach(self) -> nn.Module:
        """The model as it was, without any trace of Opacus."""
        if self._hooks is not None:
            self._hooks.detach()
            self._hooks = None
        return self.model

    @contextmanager
    def _batch(self, clip: float) -> Iterator[LogicalBatch]:
        hooks, parameters = self._attached(), trainable(self.model)
        discard(parameters)
        batch = LogicalBatch(lambda losses: _backward(losses, hooks, parameters), parameters, clip)
        try:
            yield batch
        finally:
            batch.close()
            hooks.clear()

    def _attached(self) -> "_NamingHooks":
        """The hooks, of the parameters that were trainable at the beginning."""
        if self._hooks is None or [*trainable(self.model)] != [*self._trained]:
            raise RuntimeError("the model is detached, or other parameters of it are trainable now")
        return self._hooks


def _without_padding(
    layer: nn.Embedding, seen: list[Tensor], grad: Tensor
) -> dict[nn.Parameter, Tensor]:
    """Opacus' own, which gives a table's padding row a gradient as well."""
    found: dict[nn.Parameter, Tensor] = compute_embedding_grad_sample(layer, seen, grad)
    if layer.padding_idx is not None:
        for each in found.values():
            each[:, layer.padding_idx] = 0
    return found


class _NamingHooks(GradSampleHooks):  # type: ignore[misc] # Opacus has no types
    """Opacus' hooks, whose refusals name the layer, and which forget everything when told to."""

    GRAD_SAMPLERS = GradSampleHooks.GRAD_SAMPLERS | {nn.Embedding: _without_padding}

    def __init__(self, model: nn.Module) -> None:
        self._names = {module: name for name, module in model.named_modules()}
        for module, name in self._names.items():
            _refuse_unhookable(name, module)
        try:
            super().__init__(model, batch_first=True, loss_reduction="sum", strict=True)
        except _REFUSALS as error:
            self.detach()  # it had begun to change the model
            raise UnsupportedLayer(
                f"Opacus' hooks cannot be put on the model ({type(error).__name__})"
            ) from error

    def capture_activations_hook(self, module: nn.Module, *seen: Any) -> None:
        """As in Opacus."""
        with self._naming(module):
            super().capture_activations_hook(module, *seen)

    def capture_backprops_hook(self, module: nn.Module, *seen: Any, **options: Any) -> None:
        """As in Opacus."""
        with self._naming(module):
            super().capture_backprops_hook(module, *seen, **options)

    def clear(self) -> None:
        """Forgets what layers saw and what parameters gathered."""
        for module in self._names:
            for left in ("activations", "max_batch_len"):
                vars(module).pop(left, None)
        for parameter in trainable(self._module).values():
            vars(parameter).pop("_current_grad_sample", None)
            vars(parameter).update(grad_sample=None, _forward_counter=0)

    def detach(self) -> None:
        """Takes the hooks off, and all that they left."""
        self.clear()
        self.cleanup()
        for module in self._names:
            if not module._backward_hooks:  # noqa: SLF001 - torch has no way to take this back
                module._is_full_backward_hook = None  # noqa: SLF001

    @contextmanager
    def _naming(self, module: nn.Module) -> Iterator[None]:
        try:
            yield
        except torch.OutOfMemoryError:
            raise
        except _REFUSALS as error:
            raise UnsupportedLayer(
                f"Opacus' hooks cannot tell the gradients of {type(module).__name__} apart by "
                f"record ({type(error).__name__})",
                where=self._names[module],
            ) from error


def _refuse_unhookable(name: str, module: nn.Module) -> None:
    if hasattr(module, "autograd_grad_sample_hooks"):
        raise UnsupportedLayer("Opacus' hooks are there already", where=name)
    own = any(one.requires_grad for one in module.parameters(recurse=False))
    if own and (isinstance(module, nn.EmbeddingBag) or any(True for _ in module.buffers())):
        raise UnsupportedLayer(
            f"Opacus' hooks do not know {type(module).__name__}, or not with buffers", where=name
        )
    if isinstance(module, nn.Embedding) and (module.max_norm or module.scale_grad_by_freq):
        raise UnsupportedLayer(
            "a table that is rescaled by what a batch looks up mixes records", where=name
        )


def _backward(
    losses: Tensor, hooks: _NamingHooks, parameters: Mapping[str, nn.Parameter]
) -> dict[str, RecordGradients]:
    discard(parameters)
    try:
        with warnings.catch_warnings():
            # The first layer's input has no gradient, and needs none.
            warnings.filterwarnings("ignore", message="Full backward hook is firing when")
            torch.autograd.backward(losses.sum())
        with torch.no_grad():
            together = {name: _by_autograd(name, one) for name, one in parameters.items()}
            halved = any(_is_half(one) for one in parameters.values())
            gradients = {
                name: _by_record(name, one, len(losses)) for name, one in parameters.items()
            }
            rounding = _HALF_ROUNDING if halved else _ROUNDING
            _refuse_other_sums(gradients, together, rounding)
            return {**gradients}
    finally:
        discard(parameters)
        hooks.clear()


def _is_half(parameter: nn.Parameter) -> bool:
    found = vars(parameter)["grad_sample"]
    return isinstance(found, Tensor) and found.dtype in {torch.float16, torch.bfloat16}


def _by_autograd(name: str, parameter: nn.Parameter) -> Tensor:
    if parameter.grad is None:
        raise UnsupportedLayer("a trainable parameter has no part in the loss", where=name)
    return parameter.grad


def _by_record(name: str, parameter: nn.Parameter, records: int) -> WholeGradients:
    found = vars(parameter)["grad_sample"]
    if not isinstance(found, Tensor):
        raise UnsupportedLayer("a trainable parameter is used where no hook sees it", where=name)
    if found.shape != (records, *parameter.shape):
        raise UnsupportedLayer(
            f"a layer saw {len(found)} records and the loss {records}", where=name
        )
    return WholeGradients(values=found.to(parameter.dtype))


def _refuse_other_sums(
    gradients: Mapping[str, WholeGradients], together: Mapping[str, Tensor], rounding: float
) -> None:
    """Records' gradients must sum to autograd's. A gradient that is zero but for rounding, as that
    of an attention's key bias, is measured by the whole; where a record is not finite, neither sum
    is, and nothing can be said."""
    lengths = {name: one.squared_norms().sqrt() for name, one in gradients.items()}
    whole = torch.stack([*lengths.values()]).norm(dim=0).sum()
    for name, one in gradients.items():
        apart = (one.values.sum(0) - together[name]).norm()
        allowed = rounding * (lengths[name].sum() + whole / 10)
        if apart.isfinite() and apart > allowed:
            raise UnsupportedLayer(
                "a trainable parameter is used outside the layer that owns it", where=name
            )
