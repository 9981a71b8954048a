"""What a recipe with a pretrained model begins with: its folder, configuration and tokenizer.

Whatever can be wrong about them is said here, when the recipe is made and no record has been read.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from securefed.errors import ConfigInvalid
from securefed.recipes.pretrained.library import transformers_library
from securefed.recipes.pretrained.loading import ModelFolder, pinned_folder, without_dropout
from securefed.recipes.pretrained.settings import TINY, PretrainedSettings
from securefed.recipes.pretrained.tokens import FolderTokens, Tokens

# Small enough for a test, with every part that a large one has.
_TINY_SIZES: dict[str, dict[str, Any]] = {
    "bert": {
        **{"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2},
        **{"intermediate_size": 64, "max_position_embeddings": 512},
    },
    "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 512},
}


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """A model's parts, without its weights; no folder stands for the built-in model."""

    folder: ModelFolder | None
    config: Any
    tokens: Tokens


def begun(
    settings: PretrainedSettings, assets: Path | None, own: Tokens, tiny: str, **changes: Any
) -> Beginning:
    """The parts of the named model; the built-in one is a very small `tiny` with `own` tokens."""
    if settings.model == TINY:
        if settings.model_sha256:
            raise ConfigInvalid(
                "The built-in model has no folder and no digest",
                where="recipe.parameters.model_sha256",
            )
        found = Beginning(folder=None, config=_tiny_config(tiny, own, changes), tokens=own)
    else:
        folder = pinned_folder(assets, settings.model, settings.model_sha256)
        config = folder.config(**changes)
        tokens = FolderTokens(folder.tokenizer(), config.vocab_size)
        found = Beginning(folder=folder, config=config, tokens=tokens)
    found.config.use_cache = False
    _refuse_longer_texts(settings.max_tokens, found)
    return found


def _tiny_config(kind: str, own: Tokens, changes: dict[str, Any]) -> Any:
    sizes = _TINY_SIZES[kind]
    marks: dict[str, int | None] = {"vocab_size": own.words, "pad_token_id": own.pad}
    marks |= {"bos_token_id": own.end, "eos_token_id": own.end}
    config = transformers_library().AutoConfig.for_model(kind, **sizes, **marks, **changes)
    return without_dropout(config)


def _refuse_longer_texts(tokens: int, found: Beginning) -> None:
    own = found.tokens.most if isinstance(found.tokens, FolderTokens) else tokens
    most = min(getattr(found.config, "max_position_embeddings", None) or tokens, own)
    if tokens > most:
        raise ConfigInvalid(
            f"The model reads {most} tokens at most, not {tokens}",
            where="recipe.parameters.max_tokens",
        )
