"""One served site for the whole folder: a start takes seconds."""

from collections.abc import Iterator

import pytest

# First: it imports PySyft without its warnings, which would end the collection of the tests.
import securefed.adapters.syft_site.pysyft  # noqa: F401 -- imported for its effect
from tests.site.served_site import ServedSite


@pytest.fixture(scope="session")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedSite]:
    """The site that the tests share; at the end it stops, and leaves nothing."""
    site = ServedSite.made(tmp_path_factory.mktemp("served"))
    with site.served():
        yield site
