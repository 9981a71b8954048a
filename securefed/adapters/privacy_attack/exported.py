"""Membership inference against a model that was exported, by whoever holds records of both kinds.

A member is a record that was in the training, another one was not and is otherwise of the same
kind. Where the two files differ in anything else, the attack finds that and no member.
"""

from decimal import Decimal
from typing import Final

import numpy as np

from securefed.adapters.privacy_attack.engine import Engine
from securefed.adapters.privacy_attack.membership import membership
from securefed.adapters.privacy_attack.membership_lines import figures_of, told
from securefed.domain.attack import AttackLine, AttackReport, Outcome
from securefed.errors import ConfigInvalid, ModelUnusable
from securefed.recipes.built import Built
from securefed.recipes.files.source import RecordSource
from securefed.recipes.records import Records

# Below this no interval tells anything.
_LEAST: Final = 20


def attacked_model(
    engine: Engine, model: Built, members: RecordSource, others: RecordSource
) -> AttackReport:
    """The attack by loss."""
    if model.recipe.kept:
        raise ModelUnusable(
            f"A part of the model never left the sites: {', '.join(sorted(model.recipe.kept))}",
            hint="What is not there cannot be attacked.",
        )
    weights = {
        name: one.detach().double().numpy()
        for name, one in model.model.named_parameters()
        if one.requires_grad
    }
    inside, outside = _records(members, "members"), _records(others, "others")
    found = membership(engine, model.whole, weights, inside, outside)
    line = AttackLine(
        tried=f"membership of {len(inside)} records, against {len(outside)} others",
        outcome=Outcome.FIGURE,
        result=f"members are {'' if found.sees else 'not '}told from others: by loss {told(found)}",
        shows="a model that gives its members away to whoever has the model and their records",
        cannot="show that no attack succeeds: this one is simple, without shadow models, and an "
        "average hides the few records that are most exposed. It means nothing where the others "
        "are of another kind than the members",
        figures=figures_of("loss", found),
    )
    return AttackReport(lines=(line,), false_alarm=Decimal(0))


def _records(source: RecordSource, which: str) -> Records:
    if source.records < _LEAST:
        raise ConfigInvalid(
            f"There are {source.records} {which}, and the attack needs {_LEAST} at least"
        )
    return source.take(np.arange(source.records, dtype=np.int64))
