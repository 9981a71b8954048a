"""Key files: what is written, what is refused, and that the seed never shows."""

import base64
import copy
import errno
import json
import os
import pickle
import stat
import traceback
from pathlib import Path

import pytest

from securefed.adapters.ed25519_keys import Ed25519Signer, create_key, load_key, verify
from securefed.domain.identifiers import PublicKey, Signature
from securefed.errors import AlreadyExists, KeyUnsafe, StorageFailed, TextInvalid

# In two pieces: a test looks for key files in the repository by this text.
HEADER = "PRIVATE " + "securefed ed25519 key"
SEED = bytes(range(32))
SEED_TEXT = base64.b64encode(SEED).decode("ascii")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "site.key"


def write(path: Path, text: str | bytes, mode: int = 0o600) -> Path:
    path.write_bytes(text.encode("utf-8") if isinstance(text, str) else text)
    path.chmod(mode)
    return path


def test_rfc_8032_test_vectors_hold() -> None:
    signer = Ed25519Signer(
        bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
    )
    assert signer.key == PublicKey(
        "ed25519:3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    )
    assert signer.sign(b"\x72") == Signature(
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    assert verify(signer.key, b"\x72", signer.sign(b"\x72"))


def test_a_key_file_has_two_lines_and_one_reader(path: Path) -> None:
    previous = os.umask(0)
    try:
        signer = create_key(path, "site hospital-a")
    finally:
        os.umask(previous)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    first, second, rest = path.read_text(encoding="utf-8").split("\n")
    assert first == f"{HEADER} site hospital-a"
    assert Ed25519Signer(base64.b64decode(second, validate=True)).key == signer.key
    assert rest == ""


def test_a_loaded_key_is_the_created_one(path: Path) -> None:
    created = create_key(path, "dana é")
    loaded = load_key(path)
    assert loaded.key == created.key
    assert verify(created.key, b"text", loaded.sign(b"text"))


def test_every_key_is_another(tmp_path: Path) -> None:
    keys = {create_key(tmp_path / f"{number}.key", "dana").key for number in range(20)}
    assert len(keys) == 20


def test_a_key_is_never_overwritten(path: Path, tmp_path: Path) -> None:
    create_key(path, "dana")
    before = path.read_bytes()
    with pytest.raises(AlreadyExists):
        create_key(path, "dana")
    assert path.read_bytes() == before
    dangling = tmp_path / "link.key"
    dangling.symlink_to(tmp_path / "elsewhere.key")
    with pytest.raises(AlreadyExists):
        create_key(dangling, "dana")
    assert not (tmp_path / "elsewhere.key").exists()


@pytest.mark.parametrize("label", ["", " dana", "two\nlines", "x" * 201, "bell\a"])
def test_a_label_is_one_visible_line(path: Path, label: str) -> None:
    with pytest.raises(TextInvalid):
        create_key(path, label)
    assert not path.exists()


def test_a_key_that_cannot_be_written_whole_is_not_left_behind(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFailed, match="No space left"):
        create_key(path, "dana")
    assert not path.exists()


def test_a_missing_folder_or_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(KeyUnsafe, match="no such file"):
        load_key(tmp_path / "none.key")
    with pytest.raises(KeyUnsafe, match="no such file"):
        create_key(tmp_path / "none" / "site.key", "dana")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o620, 0o610, 0o601, 0o644, 0o777])
def test_a_file_that_others_can_access_is_refused(path: Path, mode: int) -> None:
    create_key(path, "dana")
    path.chmod(mode)
    with pytest.raises(KeyUnsafe, match=f"{mode:04o}"):
        load_key(path)


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_private_file_is_accepted(path: Path, mode: int) -> None:
    created = create_key(path, "dana")
    path.chmod(mode)
    assert load_key(path).key == created.key


def test_a_symbolic_link_is_refused(path: Path, tmp_path: Path) -> None:
    create_key(path, "dana")
    link = tmp_path / "link.key"
    link.symlink_to(path)
    with pytest.raises(KeyUnsafe, match="symbolic link"):
        load_key(link)


def test_another_accounts_file_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create_key(path, "dana")
    stranger = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: stranger)
    with pytest.raises(KeyUnsafe, match="another account"):
        load_key(path)


def test_a_folder_and_a_pipe_are_refused(path: Path, tmp_path: Path) -> None:
    path.mkdir(mode=0o700)
    with pytest.raises(KeyUnsafe, match="not an ordinary file"):
        load_key(path)
    os.mkfifo(tmp_path / "pipe.key", 0o600)
    with pytest.raises(KeyUnsafe, match="not an ordinary file"):
        load_key(tmp_path / "pipe.key")


@pytest.mark.parametrize(
    "content",
    [
        "",
        SEED_TEXT,
        f"{HEADER} dana\n",
        f"{HEADER} dana\n{SEED_TEXT}",
        f"{HEADER}\n{SEED_TEXT}\n",
        f"{HEADER} \n{SEED_TEXT}\n",
        f" {HEADER} dana\n{SEED_TEXT}\n",
        f"{HEADER.lower()} dana\n{SEED_TEXT}\n",
        f"{HEADER} dana\n{SEED_TEXT}\n\n",
        f"{HEADER} dana\r\n{SEED_TEXT}\r\n",
        f"{HEADER} dana\n{SEED_TEXT}\n{SEED_TEXT}\n",
        f"{HEADER} da\u202ena\n{SEED_TEXT}\n",
        f"{HEADER} dana\n{SEED.hex()}\n",
        f"{HEADER} dana\n{base64.b64encode(SEED[:31]).decode()}\n",
        f"{HEADER} dana\n{base64.b64encode(SEED + b'x').decode()}\n",
        f"{HEADER} dana\n{SEED_TEXT[:-2]}9=\n",
        f"{HEADER} dana\n{SEED_TEXT[:-1]}A\n",
        f"{HEADER} dana\n{SEED_TEXT}\n".encode() + b"\xff",
        f"{HEADER} {'x' * 5000}\n{SEED_TEXT}\n",
    ],
)
def test_malformed_content_is_refused_and_not_shown(path: Path, content: str | bytes) -> None:
    write(path, content)
    with pytest.raises(KeyUnsafe, match="not a securefed key") as caught:
        load_key(path)
    assert caught.value.__cause__ is None
    assert SEED_TEXT[:20] not in str(caught.value)


def test_the_well_formed_sibling_of_those_is_accepted(path: Path) -> None:
    write(path, f"{HEADER} dana\n{SEED_TEXT}\n")
    assert load_key(path).key == Ed25519Signer(SEED).key


def test_the_seed_shows_nowhere() -> None:
    signer = Ed25519Signer(SEED)
    assert repr(signer) == str(signer) == f"Ed25519Signer({signer.key})"
    shown = f"{signer!r} {signer} {vars(type(signer))}"
    try:
        raise ValueError(signer)
    except ValueError as error:
        shown += "".join(traceback.format_exception(error))
    for form in (SEED.hex(), SEED_TEXT, repr(SEED)):
        assert form not in shown
    assert not hasattr(signer, "__dict__")
    with pytest.raises(TypeError):
        json.dumps(signer)


def test_a_signer_is_neither_copied_nor_pickled() -> None:
    signer = Ed25519Signer(SEED)
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            attempt(signer)
