"""Any way in which a study may combine its rounds."""

from decimal import Decimal

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from securefed.domain.combining import Combining, EarlyStop
from securefed.domain.early_stopping import Aim, StoppingRule
from securefed.domain.identifiers import Line
from securefed.domain.schedule import Constant, Cosine, Schedule, Steps
from securefed.domain.server_rule import (
    FedAdagrad,
    FedAdam,
    FedAvg,
    FedYogi,
    ServerMomentum,
    ServerRule,
)

_positives = st.decimals("0.001", 1000, places=3)
_decays = st.decimals(0, Decimal("0.999"), places=3)
_shares = st.decimals("0.001", 1, places=3)
_few = st.integers(1, 1000)

RULES: dict[type, st.SearchStrategy[ServerRule]] = {
    FedAvg: st.builds(FedAvg, rate=_positives),
    ServerMomentum: st.builds(ServerMomentum, rate=_positives, momentum=_decays),
    FedAdagrad: st.builds(FedAdagrad, rate=_positives, beta1=_decays, tau=_positives),
    **{
        kind: st.builds(kind, rate=_positives, beta1=_decays, beta2=_decays, tau=_positives)
        for kind in (FedAdam, FedYogi)
    },
}
COURSES = {
    Constant: st.builds(Constant),
    Cosine: st.builds(Cosine, final=_shares),
    Steps: st.builds(Steps, final=_shares, times=_few),
}
schedules = st.builds(Schedule, course=st.one_of(*COURSES.values()), warm_up=st.integers(0, 100))
stops = st.builds(
    EarlyStop,
    metric=st.sampled_from(["accuracy", "auc"]).map(Line),
    rule=st.builds(
        StoppingRule,
        aim=st.sampled_from(Aim),
        patience=_few,
        window=_few,
        margin=st.decimals(0, 1, places=3),
    ),
)


def combinings(*, measured: bool) -> SearchStrategy[Combining]:
    """For a study that needs one site a round; it stops early only where metrics are released."""
    return st.builds(
        Combining,
        rule=st.one_of(*RULES.values()),
        schedule=schedules,
        site_schedule=schedules,
        control=st.just(False),
        proximal=st.one_of(st.none(), _positives),
        sites_per_round=st.sampled_from([None, 1]),
        stop=st.one_of(st.none(), stops) if measured else st.none(),
    )
