"""Checking a site names every problem at once, and what to do about each."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from securefed.adapters.data_files import FileMeter
from securefed.domain.check import Check, worst
from securefed.domain.identifiers import DatasetId
from securefed.errors import DataDrifted, ExitCode, LedgerBroken
from securefed.parties.site import SiteParty
from securefed.steps.check_data import DataPlaces
from securefed.steps.check_site import check_site
from securefed.steps.keep_ledger import SiteLedger
from securefed.steps.prepare_site import register_data
from tests.forge import opened, stored_entries
from tests.world import ADMISSIONS, World

ROWS = "patient,age\n" + "".join(f"p{number // 2},{40 + number}\n" for number in range(8))
Find = Callable[[DatasetId], DataPlaces]


@pytest.fixture
def files(tmp_path: Path) -> Find:
    data, mock = tmp_path / "data.csv", tmp_path / "mock.csv"
    data.write_text(ROWS, encoding="utf-8")
    mock.write_text("patient,age\nx,1\ny,2\n", encoding="utf-8")
    return lambda _: DataPlaces(data=data, mock=mock)


def with_files(world: World, files: Find) -> SiteParty:
    """A site whose card is that of the files."""
    site = world.founded()
    card = world.card()
    places = files(card.dataset)
    data, mock = (
        FileMeter().measure(path, card.columns, card.unit).digest
        for path in (places.data, places.mock)
    )
    card = replace(card, records=8, units=4, data=data, mock=mock)
    register_data(site.ledger, card, world.acting())
    return site


def checked(site: SiteParty, files: Find) -> dict[str, Check]:
    """The checks by what was looked at."""
    checks = check_site(site.ledger, files, FileMeter())
    return {check.what.partition(":")[0]: check for check in checks}


DATA, ALLOWANCE = "data admissions v1", "allowance of admissions"


def test_a_new_site_is_told_what_is_missing_and_nothing_is_wrong(files: Find) -> None:
    checks = check_site(World().founded().ledger, files, FileMeter())
    assert checks[0].what == "ledger: 1 entries verify"
    assert {check.what for check in checks if check.problem} >= {"policy", "data"}
    assert all(check.remedy for check in checks if check.problem)
    assert worst(checks) == ExitCode.OK


def test_data_as_registered_are_well_and_an_allowance_is_wanted(files: Find) -> None:
    world = World()
    site = with_files(world, files)
    before = checked(site, files)
    assert not before[DATA].problem
    assert before[ALLOWANCE].problem == "No allowance has been granted for admissions"
    world.grant(site)
    assert not checked(site, files)[ALLOWANCE].problem


@pytest.mark.parametrize("place", ["data", "mock"])
def test_data_that_changed_since_are_wrong(place: str, files: Find) -> None:
    site = with_files(World(), files)
    path = getattr(files(ADMISSIONS), place)
    path.write_text(path.read_text("utf-8") + "z,99\n", encoding="utf-8")
    drifted = checked(site, files)[DATA]
    assert "is not the one that data admissions v1 describes" in drifted.problem
    assert str(path) in drifted.problem
    assert (drifted.remedy, drifted.exit_code) == (DataDrifted.hint, DataDrifted.exit_code)


def test_a_file_that_is_gone_is_wrong_and_the_other_checks_are_made(files: Find) -> None:
    world = World()
    site = with_files(world, files)
    world.grant(site)
    files(ADMISSIONS).data.unlink()
    found = checked(site, files)
    assert found[DATA].problem
    assert not found[ALLOWANCE].problem


def test_a_ledger_that_does_not_verify_is_the_only_finding(files: Find) -> None:
    world = World()
    site = with_files(world, files)
    first, _, *_ = stored_entries(world)
    site = opened(world, [first, first])
    checks = check_site(site.ledger, files, FileMeter())
    assert [check.remedy for check in checks] == [LedgerBroken.hint]
    assert worst(checks) == ExitCode.INTEGRITY


def test_a_policy_counts_its_rules(files: Find) -> None:
    world = World()
    what = [one.what for one in check_site(world.site().ledger, files, FileMeter())]
    assert f"policy test: {len(world.rules)} rules" in what


def test_a_kept_checkpoint_is_named_with_its_signatures(files: Find) -> None:
    world = World()
    site = world.site()
    assert "could be put back" in checked(site, files)["kept checkpoint"].problem
    ledger = SiteLedger(
        site.ledger.site,
        world.stores["hospital-a"],
        world.keys.signer("hospital-a"),
        world.keys.verify,
        world.clock,
        site.checkpoint(),
    )
    what = [check.what for check in check_site(ledger, files, FileMeter())]
    assert "kept checkpoint: 8 entries, 1 signatures" in what
