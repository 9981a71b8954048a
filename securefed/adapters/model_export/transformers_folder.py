"""A model as a folder that transformers loads: its configuration, weights and tokenizer.

What LoRA trained beside the weights is added to them, so that a study can begin with the folder as
with any other. A text model of pooled tokens is an encoder with a layer that transformers does not
know: the layer lies beside it, in `head.safetensors`.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import torch
from safetensors.torch import save_file
from torch import nn

from securefed.adapters.model_export.calls import Call
from securefed.errors import ModelUnusable
from securefed.recipes.images.networks import Transformer
from securefed.recipes.language_model.recipe import LanguageModelRecipe, NextToken
from securefed.recipes.pretrained.core import CoreLora
from securefed.recipes.pretrained.library import calm_loading, peft_library
from securefed.recipes.pretrained.loading import ModelFolder, none_may_lack, pooler_may_lack
from securefed.recipes.pretrained.manifest import manifest_digest
from securefed.recipes.pretrained.texts import texts_of
from securefed.recipes.pretrained.tokens import FolderTokens
from securefed.recipes.recipe import Recipe
from securefed.recipes.text.networks import OwnClassifier, PooledClassifier
from securefed.recipes.text.recipe import TextRecipe

HEAD: Final = "head.safetensors"
_KINDS: Final[dict[type[nn.Module], str]] = {
    OwnClassifier: "AutoModelForSequenceClassification",
    NextToken: "AutoModelForCausalLM",
    PooledClassifier: "AutoModel",
    Transformer: "AutoModelForImageClassification",
}
_MOCK: Final = 5


def write_transformers(
    recipe: Recipe, model: nn.Module, folder: Path, calls: Sequence[Call]
) -> None:
    """Writes and compares."""
    if type(model) not in _KINDS:
        raise ModelUnusable(
            f"transformers has no place for a model of the family {recipe.family}",
            hint="Export it with --format torchscript or onnx.",
        )
    network: Any = model.encoder if isinstance(model, PooledClassifier) else model.network
    _merge_lora(network)
    _name_classes(network.config, getattr(recipe.settings, "classes", ()))
    with calm_loading(seed=0):
        network.save_pretrained(folder)
    if isinstance(model, PooledClassifier):
        save_file(
            {name: one.detach() for name, one in model.head.named_parameters()}, folder / HEAD
        )
    if isinstance(recipe, TextRecipe | LanguageModelRecipe):
        _write_tokens(recipe, folder)
    _compare(model, folder, calls)


def _merge_lora(network: Any) -> None:
    """Adds the small matrices to the weights beside them, and puts these in their place."""
    layers = (peft_library().tuners.tuners_utils.BaseTunerLayer, CoreLora)
    for name, part in list(network.named_modules()):
        if isinstance(part, layers):
            part.merge()
            network.set_submodule(name, part.get_base_layer())


def _name_classes(config: Any, classes: Sequence[str]) -> None:
    if classes:
        config.id2label = dict(enumerate(classes))
        config.label2id = {name: number for number, name in enumerate(classes)}


def _write_tokens(recipe: TextRecipe | LanguageModelRecipe, folder: Path) -> None:
    if not isinstance(recipe.tokens, FolderTokens):
        raise ModelUnusable(
            "The built-in model has a tokenizer of its own, which transformers does not know",
            hint="Begin with a model's folder, or export with --format torchscript or onnx.",
        )
    recipe.tokens.save(folder)
    with TemporaryDirectory(prefix="securefed-") as made:
        texts = texts_of(recipe.mock(_MOCK, 0, Path(made)), recipe.settings)
    again = FolderTokens(ModelFolder(path=folder).tokenizer(), recipe.tokens.words)
    most = recipe.settings.max_tokens
    if again.encode(texts, most) != recipe.tokens.encode(texts, most):
        raise ModelUnusable("As transformers the tokenizer reads texts differently")


def _compare(model: nn.Module, folder: Path, calls: Sequence[Call]) -> None:
    # It is as safe to load as one that a study names.
    manifest_digest(folder)
    read = ModelFolder(path=folder)
    lacking: Callable[[str, str], bool] = none_may_lack
    if isinstance(model, PooledClassifier):
        lacking = pooler_may_lack
    config = read.config()
    config.use_cache = False
    network = read.model(_KINDS[type(model)], config, 0, lacking).eval()
    if isinstance(model, PooledClassifier):
        model.encoder = network
    else:
        model.network = network
    with torch.no_grad():
        for call in calls:
            call.expect(model(*call.tensors), "transformers")
