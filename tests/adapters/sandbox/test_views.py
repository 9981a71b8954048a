"""What a run sees: no network, no other file, no variable of the site's, no right."""

import os
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from securefed.adapters.sandbox import SandboxWalls
from securefed.domain.site import Sandbox
from securefed.domain.walls import Ending
from securefed.errors import RunEnded
from tests.adapters.sandbox.grounds import an_enclosure, needs_bubblewrap, needs_linux
from tests.adapters.sandbox.hearing import BOTH, READY, told

pytestmark = [pytest.mark.slow, needs_linux]


CONNECT = """
import socket
try:
    socket.create_connection(("127.0.0.1", {port}), timeout=5).close()
    sys.stderr.write("connected")
except OSError as error:
    sys.stderr.write("unreachable")
"""


@pytest.mark.parametrize(
    ("sandbox", "said"),
    [
        pytest.param(Sandbox.BUBBLEWRAP, "unreachable", marks=needs_bubblewrap),
        (Sandbox.PROCESS, "connected"),  # which is why a plan says when it is only a process
    ],
)
def test_the_network(tmp_path: Path, sandbox: Sandbox, said: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert told(tmp_path, sandbox, CONNECT.format(port=port)) == said


LOOK = """
from pathlib import Path
for path in {paths}:
    try:
        Path(path).open("rb").read(1)
        sys.stderr.write(f"read {{path}};")
    except OSError:
        pass
for folder in {folders}:
    try:
        with open(f"{{folder}}/planted", "w"):
            sys.stderr.write(f"wrote in {{folder}};")
    except OSError:
        pass
sys.stderr.write(f"home {{sorted(os.listdir('/'))}};")
sys.stderr.write(f"processes {{len([p for p in os.listdir('/proc') if p.isdigit()])}};")
"""


@needs_bubblewrap
def test_other_files_do_not_exist_and_nothing_is_written(tmp_path: Path) -> None:
    site = tmp_path / "site"
    (site / "keys").mkdir(parents=True)
    secrets = [site / "keys" / "_site.key", site / "ledger.db", site / "other.csv"]
    for secret in secrets:
        secret.write_text("secret")
    paths = [*map(str, secrets), "/etc/shadow", "/etc/passwd", f"/proc/{os.getpid()}/environ"]
    folders = [
        "/",
        "/etc",
        "/usr",
        str(tmp_path.parents[1]),
        "/dev",
        "/var",
        *map(str, (tmp_path, site)),
    ]
    code = LOOK.format(paths=paths, folders=folders)
    said = told(tmp_path, Sandbox.BUBBLEWRAP, code)
    assert "read" not in said
    assert "wrote" not in said
    assert "'etc'" in said
    assert "'home'" not in said.replace(str(tmp_path), "")
    processes = int(said.rpartition("processes ")[2].rstrip(";"))
    assert processes <= 3


@needs_bubblewrap
def test_the_one_dataset_can_be_read_and_not_changed(tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    data, other = site / "data.csv", site / "other.csv"
    data.write_text("row")
    other.write_text("secret")
    code = LOOK.format(paths=[str(data), str(other)], folders=[str(site)])
    code += f"import errno\ntry: open({str(data)!r}, 'w')\nexcept OSError as e: assert e.errno\n"
    enclosure = an_enclosure(tmp_path, Sandbox.BUBBLEWRAP, data=(data,), hidden=(other,))
    run = SandboxWalls(tmp_path).start(replace(enclosure, arguments=("-c", READY + code)))
    with pytest.raises(RunEnded):
        run.hear()
    said = (tmp_path / "log").read_text()
    assert run.stop() is Ending.EXITED, said
    assert f"read {data};" in said
    assert str(other) not in said
    assert "wrote" not in said
    assert data.read_text() == "row"


@BOTH
def test_the_environment_is_made_from_nothing(
    tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "AWS_SECRET_ACCESS_KEY", "PYTHONSTARTUP", "LD_PRELOAD_X"):
        monkeypatch.setenv(name, "4711")
    said = told(tmp_path, sandbox, "sys.stderr.write(repr(dict(os.environ)) + os.getcwd())")
    assert "4711" not in said
    assert str(Path.home()) + "'" not in said
    assert Path(said.rpartition("}")[2]).name == "tmp"


@needs_bubblewrap
def test_a_run_has_no_rights_and_cannot_get_any(tmp_path: Path) -> None:
    code = """
status = open("/proc/self/status").read()
sys.stderr.write([l for l in status.splitlines() if l.startswith("CapEff")][0].split()[1])
sys.stderr.write([l for l in status.splitlines() if l.startswith("NoNewPrivs")][0].split()[1])
"""
    assert told(tmp_path, Sandbox.BUBBLEWRAP, code) == "0" * 16 + "1"


@BOTH
def test_no_open_file_of_the_site_is_inherited(tmp_path: Path, sandbox: Sandbox) -> None:
    with (tmp_path / "open").open("w") as secret:
        os.set_inheritable(secret.fileno(), True)
        said = told(
            tmp_path, sandbox, "sys.stderr.write(repr(sorted(os.listdir('/proc/self/fd'))))"
        )
    assert said == "['0', '1', '2', '3']"


@needs_bubblewrap
def test_shared_memory_lies_in_the_scratch_folder(tmp_path: Path) -> None:
    code = """
from multiprocessing.shared_memory import SharedMemory
block = SharedMemory(create=True, size=4096)
sys.stderr.write(str(sorted(os.listdir("/dev/shm")) == [block.name.lstrip("/")]))
block.close()
block.unlink()
"""
    assert told(tmp_path, Sandbox.BUBBLEWRAP, code) == "True"
