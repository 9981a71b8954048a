"""Jobs by their mechanisms alone: as many as wanted, alike or no two of them alike."""

from decimal import Decimal

from securefed.domain.privacy import DpSgd, Sampling

DELTA = Decimal("1e-6")
STEPS = 16


def different_jobs(number: int) -> tuple[DpSgd, ...]:
    """Jobs that differ in noise, sampling rate or both; none can be joined with another."""
    return tuple(
        DpSgd(
            noise_multiplier=2 + Decimal(job % 50) / 20,
            sampling_rate=(10 + Decimal(job // 50)) / 1000,
            sampling=Sampling.POISSON,
            steps=STEPS,
            clip=Decimal(1),
        )
        for job in range(number)
    )
