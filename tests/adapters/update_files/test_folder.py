"""A round's folder: private, for one process, clean after a crash, and blind to links."""

import os
import stat
from pathlib import Path

import pytest

from securefed.adapters.update_files import FolderFiles, folder_files
from securefed.errors import NotFound, RoundBusy, StorageFailed


def test_nobody_else_can_read_anything(tmp_path: Path) -> None:
    folder = tmp_path / "rounds" / "readmission-3"
    with folder_files(folder) as files:
        files.put("1.sum", [b"sum"])
    modes = {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert (stat.S_IMODE(folder.stat().st_mode), modes) == (0o700, {0o600})


def test_one_process_at_a_time(tmp_path: Path) -> None:
    with folder_files(tmp_path), pytest.raises(RoundBusy), folder_files(tmp_path):
        pass
    with folder_files(tmp_path) as files:
        assert files.names() == []


def test_drafts_that_a_crash_left_are_removed_and_never_counted(tmp_path: Path) -> None:
    with folder_files(tmp_path) as files:
        files.put("1.sum", [b"sum"])
        (tmp_path / "1.manifest.draft").write_bytes(b"half")
        assert files.names() == ["1.sum"]
    with folder_files(tmp_path):
        assert not list(tmp_path.glob("*.draft"))


@pytest.mark.parametrize(
    "name", ["", "../1.sum", "/etc/passwd", ".lock", "a/b", "a\x00", "A", "1.draft", "x" * 200]
)
def test_no_other_place_is_reached_by_a_name(name: str, tmp_path: Path) -> None:
    files = FolderFiles(tmp_path)
    for act in (files.remove, files.opener, lambda one: files.put(one, [b"x"])):
        with pytest.raises(NotFound):
            act(name)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    folder = tmp_path / "round"
    with folder_files(folder) as files:
        (folder / "1.sum").symlink_to(secret)
        with pytest.raises(StorageFailed):
            files.opener("1.sum")()
        (folder / "1.manifest.draft").symlink_to(secret)
        files.put("1.manifest", [b"manifest"])
    assert secret.read_bytes() == b"secret"


def test_a_folder_that_is_gone_is_a_fault_of_the_machine(tmp_path: Path) -> None:
    folder = tmp_path / "round"
    folder.mkdir()
    files = FolderFiles(folder)
    folder.rmdir()
    for act in (files.names, lambda: files.put("1.a", [b"a"]), lambda: files.move("1.a", "1.b")):
        with pytest.raises(StorageFailed):
            act()


def test_a_disk_that_fails_while_it_is_written_keeps_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = FolderFiles(tmp_path)
    files.put("1.a", [b"old"])

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFailed, match="No space left"):
        files.put("1.a", [b"new"])
    monkeypatch.undo()
    assert [path.name for path in tmp_path.iterdir()] == ["1.a"]
    assert (tmp_path / "1.a").read_bytes() == b"old"
