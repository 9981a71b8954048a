"""A study that asks fewer sites than it has: a round waits for those that were drawn for it."""

from pathlib import Path

import pytest

from securefed.config import load_study
from tests.cli.conftest import Desks, Run
from tests.cli.studies import approved, study
from tests.study_desks import SITES

pytestmark = pytest.mark.slow


def test_a_round_is_not_announced_before_enough_of_its_sites_are_here(
    run: Run, desks: Desks, tmp_path: Path
) -> None:
    made = approved(run, desks, rounds=1, combining="[combining]\nsites_per_round = 2")
    drawn = load_study(tmp_path / "study.toml").sites_of(1)
    (spare,) = set(SITES) - set(drawn)
    made.sites[drawn[0]].away = True
    refused = study(run, "run")
    assert (refused.code, "error[site-unreachable]" in refused.err) == (7, True), refused.err
    assert "1 of at least 2 sites that the round asks are here" in refused.err
    assert [made.charged(name) for name in SITES] == [0, 0, 0]
    made.sites[drawn[0]].away = False
    made.sites[spare].away = True
    done = study(run, "run", "--json")
    assert done.code == 0, done.err
    assert {one["name"]: one["rounds"] for one in done.document["sites"]} == {
        drawn[0]: 1,
        drawn[1]: 1,
        spare: 0,
    }
    assert made.charged(spare) == 0
