"""Pages in a real Chromium, where it is installed, and what axe finds wrong with them there.

Chromium runs without a window in a profile of its own and is over when it has answered. A page is
checked for accessibility in a copy, because the copy needs scripts and a report forbids them.
"""

import json
import os
import re
import shutil
import subprocess
from html import unescape
from importlib.util import find_spec
from pathlib import Path

import pytest

needs_chromium = pytest.mark.skipif(
    shutil.which("chromium") is None, reason="Chromium is not installed"
)
needs_axe = pytest.mark.skipif(
    find_spec("axe_core_python") is None, reason="axe-core-python is not installed"
)

_POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
_ANSWER = re.compile(r'<pre id="axe-answer">(.*?)</pre>', re.DOTALL)
_ASKING = """
axe.run().then(found => {
    const answer = document.createElement("pre");
    answer.id = "axe-answer";
    answer.textContent = JSON.stringify({
        version: found.testEngine.version,
        passes: found.passes.length,
        violations: found.violations.map(one => [one.id, one.nodes.map(node => node.html)]),
    });
    document.body.append(answer);
});
"""


def browse(home: Path, *arguments: str) -> str:
    """What Chromium prints."""
    done = subprocess.run(
        [
            *("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
            *("--window-size=1280,2400", f"--user-data-dir={home / 'profile'}", *arguments),
        ],
        env={**os.environ, "HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    return done.stdout


def violations(home: Path, page: str) -> dict[str, list[str]]:
    """Every rule of axe that a page breaks, with the elements that break it."""
    spec = find_spec("axe_core_python")
    assert spec is not None
    assert spec.origin is not None
    axe = (Path(spec.origin).parent / "axe.min.js").read_text(encoding="utf-8")
    copy, dropped = _POLICY.subn("", page)
    assert dropped == 1
    path = home / "checked.html"
    path.write_text(f"{copy}<script>{axe}</script><script>{_ASKING}</script>", encoding="utf-8")
    # Virtual time waits for what axe has put off, and for nothing else.
    shown = browse(home, "--virtual-time-budget=60000", "--dump-dom", path.as_uri())
    found = _ANSWER.search(shown)
    assert found is not None, "axe has not answered"
    answer = json.loads(unescape(found[1]))
    assert answer["passes"] > 20
    return dict(answer["violations"])
