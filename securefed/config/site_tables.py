"""The tables of a `site.toml`: their keys, what each may hold, and what may not stand together.

Listening where other machines reach it takes TLS: a site that could be overheard is refused here,
before anything is started.
"""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, PlainValidator, WithJsonSchema, model_validator

from securefed.config.fields import LineText, SiteText, Table, none_twice, truth, whole
from securefed.config.problems import Unfit, found
from securefed.config.site_settings import (
    USUAL_PORT,
    BlobSettings,
    RunnerSettings,
    is_address,
    is_loopback,
)
from securefed.domain.identifiers import Line
from securefed.domain.site import Sandbox

_BEST = "best"
_WALLS: dict[str, Sandbox | None] = {_BEST: None, **{one.value: one for one in Sandbox}}
_HOST = re.compile(r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9-]+)*")
_MOST = 1_000_000
_USUAL_RUNNER, _USUAL_BLOBS = RunnerSettings(), BlobSettings()


def _walls(value: object) -> Sandbox | None:
    if not isinstance(value, str) or value not in _WALLS:
        raise Unfit(f"one of {', '.join(_WALLS)}")
    return _WALLS[value]


def _port(value: object) -> int:
    port = whole(value)
    if not 0 <= port <= 65_535:
        raise Unfit("a port, from 1 to 65535, or 0 for a free one")
    return port


def _size(value: object) -> int:
    number = whole(value)
    if not 1 <= number <= _MOST:
        raise Unfit(f"a whole number from 1 to {_MOST:,}")
    return number


def _listening(host: Line) -> Line:
    if host != "localhost" and not is_address(host):
        raise Unfit("an address of this machine, like '127.0.0.1', or '0.0.0.0' for all of them")
    return host


def _reached(host: Line) -> Line:
    if not is_address(host) and not _HOST.fullmatch(host):
        raise Unfit("a host name or an address, as callers write it")
    return host


Walls = Annotated[
    Sandbox | None,
    PlainValidator(_walls),
    WithJsonSchema({"type": "string", "enum": list(_WALLS)}),
]
Port = Annotated[
    int,
    PlainValidator(_port),
    WithJsonSchema({"type": "integer", "minimum": 0, "maximum": 65_535}),
]
Size = Annotated[
    int,
    PlainValidator(_size),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": _MOST}),
]
Truth = Annotated[bool, PlainValidator(truth), WithJsonSchema({"type": "boolean"})]
Listening = Annotated[LineText, AfterValidator(_listening)]
Reached = Annotated[list[Annotated[LineText, AfterValidator(_reached)]], AfterValidator(none_twice)]


class SiteTable(Table):
    """The site itself."""

    name: SiteText = Field(description="The site's name in requests and ledgers, never changed.")
    title: LineText = Field(description="What people call the site.")


class ServeTable(Table):
    """Where the site listens."""

    host: Listening = Field(
        default=Line("127.0.0.1"),
        description="The address to listen on; any but a loopback address needs TLS.",
    )
    port: Port = Field(default=USUAL_PORT, description="The port; 0 takes a free one.")
    certificate: LineText | None = Field(
        default=None, description="The organisation's certificate, PEM; relative to this file."
    )
    certificate_key: LineText | None = Field(
        default=None, description="The certificate's key, PEM, without a password."
    )
    own_ca: Reached = Field(
        default=[],
        description="Host names and addresses for a certificate by a small CA of the site's own.",
    )

    @model_validator(mode="after")
    def _check(self) -> "ServeTable":
        if self.certificate is None and self.certificate_key is not None:
            raise Unfit("the certificate that the key belongs to", key="certificate", got="nothing")
        if self.certificate is not None and self.certificate_key is None:
            raise Unfit("the certificate's key", key="certificate_key", got="nothing")
        if self.certificate is not None and self.own_ca:
            raise Unfit("either this or certificate, not both", key="own_ca", got="both")
        if not (is_loopback(self.host) or self.certificate is not None or self.own_ca):
            expected = "a loopback address, or TLS by certificate and certificate_key, or by own_ca"
            raise Unfit(expected, key="host", got=found(str(self.host)))
        return self


class RunnerTable(Table):
    """What trains, and what it may use."""

    python: LineText | None = Field(
        default=None, description="Another Python for training; without it, the site's own."
    )
    assets: LineText | None = Field(
        default=None, description="The folder of public models that studies may begin with."
    )
    walls: Walls = Field(
        default=None,
        description="bubblewrap, process, or best: bubblewrap where it starts.",
        json_schema_extra={"default": _BEST},
    )
    gpu: Truth = Field(
        default=_USUAL_RUNNER.gpu, description="Whether a run may use the machine's GPUs."
    )
    memory_gib: Size = Field(
        default=_USUAL_RUNNER.memory_gib, description="The memory of a run, in GiB."
    )
    scratch_gib: Size = Field(
        default=_USUAL_RUNNER.scratch_gib, description="The disk space of a run, in GiB."
    )
    cpu_hours: Size = Field(
        default=_USUAL_RUNNER.cpu_hours, description="How long one of its processes may compute."
    )
    tasks: Size = Field(
        default=_USUAL_RUNNER.tasks, description="The most processes and threads of a run."
    )
    round_hours: Size = Field(
        default=_USUAL_RUNNER.round_hours, description="How long one round may take."
    )
    idle_minutes: Size = Field(
        default=_USUAL_RUNNER.idle_minutes, description="How long a run may say nothing."
    )
    warm_minutes: Size = Field(
        default=_USUAL_RUNNER.warm_minutes, description="How long a run waits for the next round."
    )


class BlobsTable(Table):
    """What is stored of updates and weights on their way."""

    quota_gib: Size = Field(
        default=_USUAL_BLOBS.quota_gib, description="The most of all studies together, in GiB."
    )
    most_gib: Size = Field(default=_USUAL_BLOBS.most_gib, description="The most of one file.")

    @model_validator(mode="after")
    def _check(self) -> "BlobsTable":
        if self.most_gib > self.quota_gib:
            expected = f"at most quota_gib, which is {self.quota_gib}"
            raise Unfit(expected, key="most_gib", got=str(self.most_gib))
        return self


class SiteDocument(Table):
    """A site's settings."""

    site: SiteTable = Field(description="The site itself.")
    serve: ServeTable = Field(default_factory=ServeTable, description="Where the site listens.")
    runner: RunnerTable = Field(
        default_factory=RunnerTable, description="What trains, and what it may use."
    )
    blobs: BlobsTable = Field(
        default_factory=BlobsTable,
        description="What is stored of updates and weights on their way.",
    )
