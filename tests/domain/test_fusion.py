"""A study of votes: what it must say, what a reviewer reads of it, and what it may not ask."""

from dataclasses import replace
from decimal import Decimal

import pytest

from securefed.domain.combining import plain_combining
from securefed.domain.fusion import VOTES, Fusion, PublicColumn
from securefed.domain.identifiers import Line, Name
from securefed.domain.plan import leaves
from securefed.domain.privacy import DpSgd, GaussianRelease, Sampling
from securefed.domain.records import from_bytes, to_bytes, to_plain
from securefed.domain.server_rule import FedAvg
from securefed.domain.sheet import plan_sheet
from securefed.domain.site import ColumnType
from securefed.domain.study import Model, Study
from securefed.domain.weighting import CappedUnits
from securefed.errors import ConfigInvalid
from securefed.steps.submit_request import write_request
from tests.domain.leaves import spellings
from tests.world import SCIENTIST, World, digest

COLUMNS = {"age": ColumnType.INTEGER, "sex": ColumnType.CATEGORY, "ill": ColumnType.BOOLEAN}


def a_fusion(**changes: object) -> Fusion:
    stated = {
        "teachers": 23,
        "epochs": 17,
        "batch": 19,
        "target": Line("ill"),
        "classes": (Line("false"), Line("true")),
        "queries": Line("public.csv"),
        "digest": digest("public"),
        "records": 450,
        "columns": tuple(
            PublicColumn(name=Line(name), type=kind) for name, kind in COLUMNS.items()
        ),
    }
    return Fusion(**(stated | changes))


def a_study(**changes: object) -> Study:
    """A study of votes; 450 records have a move of 30."""
    study = World(suite=World().suite, rounds=1).whole_study()
    step = DpSgd(
        noise_multiplier=Decimal("1.5"),
        sampling_rate=Decimal(1),
        sampling=Sampling.POISSON,
        steps=1,
        clip=Decimal(30),
    )
    stated = {
        "fusion": a_fusion(),
        "model": Model(family=VOTES, parameters=900),
        "combining": plain_combining(),
        "sealing": replace(study.sealing, reach=Decimal(300), update_bound=Decimal(9000)),
        "participants": tuple(replace(one, training=step) for one in study.participants),
    }
    return replace(study, **(stated | changes))


def changed_step(study: Study, **changes: object) -> Study:
    first, *others = study.participants
    return replace(
        study,
        participants=(replace(first, training=replace(first.training, **changes)), *others),
    )


def test_a_study_of_votes_is_stored_and_read_as_it_is() -> None:
    study = a_study()
    assert from_bytes(Study, to_bytes(study)) == study


def test_a_reviewer_reads_every_leaf_of_it() -> None:
    world = World(rounds=1)
    site, study = world.site(), a_study()
    signer, now = world.signer(SCIENTIST), world.clock.now()
    request = site.receive(write_request(study, site.ledger.site, SCIENTIST, signer, now))
    rows = plan_sheet(site.plan(request))
    text = " ".join(line for row in rows for line in row.lines)
    words = set(text.replace(";", " ").replace(",", " ").replace(":", " ").split())
    for path, leaf in leaves(to_plain(study.fusion)):
        told = {*spellings(leaf), f"({leaf})"}
        assert told & words or any(one in text for one in told), path
    [votes] = [row for row in rows if row.label == "Mechanism"]
    assert "votes of 23 teachers on 450 public records" in " ".join(votes.lines)
    assert "900 counts of votes" in text
    assert "trained parameters" not in text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rounds": 2}, "counted once"),
        ({"combining": replace(plain_combining(), rule=FedAvg(rate=Decimal(2)))}, "counted once"),
        ({"model": Model(family=VOTES, parameters=899)}, "parameters = 900"),
        ({"model": Model(family=Name("logistic"), parameters=900)}, 'family = "votes"'),
        ({"fusion": a_fusion(records=451)}, "parameters = 902"),
    ],
)
def test_what_is_no_vote_is_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigInvalid) as raised:
        a_study(**changes)
    assert said in f"{raised.value} {raised.value.remedy}"


def test_a_recipe_that_does_not_vote_is_refused() -> None:
    recipe = replace(a_study().recipe, name=Name("recommender"))
    with pytest.raises(ConfigInvalid, match="recommender"):
        a_study(recipe=recipe)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"clip": Decimal("29.9999")}, "clip = 30"),
        ({"clip": Decimal("29.999999999999999999999999999")}, "clip = 30"),
        ({"sampling_rate": Decimal("0.5")}, "sampling_rate = 1"),
        ({"steps": 2}, "steps = 1"),
        ({"noise_multiplier": Decimal(4)}, "reach = 743"),
    ],
)
def test_one_site_whose_step_does_not_cover_the_votes_is_enough(
    changes: dict[str, object], said: str
) -> None:
    with pytest.raises(ConfigInvalid) as raised:
        changed_step(a_study(), **changes)
    assert said in raised.value.remedy


def test_no_site_weighs_or_measures_more_than_another() -> None:
    study = a_study()
    with pytest.raises(ConfigInvalid, match="counts alike"):
        replace(study, sealing=replace(study.sealing, weighting=CappedUnits(cap=9)))
    metrics = GaussianRelease(noise_multiplier=Decimal(9), releases=1)
    parts = tuple(replace(one, metrics=metrics) for one in study.participants)
    with pytest.raises(ConfigInvalid, match="counts alike"):
        replace(study, participants=parts)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"reach": Decimal(292)}, "reach = 293"),
        ({"update_bound": Decimal(8999)}, "update_bound = 9000"),
        ({"bits": 8, "reach": Decimal(3000), "update_bound": Decimal(90000)}, "more bits"),
    ],
)
def test_a_seal_that_would_spoil_the_votes_is_refused(
    changes: dict[str, object], said: str
) -> None:
    study = a_study()
    with pytest.raises(ConfigInvalid) as raised:
        replace(study, sealing=replace(study.sealing, **changes))
    assert said in raised.value.remedy


def test_what_is_sealed_is_finer_than_the_noise() -> None:
    """The rounding of a seal at its coarsest is a tenth of the noise, in deviations."""
    study = a_study()
    step = study.sealing.reach / ((1 << (study.sealing.bits - 1)) - 1)
    assert step < Decimal("0.0003") * Decimal("1.5") * 30
