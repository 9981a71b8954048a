"""Sentiment over three real platforms' sites, which all have the same frozen encoder: trained, gone
on with at a fourth one, and voted on."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path

import pytest

from securefed.adapters.published_data.part import TEST
from securefed.config import load_card
from securefed.recipes.exported import read_record
from securefed.wiring.demo_data import bring_pretrained
from securefed.wiring.models import Beside, metrics_of
from securefed.wiring.workloads.sentiment import SENTIMENT
from securefed.wiring.workloads.workload import Places
from tests.journeys.federation import apart, data_of, journey
from tests.journeys.fourth_platform import PLATFORM, gone_on, write_fourth
from tests.journeys.voting import voted, write_counted

pytestmark = pytest.mark.slow


def test_one_round_tells_what_people_like_and_a_fourth_platform_goes_on(tmp_path: Path) -> None:
    data, earlier, later = data_of(SENTIMENT), tmp_path / "earlier", tmp_path / "later"
    ran = journey(SENTIMENT, 1, earlier)
    print(dict(ran.metrics), f"{ran.seconds:.0f} s")
    assert len(ran.ledger) == 3
    assert ran.metrics["accuracy"] > 0.8
    assert ran.metrics["auc"] > 0.85

    went_on = apart(gone_on, data, earlier, tmp_path, later)
    before = figures(data, earlier, write_fourth, tmp_path)
    print(before["accuracy"], dict(went_on.metrics), f"{went_on.seconds:.0f} s")
    assert went_on.agrees, went_on
    assert set(went_on.ledger) == {PLATFORM}
    assert Decimal(0) < went_on.epsilon < 2
    assert went_on.metrics["accuracy"] > before["accuracy"] - 0.03
    history = [str(one.study) for one in read_record(later).history]
    assert history == ["sentiment", "sentiment-fourth"]


def test_teachers_vote_and_their_student_tells_what_people_like(tmp_path: Path) -> None:
    data, model = data_of(SENTIMENT), tmp_path / "student"
    ran = apart(voted, data, model)
    found = figures(data, model, write_counted, tmp_path)
    print(dict(found), f"{ran.seconds:.0f} s")
    assert ran.agrees, ran
    assert len(ran.ledger) == 3
    assert found["accuracy"] > 0.65
    card = (model / "model.md").read_text()
    assert "a student of the noised votes of 3 sites" in card


def figures(
    data: Path, model: Path, write: Callable[[Path, Path], None], folder: Path
) -> Mapping[str, float]:
    """The metrics of an exported model on the sentences that are counted on."""
    places = Places(data=folder / "parts", assets=folder / "assets")
    places.data.mkdir()
    places.assets.mkdir()
    write(SENTIMENT.source(data), places.data)
    bring_pretrained(SENTIMENT, None, places)
    draft = load_card(places.data / f"{TEST}.toml")
    return metrics_of([model], draft, Beside(assets=places.assets))
