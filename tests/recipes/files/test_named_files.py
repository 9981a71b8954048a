"""A name in an index leads into the folder or nowhere, and no error tells the name."""

import hashlib
import os
from pathlib import Path

import pytest

from securefed.errors import DataUnreadable
from securefed.recipes.files import named_files
from securefed.recipes.files.named_files import read_pinned_file, read_text_file
from tests.recipes.files.tables import SECRET, everything_of

NAME = f"{SECRET}.txt"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with files, beside one that is nobody's business."""
    inside = tmp_path / "index"
    (inside / "deep" / "er").mkdir(parents=True)
    for place in (inside, inside / "deep" / "er", tmp_path):
        (place / NAME).write_text("Grüße\n", encoding="utf-8")
    (inside / "link.txt").symlink_to(tmp_path / NAME)
    (inside / "way").symlink_to(tmp_path)
    (inside / "round").symlink_to(inside / "deep")
    os.mkfifo(inside / "pipe")
    return inside


@pytest.mark.parametrize("name", [NAME, f"deep/er/{NAME}", f"./deep//er/{NAME}"])
def test_a_file_inside_is_read(folder: Path, name: str) -> None:
    pin = hashlib.sha256("Grüße\n".encode()).hexdigest()
    assert read_text_file(folder, name) == "Grüße\n"
    assert read_text_file(folder, name, pin) == "Grüße\n"
    assert read_pinned_file(folder, name, pin.upper()) == "Grüße\n".encode()


HOSTILE = {
    "nothing": "",
    "the folder": ".",
    "above": f"../{NAME}",
    "above and back": f"deep/../{NAME}",
    "root": f"/etc/../{NAME}",
    "two slashes": f"//tmp/{NAME}",
    "a link out": "link.txt",
    "a way out": f"way/{NAME}",
    "a way round": f"round/er/{NAME}",
    "a folder": "deep",
    "a pipe": "pipe",
    "a file as folder": f"{NAME}/{NAME}",
    "missing": f"no-{NAME}",
    "NUL": f"{NAME}\0.png",
    "half a pair": f"\ud800{NAME}",
    "long": NAME * 400,
    "Windows": f"deep\\er\\{NAME}",
}


@pytest.mark.parametrize("story", HOSTILE)
def test_a_hostile_name_leads_nowhere(folder: Path, story: str) -> None:
    with pytest.raises(DataUnreadable, match="inside the folder") as caught:
        read_text_file(folder, HOSTILE[story], where="record 7 of a batch")
    assert caught.value.where == "record 7 of a batch"
    assert SECRET not in everything_of(caught.value)


def test_an_absolute_name_is_refused_though_it_leads_inside(folder: Path) -> None:
    with pytest.raises(DataUnreadable, match="inside the folder"):
        read_text_file(folder, str(folder / NAME))


def test_without_a_name_for_the_record_the_folder_is_named(folder: Path) -> None:
    with pytest.raises(DataUnreadable) as caught:
        read_text_file(folder, "missing")
    assert caught.value.where == f"a record of the index in {folder}"


@pytest.mark.parametrize("sha256", ["", "0" * 64, "sha256:" + "0" * 64])
def test_another_file_than_the_indexed_one_is_refused(folder: Path, sha256: str) -> None:
    for read in (read_pinned_file, read_text_file):
        with pytest.raises(DataUnreadable, match="SHA-256") as caught:
            read(folder, NAME, sha256)
        assert SECRET not in everything_of(caught.value)


@pytest.mark.parametrize("data", [b"Gr\xfc\xdfe " + SECRET.encode(), f"{SECRET}\0".encode()])
def test_what_is_no_text_is_refused_without_a_byte_of_it(folder: Path, data: bytes) -> None:
    (folder / NAME).write_bytes(data)
    with pytest.raises(DataUnreadable, match="UTF-8 text") as caught:
        read_text_file(folder, NAME)
    assert SECRET not in everything_of(caught.value)


def test_a_large_file_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = (folder / NAME).stat().st_size
    monkeypatch.setattr(named_files, "MOST_BYTES", size)
    assert read_text_file(folder, NAME)
    monkeypatch.setattr(named_files, "MOST_BYTES", size - 1)
    with pytest.raises(DataUnreadable, match=f"at most {size - 1} bytes"):
        read_text_file(folder, NAME)


def test_no_file_stays_open(folder: Path) -> None:
    before = len(list(Path("/dev/fd").iterdir()))
    for name in (NAME, f"deep/er/{NAME}", "missing", "deep/missing/x", "pipe", "deep"):
        try:
            read_text_file(folder, name)
        except DataUnreadable:
            continue
    assert len(list(Path("/dev/fd").iterdir())) == before
