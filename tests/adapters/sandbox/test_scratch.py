"""A run's scratch folder: what is taken from it is a plain file, and nothing stays behind."""

import os
from pathlib import Path

import pytest

from securefed.adapters.sandbox import sweep
from securefed.adapters.sandbox.scratch import Scratch
from securefed.domain.identifiers import Name
from securefed.errors import ResultUnfit, StorageFailed

UPDATE = Name("update")


@pytest.fixture
def scratch(tmp_path: Path) -> Scratch:
    return Scratch(tmp_path)


def link(made: Path, secret: Path) -> None:
    made.symlink_to(secret)


def second_name(made: Path, secret: Path) -> None:
    os.link(secret, made)


def named_pipe(made: Path, _: Path) -> None:
    os.mkfifo(made)


def folder(made: Path, _: Path) -> None:
    made.mkdir()


def sparse(made: Path, _: Path) -> None:
    made.touch()
    os.truncate(made, 2**40)


def nothing(_: Path, __: Path) -> None:
    """Makes nothing."""


@pytest.mark.parametrize("make", [link, second_name, named_pipe, folder, sparse, nothing])
def test_only_a_plain_file_is_taken(scratch: Scratch, tmp_path: Path, make: object) -> None:
    secret, target = tmp_path / "secret", tmp_path / "copy"
    secret.write_text("4711")
    assert callable(make)
    make(scratch.root / "out" / UPDATE, secret)
    with pytest.raises(ResultUnfit):
        scratch.take(UPDATE, target, 1000)
    assert not target.exists()
    scratch.remove()
    assert secret.read_text() == "4711"


def test_a_result_replaces_nothing(scratch: Scratch, tmp_path: Path) -> None:
    (scratch.root / "out" / UPDATE).write_text("new")
    target = tmp_path / "copy"
    target.write_text("old")
    with pytest.raises(StorageFailed):
        scratch.take(UPDATE, target, 1000)
    assert target.read_text() == "old"
    scratch.remove()


def test_emptying_and_removing_follow_no_link(scratch: Scratch, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir(mode=0o500)
    (scratch.root / "tmp" / "a" / "b").mkdir(parents=True)
    for name in ("tmp/x", "tmp/a/x", "out/x", "shm/x", "in/x"):
        (scratch.root / name).symlink_to(kept)
    scratch.empty()
    assert not [
        path for name in ("in", "out", "tmp", "shm") for path in (scratch.root / name).iterdir()
    ]
    (scratch.root / "out" / "x").symlink_to(kept)
    scratch.remove()
    assert not scratch.root.exists()
    assert kept.stat().st_mode & 0o777 == 0o500


def test_what_a_killed_site_left_is_swept_and_what_is_in_use_is_not(tmp_path: Path) -> None:
    left, used = Scratch(tmp_path), Scratch(tmp_path)
    os.close(left.lock)
    (tmp_path / "other").mkdir()
    assert sweep(tmp_path) == 1
    assert not left.root.exists()
    assert used.root.is_dir()
    assert (tmp_path / "other").is_dir()
    used.remove()
    assert sweep(tmp_path) == 0


def test_a_workplace_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed):
        Scratch(tmp_path / "nowhere")
