"""Which weights of a model are trained: all of them, its head, or small matrices beside them.

The last is LoRA: to each chosen matrix a product of two thin ones is added, and only those are
trained, so that a small part of the model's size is clipped, noised and sent. Or the thin ones stay
as they are, and only a core between them is trained, which is smaller still.
"""

from collections.abc import Iterable
from typing import Any

from torch import nn

from securefed.errors import ModelUnusable
from securefed.recipes.pretrained.core import CoreLora
from securefed.recipes.pretrained.library import calm_loading, peft_library, transformers_library
from securefed.recipes.pretrained.settings import PretrainedSettings


def train_only(model: nn.Module, trained: Iterable[nn.Parameter]) -> None:
    """Freezes everything but these."""
    model.requires_grad_(False)
    for parameter in trained:
        parameter.requires_grad_(True)


def add_lora(network: Any, settings: PretrainedSettings) -> None:
    """Puts the small matrices into a transformers model and freezes all the rest."""
    peft = peft_library()
    turned = transformers_library().pytorch_utils.Conv1D
    try:
        with calm_loading(settings.seed):
            config = peft.LoraConfig(
                r=settings.lora_rank,
                lora_alpha=settings.lora_alpha,
                lora_dropout=0.0,
                target_modules=list(settings.lora_targets) or None,
                # GPT-2 keeps its matrices the other way round.
                fan_in_fan_out=any(isinstance(part, turned) for part in network.modules()),
            )
            peft.inject_adapter_in_model(config, network)
            if settings.lora_trains == "core":
                _put_cores(network, settings)
    except (ValueError, RuntimeError) as error:
        kind = type(network).__name__
        raise ModelUnusable(
            f"LoRA does not know which layers of {kind} to adapt, or does not find them",
            where="lora_targets",
            hint="Name the layers in lora_targets, for example: query, value.",
        ) from error


def _put_cores(network: Any, settings: PretrainedSettings) -> None:
    """In the places that peft found."""
    layers = peft_library().tuners.tuners_utils.BaseTunerLayer
    scale = settings.lora_alpha / settings.lora_rank
    for name, part in list(network.named_modules()):
        if isinstance(part, layers):
            core = CoreLora(part.get_base_layer(), settings.lora_rank, scale)
            network.set_submodule(name, core)
