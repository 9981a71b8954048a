"""Classification of images, or of parts of them, by convolutions or a vision transformer.

recipe = make(ImagesSettings(classes=("benign", "malignant"), size=64), None)
"""

from pathlib import Path

from securefed.recipes.images.networks import begun
from securefed.recipes.images.reading import ImageReader
from securefed.recipes.images.recipe import ImagesRecipe
from securefed.recipes.images.settings import ImagesSettings
from securefed.recipes.recipe import Recipe

NAME = "images"
VERSION = "1.0.0"
SETTINGS = ImagesSettings


def make(settings: ImagesSettings, assets: Path | None) -> Recipe:
    """The recipe; raises where its model's folder is not safe or not the one that is pinned."""
    return ImagesRecipe(
        settings=settings,
        start=begun(settings, assets),
        reader=ImageReader(settings=settings),
    )


__all__ = ["NAME", "SETTINGS", "VERSION", "ImagesRecipe", "ImagesSettings", "make"]
