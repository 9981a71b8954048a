"""How much is tried: the mechanisms, and how many canaries.

Sampled mechanisms of about ε 1, 4 and 8 at δ 1e-5, as studies have them, and one that takes every
record, where scores are exactly Gaussian.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from securefed.adapters.privacy_attack.canary_run import Crowd
from securefed.domain.privacy import DpSgd, Sampling


@dataclass(frozen=True, kw_only=True)
class Extent:
    """The last mechanism is also the one whose model is attacked for its members."""

    crowd: Crowd
    mechanisms: tuple[DpSgd, ...]
    shadows: int


def mechanism(noise: str, rate: str, steps: int) -> DpSgd:
    """A clip of one."""
    return DpSgd(
        noise_multiplier=Decimal(noise),
        sampling_rate=Decimal(rate),
        sampling=Sampling.POISSON,
        steps=steps,
        clip=Decimal(1),
    )


_MECHANISMS: Final = (
    mechanism("3.94", "0.1", 100),
    mechanism("1.386", "0.1", 100),
    mechanism("0.936", "0.1", 100),
    mechanism("4.32", "1", 16),
)

QUICK: Final = Extent(
    crowd=Crowd(canaries=2000, idle=6000, ordinary=300), mechanisms=_MECHANISMS, shadows=2
)
FULL: Final = Extent(
    crowd=Crowd(canaries=10_000, idle=10_000, ordinary=1000), mechanisms=_MECHANISMS, shadows=8
)
