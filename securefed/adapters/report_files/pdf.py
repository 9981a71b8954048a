"""The page as a PDF, with the evidence attached inside, where WeasyPrint is installed.

Nothing is fetched: a page that asks for anything from elsewhere is a defect, and gets no file.
"""

from importlib.util import find_spec
from pathlib import Path


def write_pdf(page: str, evidence: bytes, path: Path) -> bool:
    """Writes the file; says whether it could, for want of the library."""
    if find_spec("weasyprint") is None:
        return False
    from weasyprint import HTML, Attachment
    from weasyprint.urls import URLFetcher

    attached = Attachment(
        string=evidence, name="evidence.json", description="What the report was made from"
    )
    nothing = URLFetcher(allowed_protocols=(), fail_on_errors=True)
    HTML(string=page, url_fetcher=nothing).write_pdf(str(path), attachments=[attached])
    return True
