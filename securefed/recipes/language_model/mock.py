"""Made-up sentences of few words, in an order that a small model learns quickly."""

import numpy as np

_WHO = ("a nurse", "a clerk", "a guard")
_DOES = ("opens", "closes", "counts")
_WHAT = ("the door", "the book", "the box")


def mock_sentences(records: int, seed: int) -> list[str]:
    """Sentences of one form; their words are drawn."""
    chance = np.random.default_rng(seed)
    drawn = chance.integers(3, size=(records, 3))
    return [f"{_WHO[who]} {_DOES[does]} {_WHAT[what]}" for who, does, what in drawn]
