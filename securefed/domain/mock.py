"""What a mock is made of: a file's columns, and what their owner says in public that they may hold.

Promises that nothing in a description was measured: ranges and values are the owner's words, and
the numbers of records and units of the data are not in it. So its digest, which is the mock's seed,
is public, and a mock that is made from it costs no privacy. Ranges and values stand in no data
card: they describe the mock, and nobody checks the data against them.
"""

from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Final

from securefed.domain.identifiers import Digest, Line
from securefed.domain.numbers import count
from securefed.domain.privacy import PrivacyUnit
from securefed.domain.records import record_digest
from securefed.domain.site import Column, ColumnType
from securefed.errors import ConfigInvalid

MOCK_KIND = "mock"
USUAL_RECORDS: Final = 200
_MOST_RECORDS: Final = 100_000
_LARGEST: Final = Decimal(10**12)
_FINEST: Final = -9
_WITH_RANGE: Final = (ColumnType.INTEGER, ColumnType.DECIMAL)
_WITH_VALUES: Final = (ColumnType.CATEGORY, ColumnType.TEXT, ColumnType.IDENTIFIER)


@dataclass(frozen=True, kw_only=True)
class MockColumn:
    """A column, with the least and the largest number or the words that it may hold, if said."""

    column: Column
    range: tuple[Decimal, Decimal] | None = None
    values: tuple[Line, ...] = ()

    def __post_init__(self) -> None:
        name, kind = self.column.name, self.column.type
        if self.range is not None:
            if kind not in _WITH_RANGE:
                raise ConfigInvalid(f"A range is for numbers, and {name!r} is {kind}")
            _check_range(name, kind, *self.range)
        if self.values and kind not in _WITH_VALUES:
            raise ConfigInvalid(f"Values are for words, and {name!r} is {kind}")
        if len(set(self.values)) != len(self.values):
            raise ConfigInvalid(f"A value of {name!r} stands twice")


@dataclass(frozen=True, kw_only=True)
class MockPlan:
    """All that a mock is made from."""

    columns: tuple[MockColumn, ...]
    unit: PrivacyUnit
    records: int

    def __post_init__(self) -> None:
        count("records of a mock", self.records, least=2, most=_MOST_RECORDS)

    @cached_property
    def digest(self) -> Digest:
        """The mock's seed."""
        return record_digest(MOCK_KIND, self)


def _check_range(name: Line, kind: ColumnType, low: Decimal, high: Decimal) -> None:
    for end in (low, high):
        places = end.as_tuple().exponent
        if not isinstance(places, int) or places < _FINEST or abs(end) > _LARGEST:
            raise ConfigInvalid(f"The range of {name!r} has a number too large or too fine")
        if kind is ColumnType.INTEGER and end != end.to_integral_value():
            raise ConfigInvalid(f"The range of {name!r} has a number that is not whole")
    if low > high:
        raise ConfigInvalid(f"The range of {name!r} begins above its end")
