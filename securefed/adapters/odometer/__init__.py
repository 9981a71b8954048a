"""How much privacy has been used, by dp-accounting. Importing this loads numpy and scipy."""

from securefed.adapters.odometer.accountant import Odometer

__all__ = ["Odometer"]
