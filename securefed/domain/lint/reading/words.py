"""What a name says that it counts: `num_rounds`, `n_clients`, `local_epochs`."""

import re

from securefed.domain.lint.facts import Quantity

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Za-z][a-z]*")
_COUNTED = {
    Quantity.ROUNDS: {"rounds", "nrounds", "nround"},
    Quantity.SITES: {
        *("clients", "sites", "hospitals", "parties", "centers", "centres", "institutions"),
        *("silos", "participants", "nclients", "nodes", "partitions"),
    },
    Quantity.EPOCHS: {"epochs", "nepochs", "passes"},
    Quantity.STEPS: {"steps", "updates", "iterations", "iters"},
    Quantity.BATCHES: {"batches"},
    Quantity.RECORDS: {"records", "samples", "examples", "rows", "patients", "datapoints"},
}
_LONE_RATIO = {"per", "fraction", "rate", "frac", "ratio"}


def words(name: str) -> list[str]:
    """The words of an identifier, in lower case."""
    return [word.lower() for part in re.split(r"[_\W]+", name[:200]) for word in _parts(part)]


def counted(name: str) -> Quantity | None:
    """The quantity that a name counts, if it says one and no other."""
    said = set(words(name))
    if said & _LONE_RATIO:
        return None
    found = [quantity for quantity, names in _COUNTED.items() if said & names]
    return found[0] if len(found) == 1 else None


def _parts(part: str) -> list[str]:
    return [part] if part.isupper() else _WORDS.findall(part)
