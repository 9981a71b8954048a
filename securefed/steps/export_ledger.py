"""A ledger as lines of JSON, for whoever wants to verify it without securefed.

The first line names the site and its key; each further one holds an entry's stored bytes as text,
exactly, and the site's signature over them. Nothing is encoded anew: what was signed is what
stands there. `docs/verify_ledger.py` reads it.
"""

from collections.abc import Iterator

from securefed.domain.canonical import Plain, to_canonical
from securefed.steps.keep_ledger import SiteLedger

EXPORT_FORMAT = "securefed-ledger-export"


def export_ledger(ledger: SiteLedger) -> Iterator[str]:
    """The lines, each with its end."""
    site = ledger.register().site
    yield _line({"format": EXPORT_FORMAT, "format_version": 1, "key": site.key, "site": site.site})
    for stored in ledger.stored():
        yield _line({"entry": stored.data.decode("utf-8"), "signature": stored.signature})


def _line(plain: Plain) -> str:
    return to_canonical(plain).decode("utf-8") + "\n"
