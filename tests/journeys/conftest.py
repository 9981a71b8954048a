"""Every journey takes long, and talks to sites in this process."""

from pathlib import Path

import pytest

_HERE = Path(__file__).parent
# PySyft's client is written for an older pydantic.
_QUIET = pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecatedSince20")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == _HERE:
            item.add_marker(_QUIET)
            item.add_marker(pytest.mark.slow)
