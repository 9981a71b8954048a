from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from securefed.adapters.opacus_training.trial import try_study
from securefed.config import load_study
from securefed.domain.combining import EarlyStop
from securefed.domain.early_stopping import Aim, StoppingRule
from securefed.domain.identifiers import Line, Name
from securefed.domain.schedule import Cosine, Schedule
from securefed.domain.study import Study
from securefed.errors import ConfigInvalid, ModelUnusable, NumberInvalid
from tests.adapters.opacus_training.plain import PlainRecipe, mechanism, source, still

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]


@pytest.fixture
def study() -> Study:
    whole = load_study(ROOT / "sites/study.toml")
    model = replace(whole.model, family=Name("plain"), parameters=5)
    # One number is all that its tally has.
    return replace(whole, model=model, rounds=3, sealing=replace(whole.sealing, tally=1))


def test_rounds_follow_one_another(study: Study, tmp_path: Path) -> None:
    part = replace(study.participants[0], training=mechanism(10, noise="0.01"), metrics=None)
    steps: list[int] = []
    recipe = PlainRecipe(learning_rate=0.5)
    tried = try_study(study, part, recipe, source(tmp_path), steps.append)
    assert steps == list(range(1, 31))
    assert tried.released is None
    assert tried.after["loss"] < tried.before["loss"]
    once = try_study(replace(study, rounds=1), part, recipe, source(tmp_path), steps.append)
    assert tried.after["loss"] < once.after["loss"]


def test_metrics_are_also_shown_as_they_would_be_released(study: Study, tmp_path: Path) -> None:
    part = replace(study.participants[0], training=mechanism(2))
    tried = try_study(study, part, PlainRecipe(), source(tmp_path), lambda _: None)
    assert tried.released is not None
    assert tried.released["loss"] != tried.after["loss"]


def test_a_study_that_stops_by_no_metric_of_its_recipe_is_refused(
    study: Study, tmp_path: Path
) -> None:
    def stopping(metric: str) -> Study:
        rule = StoppingRule(aim=Aim.LOWER, patience=1, window=1, margin=Decimal(0))
        stop = EarlyStop(metric=Line(metric), rule=rule)
        return replace(study, rounds=1, combining=replace(study.combining, stop=stop))

    part = replace(study.participants[0], training=mechanism(1))
    with pytest.raises(ConfigInvalid, match="no metric 'acuracy'; it has loss"):
        try_study(stopping("acuracy"), part, PlainRecipe(), source(tmp_path), lambda _: None)
    try_study(stopping("loss"), part, PlainRecipe(), source(tmp_path), lambda _: None)


def test_a_try_is_pulled_as_a_round_would_be(study: Study, tmp_path: Path) -> None:
    part = replace(study.participants[0], training=mechanism(1))
    pulled = replace(study, combining=replace(study.combining, proximal=Decimal(3)))
    recipe = PlainRecipe(learning_rate=0.5)
    with pytest.raises(NumberInvalid, match="beyond its target"):
        try_study(pulled, part, recipe, source(tmp_path), lambda _: None)


def test_a_try_takes_the_sites_schedule(study: Study, tmp_path: Path) -> None:
    """Its second round has a thousandth of the rate: it changes next to nothing."""
    part = replace(study.participants[0], training=still(10), metrics=None)
    course = Schedule(course=Cosine(final=Decimal("0.001")), warm_up=0)
    recipe, unheard = PlainRecipe(learning_rate=0.5), source(tmp_path)
    losses = []
    for schedule in (study.combining.site_schedule, course):
        combining = replace(study.combining, site_schedule=schedule)
        two = replace(study, rounds=2, combining=combining)
        losses.append(try_study(two, part, recipe, unheard, lambda _: None).after["loss"])
    once = try_study(replace(study, rounds=1), part, recipe, unheard, lambda _: None)
    assert losses[0] < losses[1] - 1
    assert losses[1] == pytest.approx(once.after["loss"], abs=0.1)


def test_a_try_of_control_variates_refuses_what_a_round_would(study: Study, tmp_path: Path) -> None:
    combining = replace(study.combining, control=True)
    steps = [replace(one, training=mechanism(1)) for one in study.participants]
    one = replace(study, rounds=1, participants=tuple(steps), combining=combining)
    try_study(one, steps[0], PlainRecipe(), source(tmp_path), lambda _: None)
    with pytest.raises(ConfigInvalid, match="sgd without momentum"):
        try_study(one, steps[0], PlainRecipe(momentum=0.9), source(tmp_path), lambda _: None)


@pytest.mark.parametrize("change", [{"parameters": 6}, {"family": Name("logistic")}])
def test_another_model_than_the_stated_one_is_refused(
    study: Study, change: dict, tmp_path: Path
) -> None:
    stated = replace(study, model=replace(study.model, **change))
    with pytest.raises(ModelUnusable, match="the study states"):
        try_study(stated, study.participants[0], PlainRecipe(), source(tmp_path), lambda _: None)
