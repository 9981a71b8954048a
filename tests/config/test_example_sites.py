"""The example sites load, measure, and can afford the example study."""

from decimal import Decimal
from pathlib import Path

import pytest

from securefed.adapters.data_files import FileMeter
from securefed.config import load_card, load_policy, load_site, load_study, study_template
from securefed.domain.identifiers import Line, SiteId, StudyId
from securefed.domain.renyi import best_epsilon
from securefed.domain.rules.budget import EpsilonPerRequest
from securefed.domain.rules.data import MinimumRecords
from sites.make_mocks import HEADER, HOSPITALS, Hospital, mock

SITES = Path(__file__).parents[2] / "sites"
NAMES = ["hospital-a", "hospital-b", "hospital-c"]
DELTA = Decimal("1e-6")


def test_there_are_three_sites_and_each_has_a_mock() -> None:
    assert [hospital.name for hospital in HOSPITALS] == NAMES
    assert sorted(path.parent.name for path in SITES.glob("*/site.toml")) == NAMES


@pytest.mark.parametrize("hospital", HOSPITALS, ids=lambda hospital: hospital.name)
def test_a_mock_is_what_the_script_writes(hospital: Hospital) -> None:
    committed = (SITES / hospital.name / "mock.csv").read_bytes()
    assert committed.decode("utf-8") == mock(hospital)


@pytest.mark.parametrize("name", NAMES)
def test_a_site_loads_and_its_card_fits_its_mock(name: str) -> None:
    assert load_site(SITES / name / "site.toml").site == name
    draft = load_card(SITES / name / "dataset.toml")
    assert tuple(column.name for column in draft.columns) == HEADER
    measured = FileMeter().measure(draft.mock, draft.columns, draft.unit)
    assert measured.units < measured.records


def test_the_example_study_is_the_template() -> None:
    text = study_template(StudyId("readmission"), Line("Readmission within 30 days"))
    assert (SITES / "study.toml").read_text(encoding="utf-8") == text


def test_the_example_study_asks_the_example_sites_for_what_they_offer() -> None:
    study = load_study(SITES / "study.toml")
    assert [part.site for part in study.participants] == NAMES
    for part in study.participants:
        draft = load_card(SITES / part.site / "dataset.toml")
        assert part.dataset == draft.dataset
        assert study.purpose in draft.purposes


@pytest.mark.parametrize("name", NAMES)
def test_the_example_study_is_affordable_under_the_baseline(name: str) -> None:
    rules = {
        type(rule): rule for rule in load_policy(SITES.parent / "policies/baseline.toml").rules
    }
    limit, least = rules[EpsilonPerRequest], rules[MinimumRecords]
    assert isinstance(limit, EpsilonPerRequest)
    assert isinstance(least, MinimumRecords)
    # The upper bound is about a tenth above the tight figure that the study file states.
    bound = best_epsilon(load_study(SITES / "study.toml").whole(SiteId(name)), DELTA)
    assert Decimal(1) < bound < Decimal("1.4") < limit.refuse_above
    draft = load_card(SITES / name / "dataset.toml")
    assert FileMeter().measure(draft.mock, draft.columns, draft.unit).units >= least.units
