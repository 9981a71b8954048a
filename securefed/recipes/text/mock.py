"""Made-up texts with a class: words of no meaning, some of which only one class uses."""

import numpy as np

_WORDS = ("amber", "bread", "cloud", "door", "evening", "field", "green", "harbour", "island")
_OWN_WORDS = 3


def mock_texts(classes: tuple[str, ...], records: int, seed: int) -> tuple[list[str], list[str]]:
    """Texts and their classes, in turn."""
    chance = np.random.default_rng(seed)
    labels = [classes[number % len(classes)] for number in range(records)]
    texts = []
    for number in range(records):
        own = [f"sign{number % len(classes)}x{i}" for i in chance.integers(_OWN_WORDS, size=3)]
        words = [*chance.choice(_WORDS, size=chance.integers(2, 7)), *own]
        texts.append(" ".join(chance.permutation(words)))
    return texts, labels
