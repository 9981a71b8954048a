"""The models that look at images: convolutions, a small vision transformer, or one from a folder.

Promises that each record is computed by itself, so convolutions are followed by group and never by
batch normalisation, and that first weights come from the public seed or the pinned folder alone.
"""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from securefed.errors import ConfigInvalid, ModelUnusable
from securefed.recipes.images.settings import CNN, VIT, ImagesSettings
from securefed.recipes.pretrained.adapting import add_lora, train_only
from securefed.recipes.pretrained.library import calm_loading, transformers_library
from securefed.recipes.pretrained.loading import (
    ModelFolder,
    classifier_head,
    head_may_be_new,
    pinned_folder,
    without_dropout,
)
from securefed.recipes.pretrained.settings import PretrainedSettings

_GROUP = 4


class Convolutions(nn.Module):
    """Convolutions that halve the image and double the channels, their mean, a linear layer."""

    def __init__(self, settings: ImagesSettings) -> None:
        super().__init__()
        widths = [settings.channels, *(settings.width * 2**i for i in range(settings.depth))]
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [
                nn.Conv2d(before, after, 3, padding=1),
                nn.GroupNorm(after // _GROUP, after),
                nn.ReLU(),
                nn.MaxPool2d(2),
            ]
        self.body = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(widths[-1], len(settings.classes))

    def forward(self, images: Tensor) -> Tensor:
        """Scores, [records, classes]."""
        scores: Tensor = self.head(self.body(images))
        return scores


class Transformer(nn.Module):
    """A transformers model for image classification."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Scores, [records, classes]."""
        scores: Tensor = self.network(pixel_values=images).logits
        return scores


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """What a model is made from, known before any record is read: neither for convolutions, no
    folder for the small transformer."""

    folder: ModelFolder | None = None
    config: Any = None


def begun(settings: ImagesSettings, assets: Path | None) -> Beginning:
    """Checks the folder, or makes a configuration from the settings."""
    if settings.model not in {CNN, VIT}:
        folder = pinned_folder(assets, settings.model, settings.model_sha256)
        config = folder.config(num_labels=len(settings.classes))
        _check_inputs(settings, config)
        return Beginning(folder=folder, config=config)
    if settings.model_sha256:
        raise ConfigInvalid(
            f"{settings.model} is built in: it has no folder and no digest",
            where="recipe.parameters.model_sha256",
        )
    return Beginning(config=_small_config(settings) if settings.model == VIT else None)


def image_model(settings: ImagesSettings, start: Beginning) -> nn.Module:
    """The model with its first weights; what is not trained is frozen."""
    if start.config is None:
        return _convolutions(settings)
    network = _network(settings, start)
    model = Transformer(network)
    head = classifier_head(network)
    if settings.train == "lora":
        add_lora(network, _lora(settings))
        for parameter in head:
            parameter.requires_grad_(True)
    elif settings.train == "head":
        train_only(model, head)
    return model


def _convolutions(settings: ImagesSettings) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        model = Convolutions(settings)
    if settings.train == "head":
        train_only(model, model.head.parameters())
    return model


def _network(settings: ImagesSettings, start: Beginning) -> Any:
    kind = "AutoModelForImageClassification"
    if start.folder is not None:
        return start.folder.model(kind, start.config, settings.seed, head_may_be_new)
    with calm_loading(settings.seed):
        return getattr(transformers_library(), kind).from_config(start.config)


def _small_config(settings: ImagesSettings) -> Any:
    config = transformers_library().ViTConfig(
        **{"image_size": settings.size, "patch_size": settings.patch},
        **{"num_channels": settings.channels, "num_labels": len(settings.classes)},
        **{"hidden_size": settings.width, "intermediate_size": 2 * settings.width},
        **{"num_hidden_layers": settings.depth, "num_attention_heads": settings.heads},
    )
    return without_dropout(config)


def _check_inputs(settings: ImagesSettings, config: Any) -> None:
    for name, given in {"image_size": settings.size, "num_channels": settings.channels}.items():
        wanted = getattr(config, name, given)
        if wanted != given:
            raise ModelUnusable(
                f"The model looks at images of {name} {wanted}, and the study has {given}",
                where=settings.model,
                hint="Set size and colour to what the model was made for.",
            )


def _lora(settings: ImagesSettings) -> PretrainedSettings:
    return PretrainedSettings(
        seed=settings.seed,
        lora_rank=settings.lora_rank,
        lora_alpha=settings.lora_alpha,
        lora_targets=settings.lora_targets,
    )
