"""How often each mechanism acts, kept up to date as work is added and taken away.

Promises the same as joining equal mechanisms anew each time, at a cost that does not grow with the
number of jobs: a site's ten-thousandth plan takes no longer than its tenth. Order means nothing in
composition, so none is promised.
"""

from collections.abc import Iterable

from securefed.domain.privacy import Mechanism


class Tally:
    """Mechanisms and how often they act."""

    def __init__(self) -> None:
        self._times: dict[Mechanism, int] = {}

    def add(self, mechanisms: Iterable[Mechanism]) -> None:
        """Counts work."""
        for mechanism in mechanisms:
            single = mechanism.repeated(1)
            self._times[single] = self._times.get(single, 0) + mechanism.times

    def take(self, mechanisms: Iterable[Mechanism]) -> None:
        """Counts work no longer; it must have been added before."""
        for mechanism in mechanisms:
            single = mechanism.repeated(1)
            left = self._times[single] - mechanism.times
            if left < 0:
                raise ValueError(f"{mechanism} was never added so often")
            if left:
                self._times[single] = left
            else:
                del self._times[single]

    def mechanisms(self) -> tuple[Mechanism, ...]:
        """Each mechanism once, acting as often as it was counted."""
        return tuple(single.repeated(times) for single, times in self._times.items())
