"""What every plan shelf does: it gives back exactly the plan that was shown, or nothing."""

from collections.abc import Callable
from pathlib import Path

import pytest

from securefed.adapters.memory import MemoryShelf
from securefed.adapters.site_folder import FolderShelf
from securefed.domain.plan import ReviewPlan
from securefed.errors import StorageFailed
from securefed.ports import PlanShelf
from tests.world import World, digest

Make = Callable[[Path], PlanShelf]
shelves = pytest.mark.parametrize(
    "make", [lambda _: MemoryShelf(), FolderShelf], ids=["memory", "folder"]
)


def drawn_up(world: World) -> ReviewPlan:
    site = world.site()
    return site.plan(world.file(site))


@shelves
def test_a_plan_is_found_by_its_digest_and_unchanged(make: Make, tmp_path: Path) -> None:
    shelf = make(tmp_path)
    plan, other = drawn_up(World()), drawn_up(World(rounds=9))
    shelf.keep(plan)
    shelf.keep(plan)
    shelf.keep(other)
    assert shelf.find(plan.digest) == plan
    assert shelf.find(other.digest) == other


@shelves
def test_a_plan_that_was_never_shown_is_not_found(make: Make, tmp_path: Path) -> None:
    assert make(tmp_path).find(digest("no plan")) is None


def test_the_folder_keeps_its_plans_for_the_next_process(tmp_path: Path) -> None:
    plan = drawn_up(World())
    FolderShelf(tmp_path).keep(plan)
    assert FolderShelf(tmp_path).find(plan.digest) == plan
    assert [path.name for path in tmp_path.iterdir()] == [f"{plan.digest[7:]}.json"]


@pytest.mark.parametrize("edited", [b"", b"{}", b"\xff", None])
def test_an_edited_plan_counts_as_never_shown(edited: bytes | None, tmp_path: Path) -> None:
    plan, other = drawn_up(World()), drawn_up(World(rounds=9))
    shelf = FolderShelf(tmp_path)
    shelf.keep(plan)
    shelf.keep(other)
    path = tmp_path / f"{plan.digest[7:]}.json"
    path.write_bytes(
        (tmp_path / f"{other.digest[7:]}.json").read_bytes() if edited is None else edited
    )
    assert shelf.find(plan.digest) is None
    assert shelf.find(other.digest) == other


def test_a_folder_that_is_not_there_keeps_nothing(tmp_path: Path) -> None:
    plan = drawn_up(World())
    with pytest.raises(StorageFailed, match="cannot be kept"):
        FolderShelf(tmp_path / "gone").keep(plan)
    assert FolderShelf(tmp_path / "gone").find(plan.digest) is None
