"""The probe notices what would change a run: our code, the libraries, the sandbox."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import securefed
from securefed.adapters.this_machine import ThisMachine
from securefed.adapters.this_machine.libraries import installed, normal
from securefed.adapters.this_machine.probe import (
    digest_of_libraries,
    files_digest,
    libraries_digest,
    sandbox,
)
from securefed.domain.site import Sandbox
from securefed.errors import RunnerUnfit, WallsUnavailable

pytestmark = pytest.mark.slow


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "package"
    (folder / "part").mkdir(parents=True)
    (folder / "__init__.py").write_text("one = 1\n")
    (folder / "part" / "two.py").write_text("two = 2\n")
    return folder


def test_the_digest_is_of_names_and_bytes_alone(package: Path, tmp_path: Path) -> None:
    before = files_digest(package)
    (package / "notes.txt").write_text("not code")
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "two.pyc").write_bytes(b"compiled")
    package.rename(tmp_path / "elsewhere")
    assert files_digest(tmp_path / "elsewhere") == before


def test_every_change_to_the_code_changes_the_digest(package: Path) -> None:
    digests = {files_digest(package)}
    (package / "part" / "two.py").write_text("two = 3\n")
    digests.add(files_digest(package))
    (package / "part" / "two.py").rename(package / "two.py")
    digests.add(files_digest(package))
    (package / "empty.py").write_text("")
    digests.add(files_digest(package))
    (package / "__init__.py").unlink()
    digests.add(files_digest(package))
    assert len(digests) == 5


def test_the_machine_is_this_one() -> None:
    machine = ThisMachine().machine()
    assert machine.package == securefed.__version__
    assert machine.interpreter.split(".")[:2] == [str(part) for part in sys.version_info[:2]]
    assert machine.package_digest == files_digest(Path(securefed.__file__).parent)


def distribution(folder: Path, name: str, release: str, *lines: str) -> None:
    info = folder / f"{name.replace('-', '_')}-{release}.dist-info"
    info.mkdir()
    head = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {release}"]
    (info / "METADATA").write_text("\n".join([*head, *lines]) + "\n")


@pytest.fixture
def libraries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "libraries"
    folder.mkdir()
    distribution(
        folder,
        "Made.Up",
        "1.0",
        "Provides-Extra: fast",
        "Provides-Extra: dev",
        "Requires-Dist: made-under (>=1)",
        "Requires-Dist: made_fast[deep]>=2,<3; extra == 'fast'",
        'Requires-Dist: made-dev; extra == "dev"',
        'Requires-Dist: made-absent; sys_platform == "nowhere"',
    )
    distribution(folder, "made-under", "1.1", "Requires-Dist: made-up")
    deep = 'Requires-Dist: made-deep; (python_version > "3") and extra == "deep"'
    distribution(folder, "made-fast", "2.2", deep, "Requires-Dist: made-other; extra == 'other'")
    for name in ("made-dev", "made-deep", "made-other", "made-unrelated"):
        distribution(folder, name, "3.3")
    monkeypatch.syspath_prepend(str(folder))
    return folder


@pytest.mark.usefixtures("libraries")
def test_the_closure_follows_requirements_and_extras_but_not_dev() -> None:
    expected = {("made-under", "1.1"), ("made-fast", "2.2"), ("made-deep", "3.3")}
    assert installed("made-up") == expected


def test_another_version_of_a_library_changes_the_digest(libraries: Path) -> None:
    before = libraries_digest("made-up")
    metadata = libraries / "made_deep-3.3.dist-info" / "METADATA"
    metadata.write_text(metadata.read_text().replace("3.3", "3.4"))
    assert libraries_digest("made-up") != before
    assert ("made-deep", "3.4") in installed("made-up")


def test_a_package_that_is_not_installed_counts_everything() -> None:
    everything = installed("no-such-package-anywhere")
    assert ("pytest", version("pytest")) in everything
    assert (normal("dp_accounting"), version("dp-accounting")) in everything


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("#!/bin/sh\necho bubblewrap 0.8.0\n", Sandbox.BUBBLEWRAP),
        ("#!/bin/sh\nexit 1\n", Sandbox.PROCESS),
        ("#!/no/such/interpreter\n", Sandbox.PROCESS),
        (None, Sandbox.PROCESS),
    ],
)
def test_the_sandbox_is_bubblewrap_only_where_it_starts(
    programs: Path, script: str | None, found: Sandbox
) -> None:
    if script is not None:
        (programs / "bwrap").write_text(script)
        (programs / "bwrap").chmod(0o755)
    assert sandbox() is found


def test_a_sandbox_that_does_not_answer_is_none(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (programs / "bwrap").write_text("#!/bin/sh\nwhile :; do :; done\n")
    (programs / "bwrap").chmod(0o755)
    monkeypatch.setattr("securefed.adapters.this_machine.probe._PATIENCE_S", 0.1)
    assert sandbox() is Sandbox.PROCESS


def test_the_adapter_loads_no_heavy_library() -> None:
    code = "import sys, securefed.adapters.this_machine; print('numpy' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert ran.stdout.strip() == b"False"


def test_this_python_is_described_alike_as_another() -> None:
    assert ThisMachine(Path(sys.executable)).machine() == ThisMachine().machine()


def test_another_python_is_named_with_its_own_libraries(tmp_path: Path) -> None:
    program = tmp_path / "python"
    program.write_text('#!/bin/sh\necho noise\necho \'["3.12.4", [["torch", "2.9"]]]\'\n')
    program.chmod(0o755)
    machine = ThisMachine(program).machine()
    assert machine.interpreter == "3.12.4"
    assert machine.libraries_digest == digest_of_libraries({("torch", "2.9")})
    assert machine.package_digest == ThisMachine().machine().package_digest


@pytest.mark.parametrize("program", ["/nowhere/python", "/bin/false", "/bin/echo"])
def test_what_is_no_python_makes_no_plan(program: str) -> None:
    with pytest.raises(RunnerUnfit, match="does not start"):
        ThisMachine(Path(program)).machine()


def test_walls_that_the_owner_chose(programs: Path) -> None:
    assert ThisMachine(walls=Sandbox.PROCESS).machine().sandbox is Sandbox.PROCESS
    with pytest.raises(WallsUnavailable):
        ThisMachine(walls=Sandbox.BUBBLEWRAP).machine()
    (programs / "bwrap").write_text("#!/bin/sh\n")
    (programs / "bwrap").chmod(0o755)
    assert ThisMachine(walls=Sandbox.BUBBLEWRAP).machine().sandbox is Sandbox.BUBBLEWRAP
    assert ThisMachine(walls=Sandbox.PROCESS).machine().sandbox is Sandbox.PROCESS
