"""A search of this process's memory for private keys in use.

Promises to find every object of the named classes that Python's collector knows of, which is every
instance of a class written in Python. It does not search raw bytes: a key that somebody read from a
file and made nothing of is not found.
"""

import gc
from collections.abc import Sequence


class HeldSecrets:
    """Looks for objects of some classes, which are the private keys and what works with them."""

    def __init__(self, classes: Sequence[type[object]]) -> None:
        self._classes = tuple(classes)

    def found(self) -> tuple[str, ...]:
        """The names of the classes of which there is an object."""
        if not self._held():
            return ()
        # What is garbage already is found, too. A collection takes longer than the search.
        gc.collect()
        return self._held()

    def _held(self) -> tuple[str, ...]:
        # By its own type: `isinstance` asks an object, and a stranger can answer anything.
        kinds = set(map(type, gc.get_objects()))
        held = (one for one in self._classes if any(issubclass(kind, one) for kind in kinds))
        return tuple(sorted(one.__name__ for one in held))
