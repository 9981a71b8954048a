"""A checkpoint is whole, of this run, and replaced at once; anything else is refused."""

import stat
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from securefed.adapters.opacus_training.checkpoint import (
    Checkpoint,
    read_checkpoint,
    write_checkpoint,
)
from securefed.domain.canonical import digest_of
from securefed.errors import CheckpointUnusable, StorageFailed

RUN, OTHER = digest_of("test", b"run"), digest_of("test", b"other")


def state(step: int = 3) -> Checkpoint:
    tensors = {"weight/a": torch.randn(3, 4).T, "count/mean": torch.tensor(7)}
    return Checkpoint(run=RUN, step=step, tensors=tensors)


def read(path: Path) -> Checkpoint:
    found = read_checkpoint(path, RUN)
    assert found is not None
    return found


def test_what_was_written_is_read(tmp_path: Path) -> None:
    written = state()
    write_checkpoint(tmp_path / "state", written)
    found = read(tmp_path / "state")
    assert (found.run, found.step) == (RUN, 3)
    assert found.tensors.keys() == written.tensors.keys()
    for name, one in written.tensors.items():
        assert torch.equal(found.tensors[name], one)


def test_no_file_is_no_state(tmp_path: Path) -> None:
    assert read_checkpoint(tmp_path / "state", RUN) is None


def test_the_state_of_another_run_is_refused(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "state", state())
    with pytest.raises(CheckpointUnusable, match="another run"):
        read_checkpoint(tmp_path / "state", OTHER)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_file_that_is_not_whole_is_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("state") / "state"
    write_checkpoint(path, state())
    body = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(body) - 1))
    if data.draw(st.booleans()):
        body[place] ^= data.draw(st.integers(1, 255))
    else:
        del body[place:]
    path.write_bytes(body)
    with pytest.raises(CheckpointUnusable):
        read_checkpoint(path, RUN)


@pytest.mark.parametrize("body", [b"", b"nothing", bytes(32), bytes(200)])
def test_another_file_is_refused(tmp_path: Path, body: bytes) -> None:
    (tmp_path / "state").write_bytes(body)
    with pytest.raises(CheckpointUnusable):
        read_checkpoint(tmp_path / "state", RUN)


def test_a_write_that_was_killed_leaves_the_old_state(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "state", state(3))
    (tmp_path / "state.new").write_bytes(b"half of a")
    assert read(tmp_path / "state").step == 3
    write_checkpoint(tmp_path / "state", state(4))
    assert read(tmp_path / "state").step == 4


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    (tmp_path / "state.new").write_bytes(b"left over, readable by all")
    (tmp_path / "state.new").chmod(0o644)
    write_checkpoint(tmp_path / "state", state())
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o600


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    (tmp_path / "state.new").symlink_to(victim)
    write_checkpoint(tmp_path / "state", state())
    assert victim.read_bytes() == b"mine"


def test_a_folder_that_is_not_there_has_one_name(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed):
        write_checkpoint(tmp_path / "none" / "state", state())
    (tmp_path / "folder").mkdir()
    with pytest.raises(StorageFailed):
        read_checkpoint(tmp_path / "folder", RUN)
