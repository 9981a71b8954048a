"""`python -m tools.base_models FOLDER` trains both models and prints their digests."""

import argparse
from pathlib import Path

from securefed.recipes.pretrained.manifest import manifest_digest
from tools.base_models.manual import make_manual_model
from tools.base_models.pictures import make_pictures_model


def main() -> None:
    """Makes both models."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", choices=("pictures-vit", "manual-gpt2"))
    asked = parser.parse_args()
    makers = {"pictures-vit": make_pictures_model, "manual-gpt2": make_manual_model}
    for name, make in makers.items():
        if asked.only in (None, name):
            folder: Path = asked.folder / name
            folder.mkdir(parents=True)
            make(folder)
            print(name, manifest_digest(folder))


if __name__ == "__main__":
    main()
