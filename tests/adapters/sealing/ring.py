"""Polynomials modulo X^N + 1 and a prime as their values at the roots, in SEAL's order.

SEAL's transform evaluates at the odd powers of the smallest root of order 2N, in bit-reversed
order, so position N-1-i has the inverse of position i's root. Plain Python numbers: slow and clear.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Ring:
    """Z_q[X] / (X^N + 1)."""

    degree: int
    prime: int

    def values(self, coefficients: Sequence[int]) -> list[int]:
        """A polynomial's values."""
        twisted = [
            one * power % self.prime
            for one, power in zip(coefficients, self._powers(self.root), strict=True)
        ]
        found = self._transformed(twisted, pow(self.root, 2, self.prime))
        return [found[place] for place in self._order]

    def coefficients(self, values: Sequence[int]) -> list[int]:
        """The polynomial with these values; coefficients between -q/2 and q/2."""
        ordered = [0] * self.degree
        for place, value in zip(self._order, values, strict=True):
            ordered[place] = value
        back = pow(self.root, -1, self.prime)
        found = self._transformed(ordered, pow(back, 2, self.prime))
        shrink = pow(self.degree, -1, self.prime)
        centred = []
        for one, power in zip(found, self._powers(back), strict=True):
            coefficient = one * power * shrink % self.prime
            centred.append(coefficient - self.prime * (2 * coefficient > self.prime))
        return centred

    @cached_property
    def root(self) -> int:
        """The smallest number whose order modulo the prime is 2N."""
        order = 2 * self.degree
        any_root = next(
            found
            for base in range(2, 1000)
            if pow(
                found := pow(base, (self.prime - 1) // order, self.prime), self.degree, self.prime
            )
            == self.prime - 1
        )
        step = pow(any_root, 2, self.prime)
        smallest = found = any_root
        for _ in range(self.degree - 1):
            found = found * step % self.prime
            smallest = min(smallest, found)
        return smallest

    @cached_property
    def _order(self) -> list[int]:
        bits = self.degree.bit_length() - 1
        return [int(format(place, f"0{bits}b")[::-1], 2) for place in range(self.degree)]

    def _powers(self, base: int) -> list[int]:
        powers = [1]
        for _ in range(self.degree - 1):
            powers.append(powers[-1] * base % self.prime)
        return powers

    def _transformed(self, numbers: list[int], root: int) -> list[int]:
        if len(numbers) == 1:
            return numbers
        square = root * root % self.prime
        even = self._transformed(numbers[::2], square)
        odd = self._transformed(numbers[1::2], square)
        power, turned = 1, []
        for one in odd:
            turned.append(one * power % self.prime)
            power = power * root % self.prime
        return [(a + b) % self.prime for a, b in zip(even, turned, strict=True)] + [
            (a - b) % self.prime for a, b in zip(even, turned, strict=True)
        ]
