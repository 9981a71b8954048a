"""Studies, recipes and participants: what is asked is complete, named once, and countable."""

from dataclasses import replace
from decimal import Decimal

import pytest

from securefed.domain.combining import EarlyStop, plain_combining
from securefed.domain.early_stopping import Aim, StoppingRule
from securefed.domain.identifiers import Line, PublicKey, SiteId
from securefed.domain.study import MOST_TALLY, Model, Parameter, ReleaseKind, Study, Suite
from securefed.errors import ConfigInvalid, NumberInvalid
from tests.world import World

STUDY = World(metrics_noise=Decimal(5)).whole_study()
SUMMED = World(metrics_noise=Decimal(5), tally=24).whole_study()


@pytest.mark.parametrize(
    "change",
    [
        {"rounds": 0},
        {"rounds": True},
        {"rounds": 100_001},
        {"spare_attempts": -1},
        {"valid_days": 0},
        {"valid_days": 3651},
        {"minimum_sites": 0},
        {"minimum_sites": 4},
    ],
    ids=str,
)
def test_a_number_outside_its_range_is_refused(change: dict[str, int]) -> None:
    with pytest.raises(NumberInvalid):
        replace(STUDY, **change)


@pytest.mark.parametrize("name", ["update_bound", "reach"])
@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal(0), Decimal(-1)])
def test_bounds_are_above_zero(name: str, value: Decimal) -> None:
    with pytest.raises(NumberInvalid):
        replace(STUDY.sealing, **{name: value})


LATTICE, MASK = STUDY.sealing.custodians


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"bits": 10}, "10 bits"),
        ({"bits": 0}, "0 bits"),
        ({"custodians": (MASK, LATTICE)}, "sorted by key"),
        ({"custodians": (LATTICE, LATTICE)}, "sorted by key"),
        ({"coordinator": LATTICE}, "is no custodian"),
        ({"suite": Suite.NONE}, "nothing to open"),
        ({"suite": Suite.NONE, "custodians": ()}, "nothing to open"),
        (
            {"suite": Suite.NONE, "coordinator": None, "custodians": (), "tally": 1},
            "seals no metrics",
        ),
    ],
    ids=str,
)
def test_sealing_that_contradicts_itself_is_refused(change: dict, said: str) -> None:
    with pytest.raises(ConfigInvalid, match=said):
        replace(STUDY.sealing, **change)


@pytest.mark.parametrize(
    ("suite", "custodians", "said"),
    [
        (Suite.BFV, (), "no custodians"),
        (Suite.BFV, (LATTICE, MASK), "2 custodians"),
        (Suite.MASK, (), "no custodians"),
        (Suite.BFV_MASK, (), "no custodians"),
        (Suite.BFV_MASK, (LATTICE,), "1 custodians"),
    ],
)
def test_a_sealed_study_is_not_asked_for_before_somebody_can_open_it(
    suite: Suite, custodians: tuple[PublicKey, ...], said: str
) -> None:
    sealing = replace(STUDY.sealing, suite=suite, custodians=custodians)
    with pytest.raises(ConfigInvalid, match=said) as refused:
        sealing.expect_openable()
    assert "--custodian" in refused.value.remedy


@pytest.mark.parametrize("suite", Suite)
def test_with_its_keys_it_can_be_opened(suite: Suite) -> None:
    sealing = World(suite=suite).sealing()
    sealing.expect_openable()
    if suite is not Suite.NONE:
        with pytest.raises(ConfigInvalid, match="no coordinator"):
            replace(sealing, coordinator=None).expect_openable()


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


CLEAR = replace(without_metrics(STUDY), sealing=World(suite=Suite.NONE).sealing())


@pytest.mark.parametrize(
    ("study", "first"),
    [
        (STUDY, (ReleaseKind.SEALED_UPDATE, ReleaseKind.NOISY_METRICS)),
        (SUMMED, (ReleaseKind.SEALED_UPDATE, ReleaseKind.SUMMED_METRICS)),
        (without_metrics(STUDY), (ReleaseKind.SEALED_UPDATE,)),
        (CLEAR, (ReleaseKind.PRIVATIZED_UPDATE,)),
    ],
    ids=["with metrics", "with their sum", "without", "in the clear"],
)
def test_the_kinds_of_output_follow_from_the_study(
    study: Study, first: tuple[ReleaseKind, ...]
) -> None:
    assert study.release_kinds == (*first, ReleaseKind.PROGRESS, ReleaseKind.ERROR_CODE)


@pytest.mark.parametrize("tally", [-1, MOST_TALLY + 1])
def test_a_tally_has_so_many_numbers_at_most(tally: int) -> None:
    with pytest.raises(NumberInvalid, match="numbers of a tally"):
        replace(STUDY.sealing, tally=tally)


def test_metrics_are_summed_over_sites_that_all_measure() -> None:
    first, *others = SUMMED.participants
    silent = (first, *(replace(one, metrics=None) for one in others))
    for participants in (silent, without_metrics(STUDY).participants):
        with pytest.raises(ConfigInvalid, match="all of them measure"):
            replace(SUMMED, participants=participants)
    assert replace(STUDY, participants=silent).sealing.tally == 0


def asking(sites_per_round: int | None, study: Study = STUDY) -> Study:
    return replace(study, combining=replace(study.combining, sites_per_round=sites_per_round))


def test_a_round_asks_all_sites_or_as_many_as_the_study_says() -> None:
    sites = tuple(sorted(part.site for part in STUDY.participants))
    assert {asking(None).sites_of(number) for number in range(1, 30)} == {sites}
    drawn = [asking(2).sites_of(number) for number in range(1, 30)]
    assert {len(one) for one in drawn} == {2}
    assert len(set(drawn)) == 3
    retitled = replace(asking(2), title=Line("Another"))
    assert drawn != [retitled.sites_of(number) for number in range(1, 30)]


@pytest.mark.parametrize("sites", [0, 1, 4])
def test_no_fewer_sites_are_drawn_than_a_round_needs_and_no_more_than_there_are(sites: int) -> None:
    with pytest.raises(NumberInvalid, match="sites in a round"):
        asking(sites)


def test_a_study_stops_early_only_by_what_some_site_releases() -> None:
    rule = StoppingRule(aim=Aim.HIGHER, patience=1, window=1, margin=Decimal(0))
    stop = EarlyStop(metric=Line("accuracy"), rule=rule)
    one = replace(STUDY, combining=replace(STUDY.combining, stop=stop))
    first, *others = one.participants
    assert replace(one, participants=(first, replace(others[0], metrics=None))).combining == (
        one.combining
    )
    with pytest.raises(ConfigInvalid, match="no site releases metrics"):
        without_metrics(one)


@pytest.mark.parametrize("strength", [Decimal(0), Decimal(-1), Decimal("NaN")])
def test_a_pull_has_a_strength_above_zero(strength: Decimal) -> None:
    with pytest.raises(NumberInvalid, match="proximal strength"):
        replace(plain_combining(), proximal=strength)
