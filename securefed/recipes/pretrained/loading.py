"""Loads a model from a folder that was found safe and has the digest that the study states.

Promises that every weight of the body comes from the folder: one that is missing there or has
another shape is an error, where the library would draw it at random. Only the last layer of a
classifier may be new. Dropout is off, since a step with privacy has noise enough. The folder is the
site's own: that nobody changes it between the check and the reading is the site's business.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn

from securefed.errors import ModelUnusable
from securefed.recipes.pretrained.library import calm_loading, transformers_library
from securefed.recipes.pretrained.manifest import pinned_path

# What the library raises for files that are not what they should be.
_LIBRARY_ERRORS = (
    *(OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, ImportError),
    SafetensorError,
)


@dataclass(frozen=True, kw_only=True)
class ModelFolder:
    """A folder that is safe to load and is the one that was approved."""

    path: Path

    def config(self, **changes: Any) -> Any:
        """The model's configuration, without dropout."""
        library = transformers_library()
        return without_dropout(self._read(library.AutoConfig, **changes))

    def tokenizer(self) -> Any:
        """What turns text into the model's tokens."""
        with calm_loading(seed=0):
            return self._read(transformers_library().AutoTokenizer)

    def model(self, kind: str, config: Any, seed: int, may_lack: Callable[[str, str], bool]) -> Any:
        """The model as one of transformers' automatic classes. `may_lack` says of the body's prefix
        and a weight's name whether the folder can be without it."""
        with calm_loading(seed):
            model, told = self._read(
                getattr(transformers_library(), kind),
                **{"config": config, "dtype": torch.float32, "use_safetensors": True},
                **{"output_loading_info": True, "ignore_mismatched_sizes": True},
            )
        body = f"{model.base_model_prefix}."
        lacking = _names(told["missing_keys"]) | _names(told["mismatched_keys"])
        odd = sorted(name for name in lacking if not may_lack(body, name))
        if odd or told["error_msgs"]:
            raise ModelUnusable(
                f"{len(odd)} weights of the model are not in its folder, or of another shape",
                where=odd[0] if odd else self.path.name,
            )
        return model

    def _read(self, part: Any, **options: Any) -> Any:
        try:
            return part.from_pretrained(
                str(self.path), local_files_only=True, trust_remote_code=False, **options
            )
        except _LIBRARY_ERRORS as error:
            raise ModelUnusable(
                f"transformers cannot load it: {type(error).__name__}", where=self.path.name
            ) from error


def pinned_folder(assets: Path | None, name: str, sha256: str) -> ModelFolder:
    """The model folder of this name, checked against the digest in the study."""
    return ModelFolder(path=pinned_path(assets, name, sha256, "model_sha256"))


def without_dropout(config: Any) -> Any:
    """The configuration with every kind of dropout set to zero."""
    for name, value in vars(config).items():
        if "drop" in name and isinstance(value, int | float) and not isinstance(value, bool):
            setattr(config, name, 0.0)
    return config


def none_may_lack(_body: str, _name: str) -> bool:
    """For models whose weights all come from the folder."""
    return False


def head_may_be_new(body: str, name: str) -> bool:
    """For classifiers: what is not part of the body can be new."""
    return not name.startswith(body)


def pooler_may_lack(_body: str, name: str) -> bool:
    """For encoders whose tokens are pooled here: their own pooler is not used."""
    return name.startswith("pooler.")


def classifier_head(model: Any) -> list[nn.Parameter]:
    """The parameters of a classifier that do not belong to its body."""
    body = f"{model.base_model_prefix}."
    return [one for name, one in model.named_parameters() if head_may_be_new(body, name)]


def _names(keys: Iterable[str | tuple[Any, ...]]) -> set[str]:
    """Names of weights; those of another shape come with both shapes."""
    return {key if isinstance(key, str) else str(key[0]) for key in keys}
