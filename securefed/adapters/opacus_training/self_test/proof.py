"""What the self-test measured, for the log and the report; made of synthetic records alone."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Proof:
    """Measured on made-up records, as shares of what is allowed."""

    engine: str
    notice: str | None
    largest_contribution: float
    largest_removal: float
    noise_variance: float
    noise_samples: int
