"""A run sees an index and its folders of files, and nothing else that lies beside them."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from securefed.adapters.sandbox import SandboxWalls
from securefed.adapters.site_folder import Whereabouts
from securefed.domain.site import Sandbox
from securefed.domain.walls import Ending
from securefed.errors import RunEnded
from tests.adapters.sandbox.grounds import an_enclosure, needs_bubblewrap
from tests.adapters.sandbox.hearing import READY

pytestmark = pytest.mark.slow

CODE = """
from pathlib import Path
from securefed.errors import DataUnreadable
from securefed.recipes.files.named_files import read_pinned_file
for name in {names}:
    try:
        read_pinned_file(Path({folder!r}), name, {digest!r})
        sys.stderr.write("read " + name + ";")
    except DataUnreadable:
        sys.stderr.write("unreadable " + name + ";")
"""


@needs_bubblewrap
def test_a_run_reads_the_files_of_its_dataset_and_no_others(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for folder in ("benign", "malignant", "private"):
        (data / folder).mkdir(parents=True)
        (data / folder / "1.png").write_bytes(b"scan")
    index = data / "index.csv"
    index.write_text("file,sha256\n")
    lies = Whereabouts(
        data=str(index), mock="", folders=(str(data / "benign"), str(data / "malignant"))
    )
    names = [f"{folder}/1.png" for folder in ("benign", "malignant", "private")]
    code = CODE.format(names=names, folder=str(data), digest=hashlib.sha256(b"scan").hexdigest())
    enclosure = an_enclosure(tmp_path, Sandbox.BUBBLEWRAP, data=tuple(map(Path, lies.readable)))
    run = SandboxWalls(tmp_path).start(replace(enclosure, arguments=("-c", READY + code)))
    with pytest.raises(RunEnded):
        run.hear()
    said = (tmp_path / "log").read_text()
    assert run.stop() is Ending.EXITED, said
    assert "read benign/1.png;read malignant/1.png;unreadable private/1.png;" in said
