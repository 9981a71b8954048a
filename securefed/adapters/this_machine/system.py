"""The operating system's clock and randomness.

Promises UTC to the second, and tokens from the kernel's generator. Does not promise that the clock
is right or never steps back: whoever needs order has the ledger's chain.
"""

import secrets
from datetime import UTC, datetime


class SystemClock:
    """The time of the operating system."""

    def now(self) -> datetime:
        """The moment in UTC, without its fraction of a second."""
        return datetime.now(UTC).replace(microsecond=0)


class SystemEntropy:
    """The randomness of the operating system."""

    def token(self) -> bytes:
        """Thirty-two unpredictable bytes."""
        return secrets.token_bytes(32)
