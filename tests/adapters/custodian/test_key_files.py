"""Key files of studies: what is written, who may read it, and what is left of a destroyed one."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from securefed.adapters.custodian_folder import CustodianFolder, StudyKeyFiles
from securefed.domain.identifiers import Line, Name, StudyId
from securefed.domain.key_card import Holds
from securefed.errors import (
    AlreadyExists,
    KeyUnsafe,
    LedgerRolledBack,
    NotFound,
    SecurefedError,
)
from securefed.wiring.custodian import OpenCustodian, init_custodian, open_custodian
from tests.custody import Custody

UNTIL = datetime(2036, 1, 1, tzinfo=UTC)
STUDY = StudyId("readmission")


@pytest.fixture
def opened(tmp_path: Path) -> OpenCustodian:
    found = init_custodian(tmp_path / "registry", Name("registry"), Holds.MASK)
    found.party.register_study(Custody().registration(), UNTIL)
    return found


def key_file(opened: OpenCustodian) -> Path:
    [path] = opened.folder.keys.iterdir()
    return path


def test_everything_secret_is_readable_by_its_owner_alone(opened: OpenCustodian) -> None:
    for path in (opened.folder.own_key, key_file(opened)):
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.read_bytes().startswith(b"PRIVATE securefed ")
    for folder in (opened.folder.root, opened.folder.keys, opened.folder.passing):
        assert folder.stat().st_mode & 0o777 == 0o700
    open_custodian(opened.folder.root).party.check()


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o620, 0o604])
def test_a_key_that_others_can_access_stops_the_custodian(opened: OpenCustodian, mode: int) -> None:
    for path in (key_file(opened), opened.folder.own_key):
        path.chmod(mode)
        with pytest.raises(KeyUnsafe, match="Others can access"):
            open_custodian(opened.folder.root).party.check()
        path.chmod(0o600)


@pytest.mark.parametrize("name", [".", "keys"])
def test_a_folder_that_others_can_enter_stops_the_custodian(
    opened: OpenCustodian, name: str
) -> None:
    (opened.folder.root / name).chmod(0o755)
    with pytest.raises(KeyUnsafe, match="mode is 0755"):
        open_custodian(opened.folder.root)


def test_a_link_a_pipe_or_another_key_in_the_keys_place_is_refused(opened: OpenCustodian) -> None:
    path = key_file(opened)
    content = path.read_bytes()
    elsewhere = opened.folder.root / "elsewhere"
    elsewhere.write_bytes(content)
    elsewhere.chmod(0o600)
    path.unlink()
    path.symlink_to(elsewhere)
    with pytest.raises(KeyUnsafe):
        opened.party.check()
    path.unlink()
    os.mkfifo(path, 0o600)
    with pytest.raises(KeyUnsafe):
        opened.party.check()
    path.unlink()
    for wrong in (b"", content[:-1], content + b"\n", content.replace(b" 1\n", b" 2\n"), b"\xff"):
        path.write_bytes(wrong)
        path.chmod(0o600)
        with pytest.raises(KeyUnsafe, match="not this study's key"):
            opened.party.check()


def test_no_error_quotes_a_key(opened: OpenCustodian) -> None:
    path = key_file(opened)
    secret = path.read_text().splitlines()[1]
    path.write_text(f"PRIVATE something {secret}\n{secret}é")
    with pytest.raises(KeyUnsafe) as caught:
        opened.party.check()
    assert secret not in str(caught.value) + repr(caught.value.__cause__)


def test_a_key_is_never_overwritten(opened: OpenCustodian) -> None:
    [made] = opened.party.study(STUDY).cards
    with pytest.raises(AlreadyExists):
        StudyKeyFiles(opened.folder).keep(made.card, b"x" * 32, b"")


def test_a_destroyed_key_is_zeroed_and_removed(opened: OpenCustodian) -> None:
    path = key_file(opened)
    beside = path.parent / "beside"
    os.link(path, beside)
    assert opened.party.destroy(STUDY, Line("It has ended")) == 1
    assert not path.exists()
    assert set(beside.read_bytes()) == {0}
    beside.unlink()
    assert open_custodian(opened.folder.root).party.log.register().studies[STUDY].destroyed


def test_a_study_whose_name_begins_alike_keeps_its_keys(tmp_path: Path) -> None:
    files = StudyKeyFiles(CustodianFolder(tmp_path))
    CustodianFolder(tmp_path).create()
    [made] = Custody().party.study(STUDY).cards
    files.keep(made.card, b"x" * 32, b"")
    assert files.destroy(StudyId("readmiss")) == 0
    assert files.secret(made.card) == b"x" * 32


def test_an_old_copy_of_the_log_is_refused(opened: OpenCustodian) -> None:
    before = opened.folder.log.read_bytes()
    opened.party.rotate(STUDY, 4, UNTIL)
    for name in ("log.db-wal", "log.db-shm"):
        (opened.folder.root / name).unlink(missing_ok=True)
    opened.folder.log.write_bytes(before)
    with pytest.raises(SecurefedError) as caught:
        open_custodian(opened.folder.root)
    assert isinstance(caught.value, LedgerRolledBack)


def test_a_folder_is_made_once_and_only_where_nothing_is(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        open_custodian(tmp_path)
    (tmp_path / "something").touch()
    with pytest.raises(AlreadyExists):
        init_custodian(tmp_path, Name("registry"), Holds.MASK)
