"""Published files: found, refused when they are missing or others, and never fetched."""

import hashlib
from pathlib import Path

import pytest

from securefed.adapters.published_data.origin import Origin
from securefed.errors import AssetMismatch, NotFound, SecurefedError

FIRST = hashlib.sha256(b"1,2\n").hexdigest()
FOLDER = hashlib.sha256(f"a.txt {FIRST}\nin/b.txt {FIRST}\n".encode()).hexdigest()
ORIGIN = Origin(
    title="The numbers",
    folder="numbers",
    source="https://numbers.example.org",
    licence="CC0-1.0",
    files={"first.csv": FIRST, "more": FOLDER},
)


@pytest.fixture
def numbers(tmp_path: Path) -> Path:
    folder = tmp_path / "numbers"
    (folder / "more" / "in").mkdir(parents=True)
    for name in ("first.csv", "more/a.txt", "more/in/b.txt"):
        (folder / name).write_bytes(b"1,2\n")
    return folder


def test_the_folder_or_one_that_holds_it(numbers: Path) -> None:
    assert ORIGIN.checked(numbers) == ORIGIN.checked(numbers.parent) == numbers


def told(error: SecurefedError) -> str:
    return f"{error.what} {error.remedy}"


def test_without_a_folder_it_says_where_to_get_what() -> None:
    with pytest.raises(NotFound) as caught:
        ORIGIN.checked(None)
    for word in ("numbers.example.org", "CC0-1.0", "first.csv", "more", "--data"):
        assert word in told(caught.value)


@pytest.mark.parametrize("name", ["first.csv", "more"])
def test_a_missing_file_is_named_with_its_origin(name: str, numbers: Path) -> None:
    (numbers / name).rename(numbers / "elsewhere")
    with pytest.raises(NotFound) as caught:
        ORIGIN.checked(numbers)
    assert name in caught.value.what
    assert "numbers.example.org" in told(caught.value)


@pytest.mark.parametrize("name", ["first.csv", "more/a.txt", "more/in/b.txt"])
def test_another_file_is_refused(name: str, numbers: Path) -> None:
    (numbers / name).write_bytes(b"1,3\n")
    with pytest.raises(AssetMismatch) as caught:
        ORIGIN.checked(numbers)
    assert (FIRST if name == "first.csv" else FOLDER) in caught.value.what
    assert caught.value.where == str(numbers / name.partition("/")[0])


def test_a_pinned_folder_has_no_more_and_no_fewer_files(numbers: Path) -> None:
    (numbers / "more" / "c.txt").write_bytes(b"")
    with pytest.raises(AssetMismatch):
        ORIGIN.checked(numbers)
    (numbers / "more" / "c.txt").unlink()
    (numbers / "more" / "a.txt").unlink()
    with pytest.raises(AssetMismatch):
        ORIGIN.checked(numbers)
