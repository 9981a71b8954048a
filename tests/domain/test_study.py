"""Studies, recipes and participants: what is asked is complete, named once, and countable."""

from dataclasses import replace
from decimal import Decimal

import pytest

from securefed.domain.identifiers import Line, SiteId
from securefed.domain.study import Model, Parameter, ReleaseKind, Study, Suite
from securefed.errors import ConfigInvalid, NumberInvalid
from tests.world import World

STUDY = World(metrics_noise=Decimal(5)).whole_study()


@pytest.mark.parametrize(
    "change",
    [
        {"rounds": 0},
        {"rounds": True},
        {"rounds": 100_001},
        {"spare_attempts": -1},
        {"valid_days": 0},
        {"valid_days": 3651},
        {"update_bound": Decimal("NaN")},
        {"update_bound": Decimal(0)},
        {"minimum_sites": 0},
        {"minimum_sites": 4},
    ],
    ids=str,
)
def test_a_number_outside_its_range_is_refused(change: dict[str, int]) -> None:
    with pytest.raises(NumberInvalid):
        replace(STUDY, **change)


def test_all_attempts_together_can_be_counted() -> None:
    part = STUDY.participants[0]
    endless = replace(part, training=part.training.repeated(10**12 // 5 + 1))
    with pytest.raises(NumberInvalid, match="dp-sgd in all attempts is 1000000000005"):
        replace(STUDY, participants=(endless, *STUDY.participants[1:]))


def test_a_study_names_at_least_one_site_and_each_once() -> None:
    for participants in ((), (STUDY.participants[0], STUDY.participants[0])):
        with pytest.raises(ConfigInvalid, match="each once"):
            replace(STUDY, participants=participants)


def test_parameters_are_sorted_and_stand_once() -> None:
    one, two = (Parameter(name=Line(name), value=Line("1")) for name in ("a", "b"))
    assert replace(STUDY.recipe, parameters=(one, two)).parameters == (one, two)
    for parameters in ((two, one), (one, one)):
        with pytest.raises(ConfigInvalid, match="sorted by name"):
            replace(STUDY.recipe, parameters=parameters)


def test_a_model_has_parameters() -> None:
    with pytest.raises(NumberInvalid):
        Model(family=STUDY.model.family, parameters=0)


def test_what_an_approval_would_allow_is_every_attempt_of_every_round() -> None:
    study = replace(STUDY, rounds=5, spare_attempts=2)
    training, metrics = study.whole(SiteId("hospital-b"))
    part = study.participant(SiteId("hospital-b"))
    assert study.attempts == 7
    assert training.times == 7 * part.training.steps
    assert part.metrics is not None
    assert metrics.times == 7 * part.metrics.releases


def test_a_study_asks_nothing_of_a_site_that_it_does_not_name() -> None:
    with pytest.raises(ConfigInvalid, match="does not name the site hospital-x"):
        STUDY.participant(SiteId("hospital-x"))


def without_metrics(study: Study) -> Study:
    return replace(
        study, participants=tuple(replace(one, metrics=None) for one in study.participants)
    )


@pytest.mark.parametrize(
    ("study", "first"),
    [
        (STUDY, (ReleaseKind.SEALED_UPDATE, ReleaseKind.NOISY_METRICS)),
        (without_metrics(STUDY), (ReleaseKind.SEALED_UPDATE,)),
        (replace(without_metrics(STUDY), suite=Suite.NONE), (ReleaseKind.PRIVATIZED_UPDATE,)),
    ],
    ids=["with metrics", "without", "in the clear"],
)
def test_the_kinds_of_output_follow_from_the_study(
    study: Study, first: tuple[ReleaseKind, ...]
) -> None:
    assert study.release_kinds == (*first, ReleaseKind.PROGRESS, ReleaseKind.ERROR_CODE)
