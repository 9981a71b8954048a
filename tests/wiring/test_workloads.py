"""Workloads: their studies are shipped and can be paid for, and what they need is named."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from benchmarks.worlds.workload_cases import published
from securefed.adapters.odometer import Odometer
from securefed.config import load_card, load_policy, load_study
from securefed.domain.planning import PlannedRound
from securefed.domain.renyi import best_epsilon
from securefed.domain.rules.data import MinimumRecords
from securefed.errors import AssetMismatch, NotFound
from securefed.recipes.pretrained.manifest import manifest_digest
from securefed.steps.plan_budget import Population, usefulness
from securefed.wiring.basics import shipped_file
from securefed.wiring.demo import CUSTODIANS, Chosen, demonstrated
from securefed.wiring.demo_data import bring_pretrained
from securefed.wiring.workloads import WORKLOADS, workload_named
from securefed.wiring.workloads.heart import HEART
from securefed.wiring.workloads.sentiment import MINILM, SENTIMENT
from securefed.wiring.workloads.workload import BASELINE, Places, Workload

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("workload", WORKLOADS.values(), ids=WORKLOADS)
def test_its_study_is_shipped_and_can_be_paid_for(workload: Workload) -> None:
    study = load_study(shipped_file(workload.study))
    assert str(study.study) == str(workload.name)
    assert f'"{workload.study}" = "securefed/shipped/' in (ROOT / "pyproject.toml").read_text()
    for part in study.participants:
        assert best_epsilon(study.whole(part.site), workload.delta) < workload.epsilon
    if workload.policy != BASELINE:
        assert load_policy(shipped_file(workload.policy)).name == "published"


def test_without_a_name_it_is_the_one_that_needs_no_data() -> None:
    assert workload_named(None).origin is None
    assert workload_named("heart") is HEART
    with pytest.raises(NotFound) as caught:
        workload_named("hart")
    assert all(name in caught.value.remedy for name in WORKLOADS)


def test_a_library_that_is_missing_is_named() -> None:
    workload = replace(workload_named(None), library="no_such_library", extra="securefed[demo]")
    with pytest.raises(NotFound, match="no_such_library"):
        workload.source(None)


@pytest.mark.parametrize(
    ("study", "custodians"), [("sites/pilot.toml", {}), ("sites/breast-cancer.toml", CUSTODIANS)]
)
def test_a_study_without_a_seal_has_no_custodians(
    study: str, custodians: dict[str, object], tmp_path: Path
) -> None:
    chosen = Chosen(workload=replace(workload_named(None), study=study))
    with demonstrated(tmp_path / "demo", chosen, keep=False) as demo:
        assert demo.custodians == custodians


def places_in(folder: Path) -> Places:
    places = Places(data=folder / "data", assets=folder / "assets")
    places.data.mkdir()
    places.assets.mkdir()
    return places


@pytest.mark.parametrize("workload", [HEART, SENTIMENT], ids=["heart", "sentiment"])
def test_what_it_writes_is_what_its_study_reads(workload: Workload, tmp_path: Path) -> None:
    try:
        source = workload.source(published())
    except NotFound as error:
        pytest.skip(str(error))
    places = places_in(tmp_path)
    workload.write(source, places)
    study = load_study(shipped_file(workload.study))
    for part in study.participants:
        draft = load_card(places.data / f"{part.site}.toml")
        assert draft.dataset == part.dataset
        assert study.purpose in draft.purposes
        assert draft.data.is_file()
    assert load_card(places.data / "test.toml").data.is_file()


def pretrained(folder: Path) -> Workload:
    """A workload that begins with a model in this folder."""
    model = folder / "small"
    model.mkdir()
    (model / "config.json").write_text("{}")
    (model / "model.safetensors").write_bytes(b"weights")
    pinned = replace(MINILM, name="small", sha256=manifest_digest(model))
    return replace(SENTIMENT, pretrained=(pinned,))


def test_a_pretrained_model_is_copied_to_where_sites_look(tmp_path: Path) -> None:
    workload, places = pretrained(tmp_path), places_in(tmp_path)
    bring_pretrained(workload, tmp_path, places)
    assert (places.assets / "small" / "model.safetensors").read_bytes() == b"weights"


def test_another_pretrained_model_is_refused(tmp_path: Path) -> None:
    workload, places = pretrained(tmp_path), places_in(tmp_path)
    (tmp_path / "small" / "model.safetensors").write_bytes(b"other weights")
    with pytest.raises(AssetMismatch, match="Another model"):
        bring_pretrained(workload, tmp_path, places)
    assert list(places.assets.iterdir()) == []


def test_a_pretrained_model_that_is_missing_is_named_with_its_origin(tmp_path: Path) -> None:
    workload, places = pretrained(tmp_path), places_in(tmp_path)
    with pytest.raises(NotFound) as caught:
        bring_pretrained(workload, tmp_path / "nowhere", places)
    for word in ("small", MINILM.source, MINILM.licence, "--assets"):
        assert word in f"{caught.value.what} {caught.value.remedy}"


def test_the_smallest_hospital_is_told_what_its_epsilon_can_be() -> None:
    study = load_study(shipped_file(HEART.study))
    switzerland = Population(units=30, parameters=study.model.parameters)
    one = PlannedRound(training=study.participants[0].training)
    use = usefulness(one, study.rounds, HEART.delta, switzerland, Odometer())
    assert use.least_epsilon is not None
    assert Decimal("0.2") < use.least_epsilon < 1
    assert use.signal > 1
    rules = load_policy(shipped_file(HEART.policy)).rules
    (least,) = [one for one in rules if isinstance(one, MinimumRecords)]
    assert least.units <= 30
