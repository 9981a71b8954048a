"""An empirical audit of an engine, from its first run to the report.

Everything runs on made-up records, through the engine as it is. Where the engine itself refuses to
run, by its self-test or because it asks for steps that it was not granted, the report says that and
ends: nothing else can then be measured.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Final

import numpy as np

from securefed.adapters.privacy_attack.canary_run import CanaryRun, canary_run
from securefed.adapters.privacy_attack.direct import direct_lines
from securefed.adapters.privacy_attack.engine import Engine
from securefed.adapters.privacy_attack.extent import FULL, QUICK, Extent
from securefed.adapters.privacy_attack.judging import certain
from securefed.adapters.privacy_attack.lower_bounds import DELTA, bound_line
from securefed.adapters.privacy_attack.membership_lines import MembershipTrial
from securefed.domain.attack import AttackLine, AttackReport
from securefed.domain.audit_alarms import FALSE_ALARM, MOST_TESTS
from securefed.errors import BudgetInsufficient, SelfTestFailed
from securefed.ports import Accountant

_TRIED: Final = "the engine runs as it was told to"
# Of a mechanism's steps, how many are granted to a run that must then end.
_GRANTED: Final = 3


@dataclass(frozen=True, kw_only=True)
class Attack:
    """The engine, whose claim it is held against, and the coins that nobody may know beforehand."""

    engine: Engine
    accountant: Accountant
    extent: Extent
    coins: np.random.Generator

    @property
    def stages(self) -> int:
        """How often progress is told."""
        return 2 * len(self.extent.mechanisms) + 2

    def run(self, on_stage: Callable[[int], None] = lambda _: None) -> AttackReport:
        """Tries everything."""
        lines: list[AttackLine] = []
        done = 0
        try:
            runs = []
            for mechanism in self.extent.mechanisms:
                runs.append(canary_run(self.engine, self.extent.crowd, mechanism, self.coins))
                on_stage(done := done + 1)
            lines += direct_lines(runs)
            for stage in self._later(runs):
                lines += stage()
                on_stage(done := done + 1)
        except (SelfTestFailed, BudgetInsufficient) as error:
            lines.append(_refused(error))
        if sum(line.tests for line in lines) > MOST_TESTS:
            raise ValueError("there are too many tests for the level of each")
        return AttackReport(lines=tuple(lines), false_alarm=Decimal(str(FALSE_ALARM)))

    def _later(self, runs: list[CanaryRun]) -> list[Callable[[], list[AttackLine]]]:
        bounds = [partial(self._bounds, run) for run in runs]
        return [self._stopped, *bounds, self._membership]

    def _bounds(self, run: CanaryRun) -> list[AttackLine]:
        return [bound_line(run, self.accountant)]

    def _stopped(self) -> list[AttackLine]:
        """A run that is granted fewer steps than it has must end and leave nothing."""
        mechanism = self.extent.mechanisms[0]
        witness, _ = self.extent.crowd.witness(self.coins, _GRANTED)
        faults = []
        try:
            self.engine.train(
                self.extent.crowd.recipe(), witness, mechanism, witness, witness.finished.append
            )
            faults.append(f"weights left after {mechanism.steps} steps, {_GRANTED} were granted")
        except BudgetInsufficient:
            pass
        if len(witness.finished) > _GRANTED:
            faults.append(f"{len(witness.finished)} steps were taken, {_GRANTED} were granted")
        line = certain(
            "a run whose budget ends",
            faults,
            fine=f"it ended after {len(witness.finished)} of {mechanism.steps} steps, and left "
            "nothing",
            shows="a gate that is not obeyed",
            cannot="say what the ledger charges: its own tests do",
        )
        return [line]

    def _membership(self) -> list[AttackLine]:
        mechanism = self.extent.mechanisms[-1]
        trial = MembershipTrial(
            engine=self.engine,
            mechanism=mechanism,
            epsilon=self.accountant.loss((mechanism,), DELTA).epsilon,
            shadows=self.extent.shadows,
            seed=int(self.coins.integers(2**32)),
        )
        return trial.lines()


def _refused(error: SelfTestFailed | BudgetInsufficient) -> AttackLine:
    return certain(
        _TRIED,
        [f"{error.code}: {error.what}"],
        fine="",
        shows="a defect that the engine finds itself",
        cannot="tell whether there are others: nothing more could be tried",
    )


def new_attack(engine: Engine, accountant: Accountant, *, quick: bool) -> Attack:
    """An attack with the system's chance."""
    extent = QUICK if quick else FULL
    coins = np.random.default_rng()
    return Attack(engine=engine, accountant=accountant, extent=extent, coins=coins)
