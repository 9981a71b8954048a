"""The page as a PDF, with the evidence attached inside, where WeasyPrint and Pango are installed.

Nothing is fetched: a page that asks for anything from elsewhere is a defect, and gets no file.
"""

import logging
from contextlib import redirect_stdout
from importlib import import_module
from importlib.util import find_spec
from io import StringIO
from pathlib import Path


def write_pdf(page: str, evidence: bytes, path: Path) -> bool:
    """Writes the file; says whether it could, for want of the libraries."""
    if not pdf_is_possible():
        return False
    from weasyprint import HTML, Attachment
    from weasyprint.urls import URLFetcher

    # It remarks on every style that is for screens or for drawings, and draws them all the same.
    logging.getLogger("weasyprint").setLevel(logging.ERROR)
    attached = Attachment(
        string=evidence, name="evidence.json", description="What the report was made from"
    )
    nothing = URLFetcher(allowed_protocols=(), fail_on_errors=True)
    HTML(string=page, url_fetcher=nothing).write_pdf(str(path), attachments=[attached])
    return True


def pdf_is_possible() -> bool:
    """Whether the libraries are there.

    WeasyPrint without Pango can't be imported, and prints why where our answer belongs."""
    if find_spec("weasyprint") is None:
        return False
    try:
        with redirect_stdout(StringIO()):
            import_module("weasyprint")
    except OSError:
        return False
    return True
