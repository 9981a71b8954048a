"""A keystream is AES in counter mode, gives out nothing twice, and is seeded in tests only."""

import copy
import pickle
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from unittest.mock import MagicMock

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from securefed.adapters.opacus_training.randomness.stream import (
    LIMIT,
    KeyStream,
    Purpose,
    SeededKeyStream,
)
from tests.adapters.randomness.conftest import Opened
from tests.architecture.sources import ROOT, inside, modules

# More than two of the parts in which a buffer is filled, and no whole number of blocks.
LONG = (1 << 19) + 1234


def taken(stream: KeyStream, size: int) -> bytes:
    buffer = np.zeros(size, np.uint8)
    stream.fill(buffer)
    return buffer.tobytes()


def test_the_bytes_are_the_encrypted_counter_from_zero(opened: Opened) -> None:
    label = b"securefed keystream v1: noise"
    derived = HKDF(SHA256(), 40, salt=None, info=label).derive((7).to_bytes(64, "big"))
    blocks = b"".join(derived[32:] + n.to_bytes(8, "big") for n in range(LONG // 16 + 1))
    block_by_block = Cipher(algorithms.AES(derived[:32]), modes.ECB()).encryptor()  # noqa: S305 - the oracle of counter mode
    assert taken(opened(7), LONG) == block_by_block.update(blocks)[:LONG]


def test_the_parts_in_which_it_is_taken_do_not_matter(opened: Opened) -> None:
    parts = opened()
    assert b"".join(taken(parts, size) for size in (1, 15, 16, 0, 17, 951)) == taken(opened(), 1000)


def test_seed_and_purpose_each_make_another_stream(opened: Opened) -> None:
    noise, other = opened(1), opened(2)
    sampling = opened(1, Purpose.SAMPLING)
    assert taken(opened(1), 32) == taken(noise, 32)
    assert len({taken(stream, 32) for stream in (opened(1), noise, other, sampling)}) == 4


def test_fresh_streams_have_nothing_in_common() -> None:
    streams = [KeyStream(purpose) for purpose in Purpose for _ in range(8)]
    assert len({taken(stream, 16) for stream in streams}) == 16


def test_words_fill_all_of_their_bits(opened: Opened) -> None:
    words = opened().words(10_000)
    assert words.dtype == np.uint64
    bits = np.unpackbits(words.view(np.uint8)).reshape(10_000, 64)
    # Five standard deviations of a fair coin's frequency.
    assert abs(bits.mean(axis=0) - 0.5).max() < 5 * 0.5 / 100


def test_an_array_is_filled_where_it_lies(opened: Opened) -> None:
    whole = np.zeros(6, np.uint16)
    opened().fill(whole[2:4])
    assert whole.tobytes() == bytes(4) + taken(opened(), 4) + bytes(4)


@pytest.mark.parametrize("unfit", [np.zeros(8, np.uint16)[::2], np.frombuffer(bytes(8), np.uint8)])
def test_an_array_in_pieces_or_not_writable_is_refused(opened: Opened, unfit: np.ndarray) -> None:
    with pytest.raises((TypeError, BufferError)):
        opened().fill(unfit)


def test_a_used_up_stream_is_refused_and_writes_nothing(opened: Opened) -> None:
    stream = opened()
    taken(stream, 24)
    assert stream._left == LIMIT - 24
    stream._left = 8
    assert len(taken(stream, 8)) == 8
    buffer = np.zeros(1, np.uint8)
    with pytest.raises(RuntimeError, match="used up"):
        stream.fill(buffer)
    assert buffer[0] == 0
    # The counter is the lower half of the block, and never reaches the nonce.
    assert LIMIT // 16 < 2**64


@pytest.mark.parametrize("double", [copy.copy, copy.deepcopy, pickle.dumps])
def test_copies_are_refused(opened: Opened, double: Callable[[object], object]) -> None:
    with pytest.raises(TypeError, match="come twice"):
        double(opened())


def test_no_attribute_and_no_text_holds_the_key(opened: Opened) -> None:
    stream = opened()
    assert repr(stream) == str(stream) == "<SeededKeyStream for noise>"
    plain = {name for name, kept in vars(stream).items() if isinstance(kept, (bytes, bytearray))}
    assert plain == set()


def test_threads_share_a_stream_without_a_byte_in_common(opened: Opened) -> None:
    stream, found = opened(), []
    threads = [
        threading.Thread(target=lambda: found.extend(stream.words(40_000).tolist()))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == sorted(opened().words(160_000).tolist())


def run(code: str) -> str:
    start = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
    start += "from securefed.adapters.opacus_training.randomness.stream import *\n"
    done = subprocess.run(
        [sys.executable, "-c", start + code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_fork_cannot_go_on_with_its_parents_stream() -> None:
    code = """
import os, warnings
warnings.simplefilter("ignore")
stream = KeyStream(Purpose.NOISE)
child = os.fork()
if child:
    os.waitpid(child, 0)
try:
    stream.words(1)
    print("went on", flush=True)
except RuntimeError as error:
    print(error, flush=True)
if not child:
    os._exit(0)
"""
    refused = "a keystream belongs to one process; open a fresh one after a fork"
    assert run(code).splitlines() == [refused, "went on"]


@pytest.mark.parametrize(
    "beginning", ["", "import pytest, os; os.environ['PYTEST_CURRENT_TEST']='x'"]
)
@pytest.mark.parametrize("request_given", ["None", "object()", "type('FixtureRequest', (), {})()"])
def test_no_seed_is_taken_outside_a_test(beginning: str, request_given: str) -> None:
    code = f"""{beginning}
try:
    SeededKeyStream(Purpose.NOISE, 1, {request_given})
except RuntimeError as error:
    print(error)
"""
    assert run(code).startswith("a seeded keystream is for tests")


@pytest.mark.parametrize("stranger", [None, object(), MagicMock(spec=pytest.FixtureRequest)])
def test_only_the_request_itself_opens_a_seeded_stream(stranger: object) -> None:
    with pytest.raises(RuntimeError, match="for tests"):
        SeededKeyStream(Purpose.NOISE, 1, stranger)


def test_no_module_of_the_package_asks_for_a_seeded_stream() -> None:
    calls = re.compile(r"SeededKeyStream|\bKeyStream\._start")
    using = {inside(path) for path in modules() if calls.search(path.read_text())}
    assert using == {"adapters/opacus_training/randomness/stream.py"}
