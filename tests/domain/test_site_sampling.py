"""The lot is public, the same for everybody, and favours nobody."""

from collections import Counter
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from securefed.domain.identifiers import Digest, SiteId
from securefed.domain.site_sampling import drawn_sites
from securefed.errors import ConfigInvalid, NumberInvalid

STUDY = Digest("sha256:" + "7" * 64)
SITES = tuple(SiteId(f"site-{number}") for number in range(5))


@given(st.permutations(SITES), st.integers(1, 5), st.integers(1, 99))
def test_everybody_draws_the_same_whatever_order_sites_are_named_in(
    sites: list[SiteId], size: int, round_: int
) -> None:
    drawn = drawn_sites(STUDY, round_, sites, size)
    assert drawn == drawn_sites(STUDY, round_, SITES, size)
    assert drawn == tuple(sorted(set(drawn)))
    assert len(drawn) == size


def test_every_pair_of_sites_is_as_likely_as_any_other() -> None:
    rounds = 2000
    pairs = Counter(drawn_sites(STUDY, at, SITES, 2) for at in range(1, rounds + 1))
    assert pairs.keys() == set(combinations(SITES, 2))
    # A tenth of the rounds each, and five standard deviations.
    deviation = (rounds * 0.1 * 0.9) ** 0.5
    assert all(abs(one - rounds / 10) < 5 * deviation for one in pairs.values())


def test_rounds_and_studies_have_lots_of_their_own() -> None:
    def lots(study: Digest) -> list[tuple[SiteId, ...]]:
        return [drawn_sites(study, at, SITES, 2) for at in range(1, 20)]

    assert len(set(lots(STUDY))) > 1
    assert lots(STUDY) != lots(Digest("sha256:" + "8" * 64))


def test_a_site_that_leaves_changes_the_lot_of_no_other() -> None:
    for at in range(1, 50):
        three = drawn_sites(STUDY, at, SITES, 3)
        without = [one for one in SITES if one != three[0]]
        assert set(three[1:]) <= set(drawn_sites(STUDY, at, without, 3))


@pytest.mark.parametrize("size", [0, 6, -1, True])
def test_no_more_sites_are_drawn_than_there_are_and_one_at_least(size: int) -> None:
    with pytest.raises(NumberInvalid):
        drawn_sites(STUDY, 1, SITES, size)


def test_a_site_stands_once() -> None:
    with pytest.raises(ConfigInvalid, match="twice"):
        drawn_sites(STUDY, 1, (*SITES, SITES[0]), 2)
