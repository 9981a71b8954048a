"""One file for each kind of layer that the book-keeping engine knows; `choice.py` picks."""

from securefed.adapters.opacus_training.bookkeeping.rules.choice import rule_for
from securefed.adapters.opacus_training.bookkeeping.rules.rule import LayerRule

__all__ = ["LayerRule", "rule_for"]
