"""What every store of a round's files does: a file is whole or not there."""

import pickle
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

from securefed.adapters.memory_round import MemoryFiles
from securefed.adapters.update_files import folder_files
from securefed.errors import NotFound
from securefed.ports import RoundFiles


@pytest.fixture(params=["memory", "folder"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RoundFiles]:
    made: AbstractContextManager[RoundFiles]
    made = nullcontext(MemoryFiles()) if request.param == "memory" else folder_files(tmp_path / "f")
    with made as found:
        yield found


def content(files: RoundFiles, name: str) -> bytes:
    with files.opener(name)() as file:
        return file.read()


def test_a_file_is_what_was_put_last(files: RoundFiles) -> None:
    files.put("1.a.update", iter([b"one", b"", b"two"]))
    assert content(files, "1.a.update") == b"onetwo"
    files.put("1.a.update", [b"other"])
    assert content(files, "1.a.update") == b"other"
    assert files.names() == ["1.a.update"]


def test_a_file_whose_parts_fail_leaves_what_was_there(files: RoundFiles) -> None:
    class Failed(Exception):
        pass

    def failing() -> Iterator[bytes]:
        yield b"new"
        raise Failed

    with pytest.raises(Failed):
        files.put("1.a", failing())
    assert files.names() == []
    files.put("1.a", [b"old"])
    with pytest.raises(Failed):
        files.put("1.a", failing())
    assert content(files, "1.a") == b"old"


def test_a_file_is_moved_onto_another(files: RoundFiles) -> None:
    files.put("1.b", [b"b"])
    files.put("1.a", [b"a"])
    files.move("1.a", "1.b")
    assert (files.names(), content(files, "1.b")) == (["1.b"], b"a")


def test_removing_is_done_once_or_twice(files: RoundFiles) -> None:
    files.put("1.a", [b"a"])
    files.remove("1.a")
    files.remove("1.a")
    assert files.names() == []
    with pytest.raises(NotFound):
        files.opener("1.a")()


def test_several_files_are_removed_together_with_those_that_are_not_there(
    files: RoundFiles,
) -> None:
    for name in ("1.a", "1.b", "1.c"):
        files.put(name, [b"content"])
    files.remove("1.a", "1.d", "1.c")
    assert files.names() == ["1.b"]
    files.remove()
    assert files.names() == ["1.b"]


def test_an_opener_opens_what_is_there_when_it_is_called(files: RoundFiles) -> None:
    opener = files.opener("1.a")
    files.put("1.a", [b"later"])
    with opener() as file:
        assert file.read() == b"later"


def test_an_opener_of_a_folder_can_be_sent_to_a_process(tmp_path: Path) -> None:
    with folder_files(tmp_path) as files:
        files.put("1.a", [b"a"])
        with pickle.loads(pickle.dumps(files.opener("1.a")))() as file:  # noqa: S301 # our own
            assert file.read() == b"a"
