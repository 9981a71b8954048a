"""A recipe brings in its own libraries when it is asked for, and no other's."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow


def test_finding_a_table_loads_no_language_models() -> None:
    program = (
        "import sys; from securefed.recipes.registry import settings_of; settings_of('tabular'); "
        "print(sum(name in sys.modules for name in ('transformers', 'peft', 'PIL', 'pyarrow')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "0"
