"""A fuzz target over sealed files, payloads and keys: `python -m tests.fuzz.sealed_files`.

    python -m tests.fuzz.sealed_files --minutes 60

With atheris installed, its coverage of this project's readers leads the search; without it, the
inputs are drawn by chance. What must hold: nothing ends the process, everything else than the file
that was sealed is refused by an error of ours, and no sum opens to other values silently. A site of
the roster may sign whatever it likes: that can spoil the sum, so there only the process and the
kind of the error count. A break of the rules ends the run with a traceback and the input.
"""

import argparse
import importlib
import importlib.util
import io
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from tests.fuzz.edits import Choices, edited

_LARGEST_INPUT = 4096
_BETWEEN_PRINTS = 20_000

if importlib.util.find_spec("atheris") and __name__ == "__main__":
    _atheris: Any = importlib.import_module("atheris")
else:
    _atheris = None

with _atheris.instrument_imports(["securefed"]) if _atheris else nullcontext():
    from securefed.adapters.ed25519_keys import verify
    from securefed.adapters.tenseal_sealing.keys import EncryptionKey
    from securefed.aggregation.packing import modulus_mask
    from securefed.aggregation.sealed_file import check_update, update_header, written_update
    from securefed.domain.study import Suite
    from securefed.domain.update import Seal
    from securefed.errors import IntegrityError
    from tests.adapters.sealing.parties import Play, opening_key, play, written_total
    from tests.aggregation.round_of_sites import closing, normals, roster

_SUITES = (Suite.MASK, Suite.BFV, Suite.BFV_MASK)
_PARAMETERS = {Suite.MASK: 300_000, Suite.BFV: 13_000, Suite.BFV_MASK: 100}


class World:
    """A round of a suite with everything that is right about it, made once."""

    def __init__(self, suite: Suite) -> None:
        self.round: Play = play(roster(2), suite, parameters=_PARAMETERS[suite])
        values = [normals(number, self.round.seal.parameters) for number in range(2)]
        self.update, other = (self.round.sealed(n, values[n], None) for n in range(2))
        self.total = self.round.summed([self.update, other])
        self.average = self.round.opened(self.total)
        file = io.BytesIO(self.update)
        checked = check_update(
            file, self.round.seal, self.round.roster, verify, self.round.adder().check
        )
        self.signed = checked.signed
        self.payloads = [payload for _, payload in checked.chunks(file)]


@cache
def _world(suite: Suite) -> World:
    return World(suite)


def one_input(data: bytes) -> str:
    """Plays one input; says what became of it."""
    choices = Choices(data)
    target = _TARGETS[choices.number(len(_TARGETS))]
    world = _world(_SUITES[choices.number(len(_SUITES))])
    try:
        return target(world, choices)
    except IntegrityError as error:
        return f"{target.__name__[1:]}: {error.code}"


def _update(world: World, choices: Choices) -> str:
    """Somebody on the way changes an update."""
    changed = edited(world.update, choices)
    file, adder = io.BytesIO(changed), world.round.adder()
    checked = check_update(file, world.round.seal, world.round.roster, verify, adder.check)
    found = [payload for _, payload in checked.chunks(file)]
    if changed != world.update or found != world.payloads:
        raise AssertionError("Another file than the site's was taken")
    return "update: taken unchanged"


def _total(world: World, choices: Choices) -> str:
    """Somebody on the way changes a sum."""
    changed = edited(world.total, choices)
    found = world.round.opened(changed)
    if changed != world.total or not np.array_equal(found, world.average):
        raise AssertionError("A sum opened to something else")
    return "total: opened unchanged"


def _hostile_site(world: World, choices: Choices) -> str:
    """A site of the roster signs payloads that no sealer made."""
    payloads = [edited(payload, choices, most=2) for payload in world.payloads]
    update = world.signed.update
    header = update_header(_resealed(world.round.seal, choices), update.site, update.once)
    data = b"".join(written_update(header, payloads, closing(0, header)))
    total = world.round.summed([data])
    if payloads == world.payloads:
        return "hostile site: taken unchanged"
    world.round.opened(total)
    return "hostile site: spoiled the sum"


def _hostile_coordinator(world: World, choices: Choices) -> str:
    """The coordinator signs a sum that is none. Under the masks it may open to noise, no more."""
    payloads = [edited(payload, choices, most=2) for payload in world.payloads]
    total = written_total(world.round.seal, iter(payloads), (world.signed,))
    world.round.opened(total)
    return "hostile coordinator: opened"


def _payload(world: World, choices: Choices) -> str:
    """Bytes from nowhere, at a chunk's place, past all digests and signatures.

    Any numbers are a ciphertext, and small ones do open; so opening must refuse or give words that
    fit, and that such bytes never come so far is for the other targets to show."""
    index = choices.number(len(world.payloads))
    payload = choices.some_bytes(_LARGEST_INPUT)
    if payload and choices.number(2):
        size = len(world.payloads[index])
        payload = (payload * (size // len(payload) + 1))[:size]
    adder = world.round.adder()
    adder.add(index, payload)
    words = world.round.opener().open(index, adder.total(index))
    if (words > modulus_mask(world.round.shape.packing)).any():
        raise AssertionError("A word is larger than its suite allows")
    return "payload: opened to words"


def _key(_: World, choices: Choices) -> str:
    """A changed public key. What is one in form is used; another digest is all that tells."""
    original = opening_key().public
    changed = edited(original.to_bytes(), choices, most=2)
    key = EncryptionKey.from_bytes(changed)
    if (changed == original.to_bytes()) != (key.digest == original.digest):
        raise AssertionError("Two keys have one digest")
    return "key: one in form"


def _resealed(seal: Seal, choices: Choices) -> Seal:
    """The seal, or one in four times another."""
    if choices.number(4):
        return seal
    number = 1 + choices.number(2)
    changes: tuple[dict[str, int], ...] = (
        {"round": number},
        {"attempt": number},
        {"parameters": number},
        {"quorum": number},
        {"bits": 8 * number},
    )
    return replace(seal, **changes[choices.number(len(changes))])


_TARGETS: tuple[Callable[[World, Choices], str], ...] = (
    _update,
    _total,
    _hostile_site,
    _hostile_coordinator,
    _payload,
    _key,
)


def by_chance(seconds: float, seed: int) -> Counter[str]:
    """Plays inputs that are drawn by chance; what became of them."""
    chance, found = random.Random(seed), Counter[str]()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        data = chance.randbytes(chance.choice((16, 64, 256, _LARGEST_INPUT)))
        with ExitStack() as broken:
            broken.callback(print, "The input:", data.hex(), file=sys.stderr)
            found[one_input(data)] += 1
            broken.pop_all()
    return found


def by_coverage(seconds: float) -> None:
    """Lets atheris search; it ends the process itself."""
    found: Counter[str] = Counter()

    def play_one(data: bytes) -> None:
        found[one_input(data)] += 1
        if found.total() % _BETWEEN_PRINTS == 0:
            _print(found)

    for suite in _SUITES:
        _world(suite)
    options = [f"-max_total_time={seconds:.0f}", f"-max_len={_LARGEST_INPUT}", "-timeout=60"]
    _atheris.Setup([sys.argv[0], "-print_final_stats=1", "-rss_limit_mb=8192", *options], play_one)
    _atheris.Fuzz()


def _print(found: Counter[str]) -> None:
    print(f"{found.total():,} executions", flush=True)
    for outcome, times in sorted(found.items()):
        print(f"{times:>12,} {outcome}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Fuzzes what reads sealed files")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    if _atheris:
        by_coverage(60 * chosen.minutes)
    else:
        _print(by_chance(60 * chosen.minutes, chosen.seed))
