"""The search for private keys finds those that are in use, wherever they are held."""

import subprocess
import sys

import pytest

from securefed.adapters.masking.exchange import MaskKey, new_mask_key
from securefed.adapters.this_machine.secrets import HeldSecrets

pytestmark = pytest.mark.slow


class OwnKey:
    """A private key of the test."""

    __slots__ = ("word", "words")

    def __init__(self) -> None:
        self.words = [b"secret"]


class OwnKeyMadeElsewhere(OwnKey):
    """Another kind of it."""


# An object that says it is whatever somebody asks for.
LIAR = type("Liar", (), {"__class__": property(lambda _: OwnKey)})()


def test_nothing_is_found_where_nothing_is() -> None:
    assert HeldSecrets([OwnKey]).found() == ()
    assert isinstance(LIAR, OwnKey)


def test_a_key_is_found_in_whatever_holds_it_and_not_once_it_is_gone() -> None:
    finder = HeldSecrets([OwnKey, MaskKey])
    held = {"deep": [(OwnKey(),)]}
    assert "OwnKey" in finder.found()
    held["deep"].clear()
    assert "OwnKey" not in finder.found()
    circle: list[object] = [OwnKeyMadeElsewhere()]
    circle.append(circle)
    assert "OwnKey" in finder.found()
    del circle
    assert "OwnKey" not in finder.found()


def test_a_mask_key_is_found_by_its_name_alone() -> None:
    key = new_mask_key()
    found = HeldSecrets([MaskKey]).found()
    assert found == ("MaskKey",)
    assert key.secret_bytes().hex() not in repr(found)


def test_a_process_that_imports_all_of_sealing_holds_none() -> None:
    code = (
        "from securefed.adapters.masking.exchange import MaskKey\n"
        "from securefed.adapters.masking.stream import WordStream\n"
        "from securefed.adapters.tenseal_sealing.bfv import BfvOpener\n"
        "from securefed.adapters.tenseal_sealing.keys import OpeningKey, new_opening_key\n"
        "from securefed.adapters.this_machine.secrets import HeldSecrets\n"
        "finder = HeldSecrets([MaskKey, WordStream, BfvOpener, OpeningKey])\n"
        "before = finder.found()\n"
        "key = new_opening_key()\n"
        "print(before, finder.found())\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "() ('OpeningKey',)\n"
