"""The time, randomness, keys, and what figures come from."""

from datetime import datetime
from decimal import Decimal
from typing import Protocol

from securefed.domain.identifiers import PublicKey, Signature
from securefed.domain.privacy import Mechanism, PrivacyLoss


class Clock(Protocol):
    """The time."""

    def now(self) -> datetime:
        """The moment in UTC, to the second."""
        ...


class Entropy(Protocol):
    """Secure randomness."""

    def token(self) -> bytes:
        """Thirty-two bytes that nobody can guess."""
        ...


class Signer(Protocol):
    """One private key, in use. It signs and never shows itself."""

    @property
    def key(self) -> PublicKey:
        """The public half."""
        ...

    def sign(self, data: bytes) -> Signature:
        """A signature over exactly these bytes."""
        ...


class SecretFinder(Protocol):
    """Looks for private keys in this process."""

    def found(self) -> tuple[str, ...]:
        """The kinds of private keys that are in memory, never the keys."""
        ...


class Accountant(Protocol):
    """Turns mechanisms into (ε, δ). A mechanism that it does not know costs infinitely much."""

    def loss(self, mechanisms: tuple[Mechanism, ...], delta: Decimal) -> PrivacyLoss:
        """What all mechanisms together cost at δ, under add/remove and under replacing one unit."""
        ...

    def profile(
        self, mechanisms: tuple[Mechanism, ...], epsilons: tuple[Decimal, ...]
    ) -> tuple[Decimal, ...]:
        """The δ at each ε, under add/remove of one unit; 1 where a mechanism is unknown."""
        ...

    def divergence(self, mechanisms: tuple[Mechanism, ...], order: int) -> Decimal:
        """The Rényi divergence at an order: what admission counts, computed a second time."""
        ...


class SecondAccountant(Protocol):
    """Another library's ε for the same work, to hold against the first. It admits nothing."""

    @property
    def name(self) -> str:
        """The library, its version and its method."""
        ...

    def epsilon(self, mechanisms: tuple[Mechanism, ...], delta: Decimal) -> Decimal | None:
        """The upper bound on ε at δ under add/remove; None where it has no rule or no figure."""
        ...
