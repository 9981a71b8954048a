"""What is stored as golden is what the code makes, and a stored file is still read and opened."""

import io
import json
from decimal import Decimal

import numpy as np

from securefed.adapters.ed25519_keys import verify
from securefed.adapters.masking.exchange import custodian_masks
from securefed.aggregation.grid import Grid, scaling_for
from securefed.aggregation.masked import unmasked
from securefed.aggregation.packing import unpack
from securefed.aggregation.plain_words import PlainWords
from securefed.aggregation.sealed_file import check_update
from securefed.aggregation.shape import shape_of
from tests.aggregation.golden.vectors import CUSTODIAN, PATH, VALUES, golden_files
from tests.aggregation.round_of_sites import roster, seal
from tests.architecture.sources import ROOT


def test_the_golden_file_is_what_the_code_makes() -> None:
    assert (ROOT / PATH).read_text(encoding="utf-8") == golden_files()[PATH]


def test_the_stored_file_is_read_and_opened() -> None:
    stored = json.loads((ROOT / PATH).read_text(encoding="utf-8"))["masked file"]
    announced = roster(2)
    wanted = seal(announced, custodians=(CUSTODIAN.public,), parameters=VALUES.size)
    shape, plain = shape_of(wanted), PlainWords(shape_of(wanted))
    file = io.BytesIO(bytes.fromhex(stored))
    checked = check_update(file, wanted, announced, verify, lambda *_: None)
    [(index, payload)] = checked.chunks(file)
    words = plain.open(index, payload)
    mask = custodian_masks(CUSTODIAN, wanted, checked.signed.update, shape)
    opened = unmasked(words, [mask.words(index, words.size)], shape.packing)
    grid = Grid(bits=wanted.bits, reach=wanted.reach)
    scaling = scaling_for(grid, norm=Decimal(1), bound=Decimal(1), weight=1, heaviest=1)
    levels, saturated = scaling.levels(VALUES, None)
    assert np.array_equal(unpack(opened, shape.packing, VALUES.size), levels)
    assert checked.signed.update.saturated == saturated == 1
