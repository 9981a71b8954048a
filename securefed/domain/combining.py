"""How a study's rounds become one model: the server's rule, the sites' pull, who takes part, when
it ends.

All of it acts on noised updates and on released figures, so it costs no privacy. It stands in the
study because sites follow parts of it, and so that a run goes on after a crash as it began.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from securefed.domain.early_stopping import Judgement, StoppingRule
from securefed.domain.identifiers import Line
from securefed.domain.numbers import count, positive
from securefed.domain.schedule import Constant, Schedule
from securefed.domain.server_rule import FedAvg, ServerPlan, ServerRule
from securefed.errors import ConfigInvalid

_DIGITS = Decimal("1e-12")


@dataclass(frozen=True, kw_only=True)
class EarlyStop:
    """Ends the study by a metric that the sites release: the mean of their figures counts."""

    metric: Line
    rule: StoppingRule

    def judge(self, means: Iterable[Mapping[str, Decimal]]) -> Judgement:
        """The judgement after rounds with these means; one without a figure is left out."""
        return self.rule.judge([one[self.metric] for one in means if self.metric in one])


@dataclass(frozen=True, kw_only=True)
class Combining:
    """How rounds are combined. `schedule` is that of the server's rate, `site_schedule` that of
    the sites' learning rate; `proximal` is the strength of FedProx's pull, `control` asks for
    SCAFFOLD; without `sites_per_round` every site is asked in every round."""

    rule: ServerRule
    schedule: Schedule
    site_schedule: Schedule
    proximal: Decimal | None
    control: bool
    sites_per_round: int | None
    stop: EarlyStop | None

    def __post_init__(self) -> None:
        if self.proximal is not None:
            positive("proximal strength", self.proximal)
        if self.sites_per_round is not None:
            count("sites in a round", self.sites_per_round)
        if self.control:
            self._check_control()

    @property
    def server(self) -> ServerPlan:
        """What moves the model."""
        return ServerPlan(rule=self.rule, control=self.control)

    def site_factor(self, round_: int, rounds: int) -> Decimal:
        """What a site's learning rate is multiplied by in a round: the same digits everywhere."""
        return Decimal(self.site_schedule.factor(round_, rounds)).quantize(_DIGITS).normalize()

    def _check_control(self) -> None:
        if self.proximal is not None:
            raise ConfigInvalid(
                "control goes with no proximal: the variates would learn the pull",
                hint="Leave out one of the two; both are against the drift of unlike sites.",
            )
        if self.sites_per_round is not None:
            raise ConfigInvalid(
                "control goes with no sites_per_round: it moves in rounds of all sites only",
                hint="Leave out one of the two.",
            )


def plain_combining() -> Combining:
    """The mean of all sites' models, round after round until the last."""
    return Combining(
        rule=FedAvg(rate=Decimal(1)),
        schedule=Schedule(course=Constant(), warm_up=0),
        site_schedule=Schedule(course=Constant(), warm_up=0),
        proximal=None,
        control=False,
        sites_per_round=None,
        stop=None,
    )
