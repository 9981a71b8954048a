"""A site, its people and its datasets, as the ledger knows them.

A data card is what a site says in public about a dataset: its size, its columns, its privacy unit,
what it may be used for, and the digests of the private file and of the synthetic mock. It never
holds a value of the data. The number of units is treated as public: the sampling rate reveals it.
"""

from dataclasses import dataclass
from enum import StrEnum

from securefed.domain.identifiers import (
    AccountId,
    DatasetId,
    Digest,
    Line,
    Name,
    PublicKey,
    SiteId,
    Version,
)
from securefed.domain.numbers import count
from securefed.domain.privacy import Adjacency, PrivacyUnit
from securefed.errors import ConfigInvalid


class Role(StrEnum):
    """What an account may do at a site."""

    OWNER = "owner"
    REVIEWER = "reviewer"
    SCIENTIST = "scientist"


@dataclass(frozen=True, kw_only=True)
class Site:
    """A data owner's place: its name and the key that signs its ledger."""

    site: SiteId
    title: Line
    key: PublicKey


@dataclass(frozen=True, kw_only=True)
class Account:
    """A person at a site. Their key signs what they file or decide."""

    account: AccountId
    key: PublicKey
    roles: tuple[Role, ...]

    def __post_init__(self) -> None:
        if not self.roles or len(set(self.roles)) != len(self.roles):
            raise ConfigInvalid("An account has at least one role, and each once")

    @property
    def reviews(self) -> bool:
        """Whether the account may approve, deny and revoke."""
        return Role.OWNER in self.roles or Role.REVIEWER in self.roles


class ColumnType(StrEnum):
    """What a column holds."""

    INTEGER = "integer"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    CATEGORY = "category"
    TEXT = "text"
    IDENTIFIER = "identifier"


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a dataset, without any statistic of its values."""

    name: Line
    type: ColumnType
    meaning: Line


@dataclass(frozen=True, kw_only=True)
class DataCard:
    """What may be known of a dataset, and what identifies its bytes."""

    dataset: DatasetId
    version: int
    title: Line
    origin: Line
    licence: Line
    purposes: tuple[Name, ...]
    unit: PrivacyUnit
    adjacency: Adjacency
    records: int
    units: int
    columns: tuple[Column, ...]
    data: Digest
    mock: Digest

    def __post_init__(self) -> None:
        count("data card version", self.version)
        count("records", self.records)
        count("units", self.units, most=self.records)
        names = [column.name for column in self.columns]
        if not names or len(set(names)) != len(names):
            raise ConfigInvalid("A data card names at least one column, and each once")
        if self.unit.column is not None and self.unit.column not in names:
            raise ConfigInvalid(f"The unit's column {self.unit.column!r} is not among the columns")
        if not self.purposes:
            raise ConfigInvalid("A data card names at least one purpose")


class Sandbox(StrEnum):
    """What separates a run from the site's machine."""

    BUBBLEWRAP = "bubblewrap"
    PROCESS = "process"


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A data file as it was read: its records, its units, and the digest of its bytes."""

    records: int
    units: int
    digest: Digest


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What would run a request here: our code, the libraries under it, and the walls around it."""

    package: Version
    package_digest: Digest
    libraries_digest: Digest
    interpreter: Version
    sandbox: Sandbox
