"""Language models that lie in a folder, or a small built-in one: all weights, or LoRA.

recipe = make(LanguageModelSettings(model="gpt2", model_sha256="sha256:…", train="lora"), assets)
"""

from pathlib import Path

from securefed.recipes.language_model.recipe import LanguageModelRecipe
from securefed.recipes.language_model.settings import LanguageModelSettings
from securefed.recipes.pretrained.beginning import begun
from securefed.recipes.pretrained.tokens import TextBytes

NAME = "language-model"
VERSION = "1.0.0"
SETTINGS = LanguageModelSettings


def make(settings: LanguageModelSettings, assets: Path | None) -> LanguageModelRecipe:
    """The recipe; raises where its model's folder is not safe or not the one that is pinned."""
    start = begun(settings, assets, TextBytes(), "gpt2")
    return LanguageModelRecipe(
        settings=settings, config=start.config, tokens=start.tokens, folder=start.folder
    )
