"""Text classification by any transformers model that lies in a folder, or by a small built-in one.

recipe = make(TextSettings(model="minilm", model_sha256="sha256:…", pooling="mean"), assets)
"""

from pathlib import Path

from securefed.recipes.pretrained.beginning import begun
from securefed.recipes.pretrained.tokens import HashedWords
from securefed.recipes.text.recipe import TextRecipe
from securefed.recipes.text.settings import TextSettings

NAME = "text"
VERSION = "1.0.0"
SETTINGS = TextSettings


def make(settings: TextSettings, assets: Path | None) -> TextRecipe:
    """The recipe; raises where its model's folder is not safe or not the one that is pinned."""
    start = begun(settings, assets, HashedWords(), "bert", num_labels=len(settings.classes))
    if start.config.pad_token_id is None:
        start.config.pad_token_id = start.tokens.pad
    return TextRecipe(
        settings=settings, config=start.config, tokens=start.tokens, folder=start.folder
    )
