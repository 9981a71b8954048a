"""The rule of convolutions over one or two dimensions, with groups, strides, padding and dilation.

A convolution is a linear layer on the patches of an image. Patches are cut when the gradient
arrives, so that none are held between the passes. Its records are images: an input without the
first dimension is none.
"""

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

from securefed.adapters.opacus_training.bookkeeping.gradients import WholeGradients, outer_products
from securefed.adapters.opacus_training.bookkeeping.rules.rule import Found, constant, unchanged


@dataclass(frozen=True, slots=True)
class ConvolutionRule:
    """y = W ∗ x + b."""

    layer: nn.Conv1d | nn.Conv2d

    @classmethod
    def of(cls, module: nn.Module) -> "ConvolutionRule | None":
        """The rule, where the module is such a layer."""
        if isinstance(module, nn.Conv1d) and unchanged(module, nn.Conv1d):
            return cls(module)
        if isinstance(module, nn.Conv2d) and unchanged(module, nn.Conv2d):
            return cls(module)
        return None

    @property
    def dimensions(self) -> int:
        """A record is an image or a series with channels."""
        return self.layer.weight.dim()

    def apply(self, x: Tensor, /) -> Tensor:
        """The layer's own function, on an image that is padded first."""
        layer, weight, bias = self.layer, self.layer.weight.detach(), constant(self.layer.bias)
        convolve = functional.conv1d if isinstance(layer, nn.Conv1d) else functional.conv2d
        if layer.padding_mode == "zeros":
            return convolve(
                x, weight, bias, layer.stride, layer.padding, layer.dilation, layer.groups
            )
        padded = self._padded(x)
        return convolve(padded, weight, bias, layer.stride, 0, layer.dilation, layer.groups)

    def gradients(self, x: Tensor, grad: Tensor, /) -> Found:
        """Outer products over the places of the answer."""
        weight, bias, groups = self.layer.weight, self.layer.bias, self.layer.groups
        places = grad.reshape(len(grad), groups, weight.shape[0] // groups, -1)
        if weight.requires_grad:
            patches = self._patches(x).reshape(len(x), groups, weight[0].numel(), -1)
            yield weight, outer_products(places.mT, patches.mT, weight)
        if bias is not None and bias.requires_grad:
            values = grad.reshape(*grad.shape[:2], -1).sum(2, dtype=bias.dtype)
            yield bias, WholeGradients(values=values)

    def _patches(self, x: Tensor) -> Tensor:
        """For each place of the answer what the kernel saw there: a view, which is copied once.
        (torch's own unfold takes several times as long.)"""
        layer, padded = self.layer, self._padded(x).contiguous()
        records, channels, *steps = padded.stride()
        spans = [d * (k - 1) for d, k in zip(layer.dilation, layer.kernel_size, strict=True)]
        sizes = zip(padded.shape[2:], spans, layer.stride, strict=True)
        places = [(size - span - 1) // stride + 1 for size, span, stride in sizes]
        within = [step * dilation for step, dilation in zip(steps, layer.dilation, strict=True)]
        across = [step * stride for step, stride in zip(steps, layer.stride, strict=True)]
        return padded.as_strided(
            (*padded.shape[:2], *layer.kernel_size, *places),
            (records, channels, *within, *across),
        )

    def _padded(self, x: Tensor) -> Tensor:
        margins = _margins(self.layer)
        mode = "constant" if self.layer.padding_mode == "zeros" else self.layer.padding_mode
        return functional.pad(x, margins, mode=mode) if any(margins) else x


def _margins(layer: nn.Conv1d | nn.Conv2d) -> list[int]:
    """Before and after each dimension, the last dimension first, as `pad` wants it."""
    margins: list[int] = []
    for axis in reversed(range(len(layer.kernel_size))):
        if layer.padding == "valid":
            before = after = 0
        elif isinstance(layer.padding, str):
            total = layer.dilation[axis] * (layer.kernel_size[axis] - 1)
            before, after = total // 2, total - total // 2
        else:
            before = after = layer.padding[axis]
        margins += [before, after]
    return margins
