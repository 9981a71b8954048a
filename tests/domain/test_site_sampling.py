"""The lot is public, the same for everybody, and favours nobody."""

from collections import Counter
from fractions import Fraction
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from securefed.domain.identifiers import Digest, SiteId
from securefed.domain.site_sampling import drawn_sites
from securefed.errors import ConfigInvalid, NumberInvalid

STUDY = Digest("sha256:" + "7" * 64)
SITES = tuple(SiteId(f"site-{number}") for number in range(5))


@given(st.permutations(SITES), st.integers(1, 5), st.integers(1, 99), st.integers(1, 9))
def test_everybody_draws_the_same_whatever_order_sites_are_named_in(
    sites: list[SiteId], size: int, round_: int, attempt: int
) -> None:
    drawn = drawn_sites(STUDY, round_, attempt, sites, size)
    assert drawn == drawn_sites(STUDY, round_, attempt, SITES, size)
    assert drawn.sites == tuple(sorted(set(drawn.sites)))
    assert len(drawn.sites) == size
    assert drawn.chance == Fraction(size, 5)


def test_every_pair_of_sites_is_as_likely_as_any_other() -> None:
    rounds = 2000
    pairs = Counter(drawn_sites(STUDY, at, 1, SITES, 2).sites for at in range(1, rounds + 1))
    assert pairs.keys() == set(combinations(SITES, 2))
    # A tenth of the rounds each, and five standard deviations.
    deviation = (rounds * 0.1 * 0.9) ** 0.5
    assert all(abs(one - rounds / 10) < 5 * deviation for one in pairs.values())


def test_rounds_attempts_and_studies_have_lots_of_their_own() -> None:
    def lots(study: Digest, attempt: int) -> list[tuple[SiteId, ...]]:
        return [drawn_sites(study, at, attempt, SITES, 2).sites for at in range(1, 20)]

    assert len(set(lots(STUDY, 1))) > 1
    assert lots(STUDY, 1) != lots(STUDY, 2)
    assert lots(STUDY, 1) != lots(Digest("sha256:" + "8" * 64), 1)


def test_a_site_that_leaves_changes_the_lot_of_no_other() -> None:
    for at in range(1, 50):
        three = drawn_sites(STUDY, at, 1, SITES, 3).sites
        without = [one for one in SITES if one != three[0]]
        assert set(three[1:]) <= set(drawn_sites(STUDY, at, 1, without, 3).sites)


@pytest.mark.parametrize("size", [0, 6, -1, True])
def test_no_more_sites_are_drawn_than_there_are_and_one_at_least(size: int) -> None:
    with pytest.raises(NumberInvalid):
        drawn_sites(STUDY, 1, 1, SITES, size)


def test_a_site_stands_once() -> None:
    with pytest.raises(ConfigInvalid, match="twice"):
        drawn_sites(STUDY, 1, 1, (*SITES, SITES[0]), 2)
