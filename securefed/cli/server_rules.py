"""A server rule as people type it: its name, and its numbers behind a colon.

fed-avg:rate=1
fed-adam:rate=0.05,beta1=0.9,beta2=0.99,tau=0.001
"""

from dataclasses import fields
from decimal import Decimal
from typing import get_args

from securefed.cli.numbers import exact
from securefed.domain.server_rule import ServerPlan, ServerRule
from securefed.errors import ConfigInvalid

_OPTION = "--server-rule"


def server_plan(text: str) -> ServerPlan:
    """The plan; refuses an unknown rule, and numbers that are not exactly its own."""
    name, _, rest = text.partition(":")
    rules = {one.kind: one for one in get_args(ServerRule)}
    if name not in rules:
        raise ConfigInvalid(
            f"There is no server rule {name!a}",
            where=_OPTION,
            hint=f"The rules are: {', '.join(_shown(one) for one in rules.values())}.",
        )
    kind, given = rules[name], _numbers(rest)
    if given.keys() != {one.name for one in fields(kind)}:
        raise ConfigInvalid(
            f"The rule {name} has other numbers", where=_OPTION, hint=f"Write {_shown(kind)}."
        )
    return ServerPlan(rule=kind(**given), stride=None)


def _numbers(text: str) -> dict[str, Decimal]:
    pairs = [one.partition("=") for one in text.split(",") if one]
    found = {name: exact(_OPTION, value) for name, _, value in pairs}
    if len(found) != len(pairs):
        raise ConfigInvalid("A number of the rule stands twice", where=_OPTION)
    return found


def _shown(kind: type[ServerRule]) -> str:
    return f"{kind.kind}:" + ",".join(f"{one.name}=NUMBER" for one in fields(kind))
