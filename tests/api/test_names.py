"""What `import securefed` offers, and what it does not load."""

import subprocess
import sys

import pytest

import securefed
from securefed import api

LOADED = """
import sys
import securefed
from securefed import errors
assert "load_study" in dir(securefed)
print(*sorted(one for one in sys.modules if one.startswith("securefed")))
"""


def test_the_package_offers_what_the_api_does() -> None:
    assert set(api.__all__) == securefed._API
    assert set(api.__all__) <= set(dir(securefed))
    for name in api.__all__:
        assert getattr(securefed, name) is getattr(api, name)
        assert getattr(api, name).__doc__


def test_another_name_is_not_there() -> None:
    with pytest.raises(AttributeError, match="no attribute 'load_studdy'"):
        _ = securefed.load_studdy


def test_importing_it_loads_nothing_but_what_is_asked_for() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", LOADED], capture_output=True, text=True, check=True
    ).stdout.split()
    assert [one for one in ran if not one.startswith("securefed.errors")] == ["securefed"]


def test_the_api_itself_loads_neither_torch_nor_pysyft() -> None:
    code = "import sys, securefed as sf; sf.federation; print({'torch', 'syft'} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "set()\n"
