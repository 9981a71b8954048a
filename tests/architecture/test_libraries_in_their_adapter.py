"""Each library is imported in its own place, and nothing heavy is loaded before it is needed."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT, imported, inside, modules

WEB = ("adapters/blob_http/", "adapters/custodian_http/", "adapters/syft_site/", "console/")
ARRAYS = ("adapters/", "aggregation/", "recipes/")
HOMES: dict[str, tuple[str, ...]] = {
    "PIL": ("recipes/images/",),
    "capnp": ("adapters/syft_site/",),
    "click": ("cli/",),
    "cryptography": ("adapters/masking/", "adapters/opacus_training/", "adapters/syft_site/"),
    "dp_accounting": ("adapters/odometer/",),
    "fastapi": WEB,
    "nacl": ("adapters/ed25519_keys/",),
    "numpy": ARRAYS,
    "huggingface_hub": ("recipes/pretrained/",),
    "jinja2": ("adapters/report_files/", "console/"),
    "markupsafe": ("adapters/report_files/", "console/"),
    "matplotlib": ("adapters/report_files/",),
    "opacus": ("adapters/opacus_training/",),
    "pyarrow": ("adapters/tenseal_sealing/", "recipes/"),
    "peft": ("recipes/pretrained/",),
    "pydantic": ("config/", "recipes/"),
    "ray": ("adapters/ray_engine/",),
    "requests": ("adapters/syft_site/",),
    "rich": ("cli/",),
    "onnxruntime": ("adapters/model_export/",),
    "safetensors": (
        *("adapters/model_export/", "adapters/opacus_training/", "adapters/run_folder/"),
        "recipes/",
    ),
    "sklearn": ("adapters/published_data/",),
    "sqlite3": ("adapters/sqlite_store/",),
    "starlette": WEB,
    "syft": ("adapters/syft_site/",),
    "tenseal": ("adapters/tenseal_sealing/",),
    "tomli_w": ("config/",),
    "torch": (
        *("adapters/model_export/", "adapters/opacus_training/", "adapters/published_data/"),
        *("aggregation/", "recipes/"),
    ),
    "transformers": ("recipes/",),
    "typer": ("cli/",),
    "uvicorn": WEB,
    "weasyprint": ("adapters/report_files/",),
}
DOMAIN_MAY_IMPORT = {
    *("abc", "ast", "base64", "binascii", "collections", "contextlib", "dataclasses", "datetime"),
    *("decimal", "enum", "fractions", "functools", "hashlib", "hmac", "itertools", "json", "math"),
    *("operator", "re", "securefed", "string", "textwrap", "types", "typing", "unicodedata"),
}
HEAVY = {
    *("dp_accounting", "fastapi", "matplotlib", "nacl", "numpy", "pydantic", "scipy", "sqlite3"),
    *("syft", "torch", "transformers", "uvicorn"),
}


def misplaced(where: str, source: str) -> list[str]:
    """The imports of a source that do not belong at this place of the package."""
    roots = {name.partition(".")[0] for name in imported(source)}
    own = {"securefed"} | (set(sys.stdlib_module_names) - set(HOMES))
    return [root for root in sorted(roots - own) if not where.startswith(HOMES.get(root, ()))]


def test_each_library_is_imported_in_its_place_only() -> None:
    found = {inside(path): misplaced(inside(path), path.read_text()) for path in modules()}
    assert {where: names for where, names in found.items() if names} == {}


@pytest.mark.parametrize("library", sorted(HOMES))
@pytest.mark.parametrize(
    "source",
    [
        "import {0}",
        "from {0}.part import name",
        "def late():\n    import {0}.part as other",
        "import importlib\nimportlib.import_module('{0}.part')",
    ],
)
def test_an_import_at_another_place_is_found(library: str, source: str) -> None:
    text = source.format(library)
    assert misplaced("steps/planted.py", text) == [library]
    assert misplaced(f"{HOMES[library][0]}planted.py", text) == []


def test_a_library_that_has_no_place_is_found_everywhere() -> None:
    assert misplaced("adapters/odometer/planted.py", "import unheard_of") == ["unheard_of"]


def test_the_domain_imports_nothing_but_the_calm_part_of_the_standard_library() -> None:
    sources = {inside(path): path for path in modules() if inside(path).startswith("domain/")}
    assert sources
    for where, path in sources.items():
        roots = {name.partition(".")[0] for name in imported(path.read_text())}
        assert roots <= DOMAIN_MAY_IMPORT, where


def test_the_domain_never_asks_for_the_time() -> None:
    clock = re.compile(r"\b(datetime|date)\.(now|today|utcnow)\b")
    sources = {inside(path): path.read_text() for path in modules()}
    asking = [where for where, text in sources.items() if clock.search(text)]
    assert [where for where in asking if where.startswith("domain/")] == []
    # The pattern knows what asking looks like: somebody has to tell the time.
    assert asking


@pytest.mark.parametrize("module", ["securefed", "securefed.cli.app"])
def test_nothing_heavy_is_loaded_at_the_start(module: str, tmp_path: Path) -> None:
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import {module}; print(*sys.modules)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert HEAVY & set(done.stdout.split()) == set()
