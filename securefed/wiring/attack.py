"""The composition root of the empirical audit: the training engine under attack, and its claim.

Like `wiring`, it alone opens the adapters, and only when it is asked: this brings torch.
"""

from typing import TYPE_CHECKING

from securefed.wiring.basics import accountant

if TYPE_CHECKING:
    from securefed.adapters.privacy_attack import Attack


def attack_engine(*, quick: bool) -> "Attack":
    """An audit on made-up records, ready to run."""
    from securefed.adapters.opacus_training.attacked import AttackedEngine
    from securefed.adapters.privacy_attack import new_attack

    return new_attack(AttackedEngine(), accountant(), quick=quick)
