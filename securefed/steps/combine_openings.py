"""What a round's custodians gave out, put together at the coordinator: the weighted average, and
the sums of the digits of the sites' tallies where a study sums them.

The lattice custodian is asked first, so that a sum which does not open leaves the masks unspent.
Every custodian that the seal names must answer; nothing is guessed for one that does not. Memory is
that of a chunk, as each custodian's words come chunk by chunk.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import BinaryIO

from securefed.aggregation.chunks import Words
from securefed.aggregation.grid import Floats, Levels
from securefed.aggregation.masked import unmasked
from securefed.aggregation.opening import Custodian
from securefed.aggregation.plain_words import PlainWords
from securefed.aggregation.sealed_file import CheckedSum
from securefed.aggregation.shape import shape_of
from securefed.aggregation.values import opened_average, opened_digits
from securefed.domain.update import Roster, Seal
from securefed.errors import NotFound


@dataclass(frozen=True, kw_only=True)
class OpenedPart:
    """A chunk of a sum: where its part of the average lies, and the digits behind all values."""

    place: slice
    average: Floats
    digits: Levels


def opened_values(
    custodians: Sequence[Custodian],
    seal: Seal,
    roster: Roster,
    checked: CheckedSum,
    sum_file: Callable[[], BinaryIO],
) -> Iterator[OpenedPart]:
    """The average of a sum that was checked before, chunk by chunk. `sum_file` opens its file."""
    packing, complete = shape_of(seal).packing, checked.signed.sum
    with ExitStack() as files:

        def ask(holder: str) -> Iterator[Words]:
            file = files.enter_context(sum_file())
            return _holding(custodians, holder).open(seal, roster, file)

        words = _plain(seal, checked, files.enter_context(sum_file()))
        if seal.key is not None:
            words = ask(seal.key)
        masks: list[Iterator[Words]] = []
        for index, part in enumerate(words):
            if not masks:
                masks = [ask(one) for one in seal.custodians]
            sums = unmasked(part, [next(one) for one in masks], packing)
            mean = opened_average(sums, index, seal, roster, complete)
            start = shape_of(seal).values(index).start
            yield OpenedPart(
                place=slice(start, start + mean.size),
                average=mean,
                digits=opened_digits(sums, index, seal),
            )


def _plain(seal: Seal, checked: CheckedSum, file: BinaryIO) -> Iterator[Words]:
    """The words of a sum that only masks hide."""
    plain = PlainWords(shape_of(seal))
    for index, payload in checked.chunks(file):
        yield plain.open(index, payload)


def _holding(custodians: Sequence[Custodian], holder: str) -> Custodian:
    for one in custodians:
        if str(one.holds) == holder:
            return one
    raise NotFound(f"No custodian holds {holder}")
