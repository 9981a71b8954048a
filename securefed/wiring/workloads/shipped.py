"""Small pretrained models that come with securefed, put where a site keeps public models."""

import shutil
from pathlib import Path

from securefed.errors import StorageFailed
from securefed.wiring.basics import shipped_file


def bring_shipped(model: str, assets: Path) -> None:
    """Copies a model of `sites/models` into the folder of assets."""
    try:
        shutil.copytree(shipped_file(f"sites/models/{model}"), assets / model)
    except OSError as error:
        raise StorageFailed(f"Cannot copy {model}: {error.strerror}", where=str(assets)) from error
