"""Two sites for the whole folder, a bare one and one with a ledger: a start takes seconds."""

from collections.abc import Iterator

import pytest

# First: it imports PySyft without its warnings, which would end the collection of the tests.
import securefed.adapters.syft_site.pysyft  # noqa: F401 -- imported for its effect
from tests.adapters.syft_site.places import Hospital, Place, hospital, place


@pytest.fixture(scope="session")
def site_a(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The site that the tests share."""
    with place(tmp_path_factory.mktemp("hospital-a")) as found:
        yield found


@pytest.fixture(scope="session")
def hospital_a(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    """The mirrored site that the tests share."""
    with hospital(tmp_path_factory.mktemp("mirrored")) as found:
        yield found
