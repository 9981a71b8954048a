"""What holds for every test: on a busy machine no example of hypothesis fails for being slow, and
garbage is looked for as in the program. Where only the fast tests are asked for, files that are
slow as a whole are not even loaded."""

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from securefed.wiring.garbage import look_seldom

look_seldom()

settings.register_profile("steady", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")

_SLOW_FILE = re.compile(r"^pytestmark = (\[\s*)?pytest\.mark\.slow\b", re.MULTILINE)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leaves a file out before it is imported, if nothing of it could run."""
    if config.option.markexpr != "not slow" or collection_path.suffix != ".py":
        return None
    return True if _SLOW_FILE.search(collection_path.read_text(encoding="utf-8")) else None
