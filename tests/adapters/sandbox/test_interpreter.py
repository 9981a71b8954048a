"""Another interpreter than the site's: whether it starts, and what it can import."""

import sys
from pathlib import Path

import pytest

from securefed.adapters.sandbox import bubblewrap, inspect_interpreter
from securefed.adapters.sandbox.walls import SandboxWalls
from securefed.domain.site import Sandbox
from securefed.errors import RunnerUnfit, StorageFailed, WallsTooWide, WallsUnavailable
from tests.adapters.sandbox.grounds import an_enclosure, needs_linux

pytestmark = pytest.mark.slow


def test_this_interpreter() -> None:
    found = inspect_interpreter(sys.executable, {"pydantic": "pydantic", "pynacl": "nacl"})
    assert found.program == sys.executable
    assert found.version.startswith("3.1")
    assert {sys.prefix, sys.base_prefix} == set(found.folders)
    assert [line.split()[0] for line in found.libraries] == ["pydantic", "pynacl"]


def test_a_library_that_is_missing_is_named() -> None:
    with pytest.raises(RunnerUnfit, match="cannot import no-such-thing"):
        inspect_interpreter(sys.executable, {"no-such-thing": "no_such_thing", "json": "json"})


@pytest.mark.parametrize("program", ["/nowhere/python", "/bin/false", "/bin/echo"])
def test_what_is_no_python(program: str) -> None:
    with pytest.raises(RunnerUnfit, match="does not start"):
        inspect_interpreter(program, {})


def test_an_old_python(tmp_path: Path) -> None:
    program = tmp_path / "python"
    answer = '{"version": "3.10.4", "folders": [], "found": {}}'
    program.write_text(f"#!/bin/sh\necho '{answer}'\n")
    program.chmod(0o755)
    with pytest.raises(RunnerUnfit, match=r"Python 3\.10\.4"):
        inspect_interpreter(str(program), {})


@needs_linux
def test_promised_walls_that_do_not_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bin" / "bwrap"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 'No permissions to create new namespace' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    assert bubblewrap.found() is None
    with pytest.raises(WallsUnavailable):
        SandboxWalls(tmp_path).start(an_enclosure(tmp_path, Sandbox.BUBBLEWRAP))
    assert not list(tmp_path.glob("run-*"))


@needs_linux
def test_a_link_does_not_widen_the_view(tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (tmp_path / "data").symlink_to(tmp_path / "site")
    enclosure = an_enclosure(
        tmp_path, Sandbox.PROCESS, data=(tmp_path / "data",), hidden=(site / "keys",)
    )
    with pytest.raises(WallsTooWide):
        SandboxWalls(tmp_path).start(enclosure)


@needs_linux
def test_a_log_that_is_a_link_is_not_written(tmp_path: Path) -> None:
    (tmp_path / "log").symlink_to(tmp_path / "kept")
    with pytest.raises(StorageFailed):
        SandboxWalls(tmp_path).start(an_enclosure(tmp_path, Sandbox.PROCESS, "rounds"))
    assert not list(tmp_path.glob("run-*"))
