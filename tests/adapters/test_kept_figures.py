"""Losses that are kept: computed once, never taken from a file that is about something else."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from securefed.adapters.memory import MemoryAccountant
from securefed.adapters.site_folder import KeptFigures
from securefed.domain.canonical import digest_of
from securefed.domain.identifiers import Digest
from securefed.domain.privacy import GaussianRelease, Mechanism, PrivacyLoss
from securefed.domain.records import from_bytes, to_bytes
from securefed.errors import PlanStale, StorageFailed
from tests.world import REVIEWER, World

DELTA = Decimal("1e-6")
WORK = (GaussianRelease(noise_multiplier=Decimal(9), releases=3),)


class Counting(MemoryAccountant):
    """An accountant that knows how often it was asked."""

    asked = 0

    def loss(self, mechanisms: tuple[Mechanism, ...], delta: Decimal) -> PrivacyLoss:
        """One more."""
        self.asked += 1
        return super().loss(mechanisms, delta)


def edition(name: str = "one") -> Digest:
    return digest_of("edition", name.encode())


def test_a_loss_is_computed_once_and_the_same_for_the_same_work(tmp_path: Path) -> None:
    inner = Counting()
    kept = KeptFigures(tmp_path / "figures", inner, edition)
    first = kept.loss(WORK, DELTA)
    assert first == inner.loss(WORK, DELTA)
    halves = (WORK[0].repeated(1), WORK[0].repeated(2))
    again = KeptFigures(tmp_path / "figures", inner, edition)
    assert again.loss(WORK, DELTA) == again.loss(halves, DELTA) == first
    assert inner.asked == 2


def test_other_work_another_delta_or_edition_is_computed(tmp_path: Path) -> None:
    inner = Counting()
    kept = KeptFigures(tmp_path, inner, edition)
    for work, delta in ((WORK, DELTA), ((WORK[0].repeated(4),), DELTA), (WORK, Decimal("1e-5"))):
        assert kept.loss(work, delta).delta == delta
    KeptFigures(tmp_path, inner, lambda: edition("two")).loss(WORK, DELTA)
    assert inner.asked == 4


@pytest.mark.parametrize("damage", [b"", b"{}", b"not json"])
def test_a_damaged_file_counts_as_not_there(tmp_path: Path, damage: bytes) -> None:
    kept = KeptFigures(tmp_path, Counting(), edition)
    first = kept.loss(WORK, DELTA)
    [path] = tmp_path.glob("*.json")
    path.write_bytes(damage)
    assert kept.loss(WORK, DELTA) == first
    assert from_bytes(PrivacyLoss, path.read_bytes()) == first


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    kept = KeptFigures(tmp_path / "file", MemoryAccountant(), edition)
    with pytest.raises(StorageFailed):
        kept.loss(WORK, DELTA)


def test_the_other_figures_are_the_accountants_own(tmp_path: Path) -> None:
    kept, inner = KeptFigures(tmp_path, MemoryAccountant(), edition), MemoryAccountant()
    assert kept.divergence(WORK, 8) == inner.divergence(WORK, 8)
    assert kept.profile(WORK, (Decimal(1),)) == inner.profile(WORK, (Decimal(1),))


def test_a_kept_figure_that_was_made_milder_approves_nothing(tmp_path: Path) -> None:
    world = World()
    site = world.site()
    kept = KeptFigures(tmp_path, world.accountant, edition)
    site = replace(site, kept_figures=kept)
    request = world.file(site)
    site.plan(request)
    for path in tmp_path.glob("*.json"):
        loss = from_bytes(PrivacyLoss, path.read_bytes())
        path.write_bytes(to_bytes(replace(loss, epsilon=Decimal("0.01"))))
    shown = site.plan(request)
    assert shown.loss.epsilon == Decimal("0.01")
    with pytest.raises(PlanStale, match=r"loss\.epsilon: 0\.01 → "):
        site.approve(request, shown.digest, world.acting(REVIEWER))
