"""Texts as numbers, in rows of equal length.

A folder brings its own tokenizer. The built-in models have two that need no file: words by their
hash, for classifiers, and bytes, for language models. Promises that a text's tokens depend on that
text alone, whatever it is, the empty one included.
"""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from securefed.errors import ModelUnusable

_WORD = re.compile(r"\w+|[^\w\s]")


class Tokens(Protocol):
    """Turns texts into tokens; `pad` fills rows up, `end` stands after a text."""

    @property
    def words(self) -> int:
        """How many different tokens there are."""
        ...

    @property
    def pad(self) -> int:
        """What fills rows up; it is masked."""
        ...

    @property
    def end(self) -> int | None:
        """The token after a whole text, where there is one."""
        ...

    def encode(self, texts: Sequence[str], most: int) -> list[list[int]]:
        """The first tokens of each text, at least one."""
        ...


class HashedWords:
    """Each word, without regard to case, is one of a few hundred tokens."""

    words, pad, end = 512, 0, None

    def encode(self, texts: Sequence[str], most: int) -> list[list[int]]:
        """A token for the beginning, then one for each word."""
        return [[1, *map(self._token, _WORD.findall(text.lower())[: most - 1])] for text in texts]

    def _token(self, word: str) -> int:
        hashed = hashlib.sha256(word.encode("utf-8", "replace")).digest()
        return 2 + int.from_bytes(hashed[:4], "big") % (self.words - 2)


class TextBytes:
    """Each byte of a text in UTF-8 is a token."""

    words, pad, end = 258, 256, 257

    def encode(self, texts: Sequence[str], most: int) -> list[list[int]]:
        """The bytes; an end for an empty text."""
        return [list(text.encode("utf-8", "replace")[:most]) or [self.end] for text in texts]


class FolderTokens:
    """The tokenizer of a model's folder."""

    def __init__(self, tokenizer: Any, words: int) -> None:
        if len(tokenizer) > words:
            raise ModelUnusable(f"The tokenizer has {len(tokenizer)} tokens, the model {words}")
        self.words = words
        # A tokenizer that knows no limit says 10^30.
        self.most = int(tokenizer.model_max_length)
        self.end: int | None = tokenizer.eos_token_id
        pad = tokenizer.pad_token_id
        self.pad: int = pad if pad is not None else self.end or 0
        self._tokenizer = tokenizer

    def encode(self, texts: Sequence[str], most: int) -> list[list[int]]:
        """As the model was trained, with its marks at the beginning and the end."""
        if not texts:
            return []
        found: list[list[int]] = self._tokenizer(
            list(texts), truncation=True, max_length=most, return_attention_mask=False
        )["input_ids"]
        return [row or [self.pad] for row in found]

    def save(self, folder: Path) -> None:
        """Its files, as transformers reads them."""
        self._tokenizer.save_pretrained(folder)


def padded(rows: Sequence[Sequence[int]], pad: int, least: int = 1) -> tuple[Tensor, Tensor]:
    """Rows as long as the longest, and where tokens are: one, or zero where it is filled up."""
    longest = max([least, *(len(row) for row in rows)])
    tokens = torch.full((len(rows), longest), pad, dtype=torch.int64)
    mask = torch.zeros((len(rows), longest), dtype=torch.int64)
    for i, row in enumerate(rows):
        tokens[i, : len(row)] = torch.tensor(row, dtype=torch.int64)
        mask[i, : len(row)] = 1
    return tokens, mask
