"""The golden vectors of sealing, as `make golden` writes them.

They freeze what two sites of different releases must agree on: how values are packed, what masks
are derived, how a ciphertext's coefficients become bytes, and a whole sealed file with its
signature. A difference in this file's output is a change of format.
"""

import hashlib
import json
from decimal import Decimal
from pathlib import Path

import numpy as np

from securefed.adapters.masking.exchange import MaskKey, site_masks
from securefed.adapters.tenseal_sealing.coefficients import to_payload
from securefed.adapters.tenseal_sealing.keys import EncryptionKey
from securefed.adapters.tenseal_sealing.seal_bytes import ciphertext_bytes, plaintext_bytes
from securefed.aggregation.fields import CIPHER_PRIME, DEGREE, SPECIAL_PRIME, packing_for
from securefed.aggregation.grid import Grid, scaling_for
from securefed.aggregation.masked import MaskedSealer
from securefed.aggregation.packing import pack
from securefed.aggregation.plain_words import PlainWords
from securefed.aggregation.sealed_file import update_header, written_update
from securefed.aggregation.shape import Shape, shape_of
from securefed.domain.study import PRECISIONS, Suite
from tests.aggregation.round_of_sites import closing, roster, seal, site

PATH = Path("tests/aggregation/golden/sealed.json")
VALUES = np.array([-0.5, -0.3, 0.0, 0.1, 0.2, 0.4999, 0.5, 0.7], np.float32)
CHANCES = np.array([0, 1 << 31, 5, 1 << 30, 3 << 30, 1, 2**32 - 1, 7], np.uint32)
OWN, CUSTODIAN = (MaskKey.from_secret_bytes(bytes([byte]) * 32) for byte in (1, 2))


def golden_files() -> dict[Path, str]:
    """The golden file by its path in the repository."""
    golden = {
        "packings": _packings(),
        "levels": _levels(),
        "lattice": _lattice(),
        "masked file": _masked_file().hex(),
    }
    return {PATH: json.dumps(golden, indent=2, ensure_ascii=True) + "\n"}


def _packings() -> list[dict[str, object]]:
    return [
        {
            "suite": suite,
            "bits": bits,
            "contributors": contributors,
            "width": packing.width,
            "fields": packing.fields,
            "modulus bits": packing.modulus_bits,
            "bytes of a million": Shape(suite=suite, packing=packing, parameters=10**6).total_bytes,
        }
        for suite in (Suite.BFV, Suite.BFV_MASK, Suite.MASK)
        for bits in PRECISIONS
        for contributors in (1, 2, 10, 100, 1000)
        for packing in [packing_for(suite, bits, contributors)]
    ]


def _levels() -> list[dict[str, object]]:
    found = []
    for bits in PRECISIONS:
        grid = Grid(bits=bits, reach=Decimal("0.5"))
        scaling = scaling_for(grid, norm=Decimal(2), bound=Decimal(1), weight=2, heaviest=3)
        for chances in (None, CHANCES):
            levels, saturated = scaling.levels(VALUES, chances)
            packing = packing_for(Suite.MASK, bits, 10)
            found.append(
                {
                    "bits": bits,
                    "by chance": chances is not None,
                    "levels": levels.tolist(),
                    "saturated": saturated,
                    "words": [str(word) for word in pack(levels, packing).tolist()],
                }
            )
    return found


def _lattice() -> dict[str, str]:
    """Digests only: the bytes are those of a pattern, and long."""
    coefficients = _pattern(2 * DEGREE, CIPHER_PRIME)
    primes = [CIPHER_PRIME, SPECIAL_PRIME] * 2
    key = np.concatenate([_pattern(DEGREE, prime) for prime in primes])
    name = bytes(range(32))
    stored = ciphertext_bytes(name, coefficients, degree=DEGREE, ntt=False)
    plain = plaintext_bytes(name, coefficients[:DEGREE])
    return {
        "payload": hashlib.sha256(to_payload(coefficients)).hexdigest(),
        "stored ciphertext": hashlib.sha256(stored).hexdigest(),
        "stored plaintext": hashlib.sha256(plain).hexdigest(),
        "public key": EncryptionKey.from_bytes(key.astype("<u8").tobytes()).digest,
    }


def _pattern(count: int, prime: int) -> np.ndarray:
    return np.array([pow(3, place, prime) for place in range(1, count + 1)], np.uint64)


def _masked_file() -> bytes:
    wanted = seal(roster(2), custodians=(CUSTODIAN.public,), parameters=VALUES.size)
    shape = shape_of(wanted)
    masks = site_masks(OWN, wanted, site(0), shape)
    sealer = MaskedSealer(PlainWords(shape), masks, shape.packing)
    grid = Grid(bits=wanted.bits, reach=wanted.reach)
    scaling = scaling_for(grid, norm=Decimal(1), bound=Decimal(1), weight=1, heaviest=1)
    levels, saturated = scaling.levels(VALUES, None)
    header = update_header(wanted, site(0), OWN.public)
    payloads = [sealer.seal(0, pack(levels, shape.packing))]
    return b"".join(written_update(header, payloads, closing(0, header, lambda: saturated)))
