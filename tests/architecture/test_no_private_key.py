"""No file of the repository holds a private key."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from securefed.adapters.ed25519_keys import create_key
from tests.architecture.sources import ROOT

# In two pieces, so that this file is not found by its own search.
PRINTED = rb"PRIVATE" + rb" securefed ed25519 key"
# A file that begins with the words; or the words with a label, and key material on the next line,
# also indented, quoted or escaped in JSON. The code and the pages that explain it are no keys.
KEY = re.compile(
    rb"\A\s*%b|%b[^\n]{0,1000}?(?:\n|\\n)[\s>|#]*[A-Za-z0-9+/]{40}" % (PRINTED, PRINTED)
)


def test_no_file_of_the_repository_holds_a_private_key() -> None:
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("this is not a git clone")
    listing = [git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, check=True).stdout.split(b"\0")
    files = [ROOT / name.decode() for name in names if name]
    assert ROOT / "securefed" / "__init__.py" in files
    found = [path for path in files if path.is_file() and KEY.search(path.read_bytes())]
    assert found == []


def test_the_search_finds_a_key_that_we_made(tmp_path: Path) -> None:
    key_file = tmp_path / "site.key"
    create_key(key_file, "site hospital-a")
    content = key_file.read_bytes()
    assert KEY.search(content)
    assert KEY.search(b"A mail:\n\n> " + content.replace(b"\n", b"\n> "))
    assert KEY.search(json.dumps({"key": content.decode()}).encode())


@pytest.mark.parametrize(
    "text",
    [
        b'HEADER = "' + PRINTED + b'"\nNEXT = 1\n',
        b"The form is\n\n    " + PRINTED + b" site hospital-a\n    <base64 of the seed>\n",
        b"PRIVATE notes\n" + b"A" * 43 + b"=\n",
    ],
)
def test_what_explains_the_form_is_not_a_key(text: bytes) -> None:
    assert KEY.search(text) is None
