"""The libraries that build pretrained models, loaded when they are needed and kept quiet.

transformers writes reports and progress bars while it loads; whoever loads here checks the outcome
instead, so they are turned off for as long as that takes and turned on again. Promises that the
weights a library draws come from the public seed and leave torch's own generator as it was.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from securefed.errors import ModelUnusable


def transformers_library() -> Any:
    """The transformers library."""
    try:
        import transformers
    except ImportError:
        raise _missing("transformers") from None
    return transformers


def peft_library() -> Any:
    """The library for LoRA."""
    try:
        import peft
    except ImportError:
        raise _missing("peft") from None
    return peft


def hub_library() -> Any:
    """The library that fetches models."""
    try:
        import huggingface_hub.errors
    except ImportError:
        raise _missing("huggingface_hub") from None
    return huggingface_hub


@contextmanager
def calm_loading(seed: int) -> Iterator[None]:
    """Quiet, and with the same random numbers every time."""
    logging = transformers_library().utils.logging
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def _missing(name: str) -> ModelUnusable:
    return ModelUnusable(f"{name} is not installed", hint="Install securefed[models].")
