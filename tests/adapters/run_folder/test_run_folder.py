"""A run's folder: records whole or not there, a log that half a line does not end, a model."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from safetensors.numpy import load_file

from securefed.adapters.run_folder import (
    Began,
    LogLine,
    ModelFiles,
    RunFolder,
    RunLog,
    new_model,
    write_weights,
)
from securefed.domain.identifiers import Name, SiteId
from securefed.errors import ModelUnusable, NotCanonical, RecordInvalid, StorageFailed
from securefed.recipes.layout import Layout
from tests.world import World

HERE = SiteId("hospital-a")
FILES = ModelFiles(record=b"{}", card="# A model")


def line(number: int, words: str = "") -> LogLine:
    return LogLine(
        at=datetime(2026, 11, 21, 9, tzinfo=UTC),
        round=number,
        site=HERE,
        part=Name("open"),
        seconds=Decimal("0.25"),
        bytes=number,
        words=words,
    )


def test_what_was_filed_is_found_again(tmp_path: Path) -> None:
    folder, signed = RunFolder(tmp_path / "run"), World().request()
    assert folder.request(HERE) is None
    folder.keep_request(signed)
    assert RunFolder(tmp_path / "run").request(HERE) == signed
    assert folder.request(SiteId("hospital-b")) is None


def test_what_began_is_found_again(tmp_path: Path) -> None:
    began = Began(
        study=World().whole_study(),
        layout=Layout(names=("a", "b"), shapes=((2, 3), ())),
    )
    RunFolder(tmp_path).keep_began(began)
    assert RunFolder(tmp_path).began == began
    assert [one.name for one in tmp_path.iterdir()] == ["run.json"]
    assert RunFolder(tmp_path / "other").began is None


def test_a_record_that_was_changed_is_refused(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    (tmp_path / "run.json").write_text('{"kind": "study-run"}\n')
    with pytest.raises(NotCanonical):
        _ = folder.began
    (tmp_path / "run.json").write_bytes(b'{"kind":"study-run"}\n')
    with pytest.raises(RecordInvalid):
        _ = folder.began
    (tmp_path / "run.json").write_bytes(b" " * 4_000_001)
    with pytest.raises(NotCanonical, match="larger than"):
        _ = folder.began


def test_rounds_are_counted_by_their_models(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    assert folder.finished == 0
    folder.models.mkdir()
    for name in ("state.1", "state.2", "state.3.draft", "state.x"):
        (folder.models / name).touch()
    assert folder.finished == 2


def test_files_on_their_way_are_gone_at_the_next_start(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    (folder.emptied_passing() / "1.hospital-a.update").write_bytes(b"half")
    assert list(folder.emptied_passing().iterdir()) == []


@given(words=some.lists(some.text(some.characters(exclude_categories=["Cs"]))))
def test_the_log_gives_back_what_was_added(
    tmp_path_factory: pytest.TempPathFactory, words: list[str]
) -> None:
    log = RunLog(tmp_path_factory.mktemp("run") / "log.jsonl")
    lines = [line(number, word) for number, word in enumerate(words, 1)]
    for one in lines:
        log.add(one)
    assert log.lines() == lines


def test_a_line_that_a_crash_cut_off_is_left_out(tmp_path: Path) -> None:
    log = RunLog(tmp_path / "log.jsonl")
    log.add(line(1))
    whole = log.path.read_bytes()
    for end in range(1, len(whole)):
        log.path.write_bytes(whole + whole[:end])
        assert log.lines() == [line(1)]
        log.add(line(2))
        found = log.lines()
        # All but the newline is a whole line.
        assert found == [line(1), *([line(1)] if end == len(whole) - 1 else []), line(2)]


def test_the_log_goes_on_from_a_place(tmp_path: Path) -> None:
    log = RunLog(tmp_path / "log.jsonl")
    assert log.since(0) == ([], 0)
    log.add(line(1))
    first, place = log.since(0)
    assert (first, log.since(place)) == ([line(1)], ([], place))
    log.add(line(2))
    assert log.since(place)[0] == [line(2)]


def test_a_line_that_somebody_changed_is_refused(tmp_path: Path) -> None:
    log = RunLog(tmp_path / "log.jsonl")
    log.path.write_text('{"round":1}\n')
    with pytest.raises(RecordInvalid, match="line of the log"):
        log.lines()


def test_a_model_is_its_weights_by_name_and_takes_an_older_ones_place(tmp_path: Path) -> None:
    layout = Layout(names=("bias", "weight"), shapes=((), (2, 2)))
    for values in (range(5), range(5, 10)):
        row = np.array(values, np.float32)
        with new_model(tmp_path / "model", FILES) as draft:
            write_weights(draft, layout.parts(row))
        found = load_file(tmp_path / "model" / "model.safetensors")
        assert found["bias"] == row[0]
        assert (found["weight"] == row[1:].reshape(2, 2)).all()
    assert (tmp_path / "model" / "model.md").read_text() == "# A model"
    assert (tmp_path / "model" / "model.json").read_bytes() == b"{}\n"
    assert [one.name for one in tmp_path.iterdir()] == ["model"]


def spoil(folder: Path) -> None:
    with new_model(folder, FILES) as draft:
        (draft / "half").touch()
        raise ModelUnusable("It is not the model")


def test_a_model_that_turns_out_wrong_leaves_the_older_one(tmp_path: Path) -> None:
    with new_model(tmp_path / "model", FILES) as draft:
        write_weights(draft, {"one": np.zeros(1, np.float32)})
    with pytest.raises(ModelUnusable):
        spoil(tmp_path / "model")
    assert [one.name for one in tmp_path.iterdir()] == ["model"]
    assert not (tmp_path / "model" / "half").exists()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageFailed, match="Cannot write"):
        RunFolder(tmp_path / "file").make()
    with (
        pytest.raises(StorageFailed, match="Cannot write"),
        new_model(tmp_path / "file" / "model", FILES),
    ):
        pass
    with pytest.raises(StorageFailed, match="Cannot write"):
        RunLog(tmp_path / "file" / "log.jsonl").add(line(1))
