"""Files that are no configuration at all are refused by name, whatever they hold."""

import os
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from securefed.config import load_policy, load_site, load_study
from securefed.config.toml_file import LARGEST_FILE, read_toml
from securefed.errors import ConfigInvalid


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"[site", "expected TOML, got a mistake: Expected ']'"),
        (b"# fine\n\n[site]\nname = hospital\n", "line 4"),
        (b"a = 1\na = 2\n", "Cannot overwrite a value"),
        (b"# fine\ntitle = '\xff'", "expected UTF-8 text, got other bytes in line 2"),
        (b"\xef\xbb\xbftitle = 'x'", "expected TOML"),
        (b"a = 1e99999999999999999999999", "exponent is too large"),
        (b"a = " + b"9" * 5000, "expected TOML"),
        (b"a = " + b"[" * 5000, "nested too deeply"),
        (b"a = '\0'", "expected TOML"),
        (b"#" * (LARGEST_FILE + 1), "expected a file of at most 1,000,000 bytes"),
    ],
)
def test_bytes_that_are_not_toml_are_refused(data: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_bytes(data)
    with pytest.raises(ConfigInvalid) as caught:
        load_study(path)
    assert reason in caught.value.what
    assert caught.value.where == str(path)


def test_the_largest_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    text = '[site]\nname = "a"\ntitle = "A"\n#'
    path.write_text(text + "x" * (LARGEST_FILE - len(text)), encoding="utf-8")
    assert load_site(path).title == "A"


@pytest.mark.parametrize("name", ["nothing.toml", "", "a\0b", "x" * 5000])
def test_what_is_no_file_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match="expected a"):
        load_policy(tmp_path / name)


def test_a_pipe_is_refused_and_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigInvalid, match="a folder or device"):
        load_policy(tmp_path / "pipe")


def test_a_file_that_cannot_be_opened_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "policy.toml"
    path.write_text("", encoding="utf-8")

    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(ConfigInvalid, match="expected a readable file, got Permission denied"):
        load_policy(path)


@given(some.decimals(allow_nan=False, allow_infinity=False, places=12))
def test_decimals_are_exact(tmp_path_factory: pytest.TempPathFactory, number: Decimal) -> None:
    path = tmp_path_factory.getbasetemp() / "number.toml"
    path.write_text(f"number = {number:.12f}\n", encoding="utf-8")
    assert read_toml(path)["number"] == number


@given(some.binary(max_size=200))
def test_any_bytes_load_or_are_refused(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(data)
    with pytest.raises(ConfigInvalid):
        load_study(path)
