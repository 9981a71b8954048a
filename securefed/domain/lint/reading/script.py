"""All facts of a script, gathered."""

import ast

from securefed.domain.lint.facts import Known, Remark, ScriptFacts, Unknown, Value
from securefed.domain.lint.reading.aggregation import Aggregation
from securefed.domain.lint.reading.data import Data
from securefed.domain.lint.reading.engines import Engines
from securefed.domain.lint.reading.federation import Federation
from securefed.domain.lint.reading.opacus import Opacus
from securefed.domain.lint.reading.origins import Origins
from securefed.domain.lint.reading.seeds import Seeds
from securefed.domain.lint.reading.source import Source
from securefed.domain.lint.reading.training import Training
from securefed.errors import ScriptUnreadable

_MOST_TRAININGS = 50


def facts_of(tree: ast.Module, name: str) -> ScriptFacts:
    """What a parsed script says about its privacy."""
    source = Source(tree, name)
    data = Data(Origins(source))
    federation = Federation(data)
    seeds = Seeds(data)
    engines = Engines(data, federation)
    opacus = Opacus(data, federation, engines, seeds)
    if len(opacus.makers) > _MOST_TRAININGS:
        raise ScriptUnreadable(f"More than {_MOST_TRAININGS} private trainings", where=name)
    training = Training(data, federation, opacus.keys, engines.runs())
    aggregation = Aggregation(data, federation)
    return ScriptFacts(
        engines=engines.facts(),
        protections=opacus.protections(),
        readings=opacus.readings(),
        counts=opacus.counts(training),
        work=training.work(),
        rounds=federation.rounds() if federation.federated else _rounds_outside(federation),
        federated=federation.federated,
        seeds=seeds.seeds(),
        shares=aggregation.shares(),
        averaging=aggregation.averaging(),
        gdp=opacus.gdp(),
        remarks=tuple(_old_engines(engines)),
    )


def _rounds_outside(federation: Federation) -> Value:
    """Without a federation there is one round, unless the script configures a server."""
    rounds = federation.rounds()
    return rounds if isinstance(rounds, Known) else Unknown(why="nothing here happens in rounds")


def _old_engines(engines: Engines) -> list[Remark]:
    """Engines in the form that Opacus had before version 1.0, which this linter does not read."""
    old = [
        call
        for call in engines.calls
        if call.args or any(one.arg in ("noise_multiplier", "alphas") for one in call.keywords)
    ]
    what = "PrivacyEngine is used in the form of Opacus before 1.0, whose sampling is set elsewhere"
    return [Remark(line=call.lineno, what=what) for call in old]
