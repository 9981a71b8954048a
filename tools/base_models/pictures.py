"""A small vision transformer that has learnt to describe made-up pictures of round things.

A picture has one to three soft discs and rings of chance colours and sizes on a bright and uneven
ground. The model says how large the one in the middle is, which colour it has, whether it is a ring
and how oval it is. What it sees in order to say so serves a layer for other pictures. No picture is
real, so there is nothing in the model that anybody could own or want hidden.
"""

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from tools.base_models.fitting import fit

SIDE: Final = 32
PICTURES: Final = 8000
_TOLD: Final = 6
_EPOCHS, _BATCH, _RATE = 8, 128, 1e-3
_CARD: Final = """\
# pictures-vit

A vision transformer of 0.1 million weights for pictures of 32 by 32 pixels. It was trained from
nothing on made-up pictures of round things, by `python -m tools.base_models` in securefed's
repository, and has seen no real one. Its last layer is left out: a study trains its own.
Licence: that of securefed.
"""

Floats = NDArray[np.float64]


def make_pictures_model(folder: Path) -> None:
    """Trains it, and writes what a study begins with."""
    library: Any = transformers
    config = library.ViTConfig(
        **{"image_size": SIDE, "patch_size": 8, "num_channels": 3, "num_labels": _TOLD},
        **{"hidden_size": 64, "intermediate_size": 128},
        **{"num_hidden_layers": 3, "num_attention_heads": 4},
        **{"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0},
    )
    torch.manual_seed(0)
    model = library.ViTForImageClassification(config)
    pictures, told = made_up(PICTURES, seed=0)

    def loss(numbers: Tensor) -> Tensor:
        answers: Tensor = model(pixel_values=pictures[numbers]).logits
        return functional.mse_loss(answers, told[numbers])

    fit(model, loss, PICTURES, epochs=_EPOCHS, batch=_BATCH, rate=_RATE)
    weights = {
        name: one.half().contiguous()
        for name, one in model.state_dict().items()
        if not name.startswith("classifier.")
    }
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    _write_config(folder, config)
    (folder / "README.md").write_text(_CARD, encoding="utf-8")


def made_up(pictures: int, seed: int) -> tuple[Tensor, Tensor]:
    """Pixels as the recipe normalises them, and what is to be told, with mean 0 and spread 1."""
    chance = np.random.default_rng(seed)
    drawn = [_picture(chance) for _ in range(pictures)]
    pixels = np.stack([one for one, _ in drawn]).transpose(0, 3, 1, 2)
    told = np.stack([one for _, one in drawn])
    told = (told - told.mean(0)) / told.std(0)
    return torch.from_numpy((pixels - 0.5) / 0.5).float(), torch.from_numpy(told).float()


def _picture(chance: np.random.Generator) -> tuple[Floats, Floats]:
    image = np.ones((SIDE, SIDE, 3)) * chance.uniform(0.4, 1, 3)
    uneven = chance.normal(0, 0.04, (4, 4, 3))
    image += uneven.repeat(SIDE // 4, 0).repeat(SIDE // 4, 1)
    told = None
    for others in range(chance.integers(1, 4)):
        image, about = _with_one_more(chance, image, anywhere=others > 0)
        told = about if told is None else told
    image += chance.normal(0, chance.uniform(0, 0.06), image.shape)
    return image.clip(0, 1), np.zeros(_TOLD) if told is None else told


def _with_one_more(
    chance: np.random.Generator, image: Floats, *, anywhere: bool
) -> tuple[Floats, Floats]:
    """A disc or a ring: its radius, colour, whether it is a ring, and how oval it is."""
    place = chance.uniform(0, 1, 2) if anywhere else chance.uniform(0.35, 0.65, 2)
    radius, oval = chance.uniform(0.08, 0.6), chance.uniform(0.6, 1.6)
    down, across = np.mgrid[:SIDE, :SIDE] / SIDE
    away = np.hypot((down - place[0]) * oval, (across - place[1]) / oval)
    colour = chance.uniform(0, 1, 3)
    cover = 1 / (1 + np.exp((away - radius) / chance.uniform(0.01, 0.06)))
    ring = chance.random() < 0.4
    if ring:
        cover *= 1 - 0.6 * np.exp(-((away / (radius * 0.5)) ** 2))
    image = image * (1 - cover[..., None]) + colour * cover[..., None]
    return image, np.array([radius, *colour, float(ring), oval])


def _write_config(folder: Path, config: Any) -> None:
    # The names of the numbers that it told are of no use to a study's classes.
    left_out = {"id2label", "label2id", "transformers_version", "dtype"}
    told = {name: one for name, one in config.to_diff_dict().items() if name not in left_out}
    told["architectures"] = ["ViTForImageClassification"]
    text = json.dumps(told, indent=2, sort_keys=True) + "\n"
    (folder / "config.json").write_text(text, encoding="utf-8")
