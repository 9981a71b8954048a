"""The composition root of the empirical audit: the training engine under attack, and its claim.

Like `wiring`, it alone opens the adapters, and only when it is asked: this brings torch.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from securefed.config import CardDraft
from securefed.errors import ConfigInvalid
from securefed.wiring.basics import accountant
from securefed.wiring.models import Beside, exported_models

if TYPE_CHECKING:
    from securefed.adapters.privacy_attack import Attack
    from securefed.domain.attack import AttackReport


def attack_engine(*, quick: bool) -> "Attack":
    """An audit on made-up records, ready to run."""
    from securefed.adapters.opacus_training.attacked import AttackedEngine
    from securefed.adapters.privacy_attack import new_attack

    return new_attack(AttackedEngine(), accountant(), quick=quick)


def attack_model(
    folder: Path, members: CardDraft, others: CardDraft, beside: Beside
) -> "AttackReport":
    """Membership inference against an exported model, by records that were in its training and
    records that were not."""
    from securefed.adapters.opacus_training.attacked import AttackedEngine
    from securefed.adapters.privacy_attack import attacked_model
    from securefed.recipes.files.opening import open_source
    from securefed.recipes.fit import check_fit

    [model] = exported_models([folder], beside)
    for draft in (members, others):
        check_fit(model.recipe, draft.columns)
    with (
        open_source(members.data, members.columns, members.unit) as inside,
        open_source(others.data, others.columns, others.unit) as outside,
    ):
        if inside.digest == outside.digest:
            raise ConfigInvalid("The members and the others are one and the same file")
        return attacked_model(AttackedEngine(), model, inside, outside)
