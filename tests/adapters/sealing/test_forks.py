"""Processes that were forked with a sealer share neither its memory file nor any randomness."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

FORKED = """
import os, sys
import numpy as np
from tests.adapters.sealing.parties import opening_key
from tests.adapters.sealing.test_hostile_ciphertexts import SHAPE, WORDS
from securefed.adapters.tenseal_sealing.bfv import BfvOpener, BfvSealer
from securefed.adapters.masking.stream import SecureChances
sealer, opener, chances = (
    BfvSealer(opening_key().public, SHAPE), BfvOpener(opening_key(), SHAPE), SecureChances()
)
readers = []
for _ in range(2):
    read, write = os.pipe()
    if os.fork() == 0:
        ok = all((opener.open(0, sealer.seal(0, WORDS)) == WORDS).all() for _ in range(20))
        os.write(write, sealer.seal(0, WORDS)[:2000] + chances(4).tobytes() + bytes([ok]))
        os._exit(0)
    readers.append(read)
for _ in readers:
    os.wait()
first, second = (os.read(read, 4096) for read in readers)
assert first[-1] == second[-1] == 1, "a fork read the other's numbers"
assert first[:2000] != second[:2000], "two forks encrypt with the same randomness"
assert first[2000:2016] != second[2000:2016], "two forks round by the same chance"
"""


def test_forked_processes_share_neither_files_nor_randomness() -> None:
    command = [sys.executable, "-c", FORKED]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
