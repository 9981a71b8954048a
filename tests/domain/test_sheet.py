"""The wording of a plan: every leaf is in it, what a reviewer must not miss is plain."""

from dataclasses import replace
from decimal import Decimal

import pytest

from securefed.domain.canonical import Plain
from securefed.domain.combining import plain_combining
from securefed.domain.plan import ReviewPlan
from securefed.domain.privacy import PrivacyUnit, Sampling
from securefed.domain.sheet import bar, heading, loss_text, plan_sheet, unit_text
from securefed.domain.study import Suite
from tests.domain.leaves import full_plan, spellings, varied
from tests.world import World

FULL = full_plan()
VARIED = {path: (leaf, plan) for path, leaf, plan in varied(FULL)}


def words(plan: ReviewPlan) -> str:
    """All that a reviewer reads, without the request's name: it changes with every leaf."""
    rows = (f"{row.label}: {line}" for row in plan_sheet(plan) for line in row.lines)
    return "\n".join([heading(plan).replace(plan.request.request, ""), *rows])


def first_plan(world: World) -> ReviewPlan:
    site = world.site()
    return site.plan(world.file(site))


@pytest.mark.parametrize("path", VARIED)
def test_every_leaf_is_read(path: str) -> None:
    leaf, changed = VARIED[path]
    text = words(changed)
    assert text != words(FULL)
    assert any(spelling in text for spelling in spellings(leaf)), f"{leaf!r} is not in the sheet"


@pytest.mark.parametrize("leaf", [0, "no-such-word", "sha256:" + "e" * 64, "777.77"])
def test_what_is_not_in_the_plan_is_not_found_in_its_sheet(leaf: Plain) -> None:
    assert not any(spelling in words(FULL).split() for spelling in spellings(leaf) - {"0"})


def test_the_heading_names_request_study_rounds_and_site() -> None:
    name = FULL.request.request
    assert heading(FULL) == f"Review plan for {name}   readmission, 2 rounds, site hospital-a"


def test_a_row_has_a_label_and_at_least_one_line() -> None:
    for plan in (FULL, first_plan(World())):
        rows = plan_sheet(plan)
        assert len({row.label for row in rows}) == len(rows)
        assert all(row.lines and all(line.strip() for line in row.lines) for row in rows)


def test_a_control_variate_is_named_where_a_study_has_one() -> None:
    world = World(combining=replace(plain_combining(), control=True))
    assert "control variate (SCAFFOLD)" in words(first_plan(world))
    assert "SCAFFOLD" not in words(first_plan(World()))


def test_the_plan_says_whose_metrics_anybody_sees() -> None:
    summed = words(first_plan(World(metrics_noise=Decimal(8), tally=24)))
    assert "a tally of 24 numbers in each sealed update; only the sum over the sites" in summed
    assert "of this site alone" not in summed
    shown = words(first_plan(World(metrics_noise=Decimal(8))))
    assert "up to 5 sets of noisy metrics of this site alone" in shown


def test_what_is_left_out_is_said() -> None:
    text = words(first_plan(World()))
    assert "own code: none" in text
    assert "metrics: none" in text
    assert "noisy metrics" not in text
    assert "no plan of this study was approved here before" in text
    assert "for good" in text
    assert "needs one reviewer" in text
    assert "spare attempts" not in text
    assert "spent 0," in text


def test_a_study_that_changed_nothing_says_so() -> None:
    world = World()
    site = world.site()
    world.approved(site)
    world.wait(hours=1)
    plan = site.plan(world.file(site))
    assert f"nothing since {plan.earlier}: same code, data" in words(plan)


def test_a_recipe_without_parameters_has_no_line_for_them() -> None:
    study = FULL.request.study
    request = replace(
        FULL.request, study=replace(study, recipe=replace(study.recipe, parameters=()))
    )
    assert "parameters:" not in words(replace(FULL, request=request))


def test_updates_in_the_clear_are_called_so() -> None:
    text = words(first_plan(World(suite=Suite.NONE)))
    assert "up to 5 privatized updates, not sealed of" in text
    assert "sealed updates of" not in text


def test_an_infinite_loss_is_called_infinite_and_fills_the_bar() -> None:
    plan = first_plan(World(sampling=Sampling.SHUFFLE))
    assert "ε = infinite" in loss_text(plan.loss)
    assert bar(plan) == "▓" * 20
    assert "reserves infinitely much" in words(plan)


@pytest.mark.parametrize(
    ("spent", "reserved", "reserves", "expected"),
    [
        ("0", "0", "0", "░░░░░░░░░░"),
        ("0", "0", "0.001", "▓░░░░░░░░░"),
        ("0.1", "0.2", "0.3", "███▓▓▓░░░░"),
        ("0.11", "0", "0.1", "██▓░░░░░░░"),
        ("0.5", "0.4", "0.9", "█████████▓"),
        ("1", "0", "0.5", "██████████"),
        ("9", "0", "9", "██████████"),
        ("0", "0", "Infinity", "▓▓▓▓▓▓▓▓▓▓"),
    ],
)
def test_the_bar_never_shows_less_than_is_taken(
    spent: str, reserved: str, reserves: str, expected: str
) -> None:
    effect = replace(
        FULL.budget,
        cap=Decimal(1),
        spent=Decimal(spent),
        reserved=Decimal(reserved),
        reserves=Decimal(reserves),
    )
    assert bar(replace(FULL, budget=effect), width=10) == expected


def test_losses_are_rounded_up() -> None:
    loss = replace(FULL.loss, epsilon=Decimal("1.000001"), upper_bound=Decimal("1.999"))
    assert loss_text(loss).startswith("ε = 1.01 at δ = 1e-6, add-remove one unit")
    assert "upper bound by Rényi DP 2.00" in loss_text(loss)


def test_the_unit_is_named() -> None:
    assert unit_text(PrivacyUnit(column=None, bound=1)) == "one record"
    assert unit_text(PrivacyUnit(column="patient", bound=8)) == "patient, at most 8 records each"
