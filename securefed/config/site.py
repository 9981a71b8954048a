"""`site.toml`: a site's name and title, chosen once when the site is created.

Everything else that a site knows is in its ledger, signed: its key, accounts, policy, allowances
and data cards. What stands in a file that anyone can edit must not decide anything.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from securefed.config.document import read_document
from securefed.config.fields import LineText, SiteText, Table
from securefed.domain.identifiers import Line, SiteId


@dataclass(frozen=True, kw_only=True)
class SiteSettings:
    """What a site is called."""

    site: SiteId
    title: Line


class SiteTable(Table):
    """The site itself."""

    name: SiteText = Field(description="The site's name in requests and ledgers, never changed.")
    title: LineText = Field(description="What people call the site.")


class SiteDocument(Table):
    """A site's settings."""

    site: SiteTable = Field(description="The site itself.")


def load_site(path: Path) -> SiteSettings:
    """The settings in a `site.toml`."""
    table = read_document(path, SiteDocument).site
    return SiteSettings(site=table.name, title=table.title)


def site_template(site: SiteId, title: Line) -> str:
    """The `site.toml` of a new site."""
    return f"""\
# A site of securefed. Its accounts, policy, budgets and data cards are in its ledger, signed;
# this file only says what the site is called.

[site]
name = {json.dumps(site)}    # in requests and in the ledger; it never changes
title = {json.dumps(title, ensure_ascii=False)}
"""
