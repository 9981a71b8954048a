"""A checkpoint that a site keeps: in a file of its own, whole or refused, the newest one."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from securefed.adapters.site_folder import keep_checkpoint, kept_checkpoint
from securefed.domain.checkpoint import Checkpoint
from securefed.domain.identifiers import Name
from securefed.errors import CheckpointInvalid, StorageFailed
from securefed.steps.vouch_checkpoint import cosign_checkpoint, newest_checkpoint
from tests.adapters.test_sqlite_store import files_no_larger_than
from tests.world import World


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "kept.checkpoint"


@pytest.fixture
def checkpoints() -> list[Checkpoint]:
    """Two of one ledger, the second one entry later."""
    world = World()
    site = world.site()
    first = site.checkpoint()
    world.file(site)
    return [first, site.checkpoint()]


def cosigned(checkpoint: Checkpoint, who: str) -> Checkpoint:
    return cosign_checkpoint(checkpoint, Name(who), World().keys.signer(who))


# --- in a file -----------------------------------------------------------------------------------


def test_nothing_is_kept_at_first(path: Path) -> None:
    assert kept_checkpoint(path) is None


def test_what_is_kept_comes_back_with_every_signature(
    path: Path, checkpoints: list[Checkpoint]
) -> None:
    for checkpoint in (*checkpoints, cosigned(checkpoints[1], "hospital-b")):
        keep_checkpoint(path, checkpoint)
        assert kept_checkpoint(path) == checkpoint
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"",
        lambda note: note[:-1],
        lambda note: note.replace(b"\n8\n", b"\n7"),
        lambda note: note + b"\n",
        lambda note: b"\xff" + note,
        lambda note: note * 1000,
    ],
)
def test_a_damaged_file_stops_the_site_and_is_not_taken_for_none(
    path: Path, checkpoints: list[Checkpoint], damage: object
) -> None:
    keep_checkpoint(path, checkpoints[0])
    assert callable(damage)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(CheckpointInvalid) as caught:
        kept_checkpoint(path)
    assert caught.value.where == str(path)


def test_a_full_disk_leaves_the_one_before(path: Path, checkpoints: list[Checkpoint]) -> None:
    first, second = checkpoints
    keep_checkpoint(path, first)
    with pytest.raises(StorageFailed), files_no_larger_than(50):
        keep_checkpoint(path, second)
    assert kept_checkpoint(path) == first
    assert list(path.parent.iterdir()) == [path]
    keep_checkpoint(path, second)
    assert kept_checkpoint(path) == second


def test_a_folder_in_its_place_is_said(path: Path, checkpoints: list[Checkpoint]) -> None:
    path.mkdir()
    with pytest.raises(StorageFailed, match="Cannot read"):
        kept_checkpoint(path)
    with pytest.raises(StorageFailed, match="Cannot write"):
        keep_checkpoint(path, checkpoints[0])


def test_no_folder_is_said(path: Path, checkpoints: list[Checkpoint]) -> None:
    with pytest.raises(StorageFailed, match=os.strerror(2)):
        keep_checkpoint(path.parent / "gone" / path.name, checkpoints[0])


# --- which one -----------------------------------------------------------------------------------


def test_the_longer_one_is_kept_whichever_came_first(checkpoints: list[Checkpoint]) -> None:
    first, second = checkpoints
    assert newest_checkpoint(None, first) == first
    assert newest_checkpoint(first, second) == second
    assert newest_checkpoint(second, first) == second


def test_of_one_head_every_signature_is_kept(checkpoints: list[Checkpoint]) -> None:
    _, plain = checkpoints
    b, c = cosigned(plain, "hospital-b"), cosigned(plain, "hospital-c")
    both = newest_checkpoint(b, c)
    assert set(both.signatures) == {*b.signatures, *c.signatures}
    assert len(both.signatures) == 3
    assert newest_checkpoint(both, plain) == both == newest_checkpoint(both, both)


def test_a_cosignature_counts_for_its_name_and_key(checkpoints: list[Checkpoint]) -> None:
    world = World()
    signer = world.keys.signer("hospital-b")
    checkpoint = cosign_checkpoint(checkpoints[0], Name("hospital-b"), signer)
    assert checkpoint.signatures[:-1] == checkpoints[0].signatures
    assert checkpoint.vouched_by("hospital-b", signer.key, world.keys.verify)
    assert not checkpoint.vouched_by("hospital-c", signer.key, world.keys.verify)


def test_what_its_site_did_not_sign_is_not_cosigned(checkpoints: list[Checkpoint]) -> None:
    only_another = replace(
        cosigned(checkpoints[0], "hospital-b"),
        signatures=cosigned(checkpoints[0], "hospital-b").signatures[1:],
    )
    for bare in (replace(checkpoints[0], signatures=()), only_another):
        with pytest.raises(CheckpointInvalid, match="no signature of hospital-a"):
            cosigned(bare, "hospital-c")
