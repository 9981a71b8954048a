"""`site.toml`: what a site is called, and how its machine serves it.

Everything else that a site knows is in its ledger, signed: its key, accounts, policy, allowances
and data cards. What stands in a file that anyone can edit must not decide about anybody's data.
"""

import json
from pathlib import Path

from pydantic import ValidationError

from securefed.config.document import outline_of, read_document
from securefed.config.problems import problems_of, refused
from securefed.config.site_settings import (
    BlobSettings,
    RunnerSettings,
    ServeSettings,
    SiteSettings,
)
from securefed.config.site_tables import RunnerTable, ServeTable, SiteDocument
from securefed.domain.identifiers import Line, SiteId


def load_site(path: Path) -> SiteSettings:
    """The settings in a `site.toml`; its paths are relative to its folder."""
    document = read_document(path, SiteDocument)
    return SiteSettings(
        site=document.site.name,
        title=document.site.title,
        serve=_serve(document.serve, path.parent),
        runner=_runner(document.runner, path.parent),
        blobs=BlobSettings(**document.blobs.model_dump()),
    )


def chosen_serve(host: str, port: int, own_ca: tuple[str, ...], where: str) -> ServeSettings:
    """The settings that somebody chose elsewhere, under the same checks as in a file."""
    chosen = {"host": host, "port": port, "own_ca": list(own_ca)}
    try:
        return _serve(ServeTable.model_validate(chosen), Path())
    except ValidationError as error:
        raise refused(Path(where), problems_of(error, outline_of(ServeTable))) from error


def _serve(table: ServeTable, folder: Path) -> ServeSettings:
    return ServeSettings(
        host=table.host,
        port=table.port,
        certificate=_path(folder, table.certificate),
        certificate_key=_path(folder, table.certificate_key),
        own_ca=tuple(table.own_ca),
    )


def _runner(table: RunnerTable, folder: Path) -> RunnerSettings:
    values = table.model_dump() | {
        "python": _path(folder, table.python),
        "assets": _path(folder, table.assets),
    }
    return RunnerSettings(**values)


def _path(folder: Path, written: str | None) -> Path | None:
    # Links stay: the link to an interpreter says which environment it is.
    return None if written is None else folder.absolute() / written


def site_template(
    site: SiteId, title: Line, serve: ServeSettings | None = None, assets: Path | None = None
) -> str:
    """The `site.toml` of a new site."""
    usual, chosen = ServeSettings(), serve or ServeSettings()
    host = f"{_mark(chosen.host == usual.host)}host = {json.dumps(chosen.host)}"
    port = f"{_mark(chosen.port == usual.port)}port = {chosen.port}"
    names = json.dumps(list(chosen.own_ca or ("site.example.org",)))
    own_ca = f"{_mark(not chosen.own_ca)}own_ca = {names}"
    models = f"{_mark(assets is None)}assets = {json.dumps(str(assets or '/srv/models'))}"
    return f"""\
# A site of securefed. Its accounts, policy, budgets and data cards are in its ledger, signed; this
# file says what the site is called and how its machine serves it. Keys behind a # are not set.

[site]
name = {json.dumps(site)}    # in requests and in the ledger; it never changes
title = {json.dumps(title, ensure_ascii=False)}

[serve]
{host}    # an address that others reach needs TLS, by one of the following
{port}    # 0 takes a free one
{own_ca}    # the site makes a small CA and a certificate for these names
# certificate = "tls/organisation.pem"    # or: the organisation's own files
# certificate_key = "tls/organisation.key"

[runner]
{models}    # public models that studies may begin with
{_REST}"""


def _mark(usual: bool) -> str:
    return "# " if usual else ""


_USUAL_RUNNER, _USUAL_BLOBS = RunnerSettings(), BlobSettings()
_REST = f"""\
# python = "/opt/training/bin/python"    # an environment of its own, with another torch
# walls = "best"    # "bubblewrap" refuses to plan without it, "process" never uses it
# gpu = false
# memory_gib = {_USUAL_RUNNER.memory_gib}
# scratch_gib = {_USUAL_RUNNER.scratch_gib}
# cpu_hours = {_USUAL_RUNNER.cpu_hours}
# tasks = {_USUAL_RUNNER.tasks}    # processes and threads
# round_hours = {_USUAL_RUNNER.round_hours}
# idle_minutes = {_USUAL_RUNNER.idle_minutes}    # a run that says nothing for longer is ended
# warm_minutes = {_USUAL_RUNNER.warm_minutes}    # how long a run waits for the next round

[blobs]
# quota_gib = {_USUAL_BLOBS.quota_gib}    # updates and weights on their way, of all studies
# most_gib = {_USUAL_BLOBS.most_gib}    # one file
"""
