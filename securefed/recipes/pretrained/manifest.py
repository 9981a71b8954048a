"""What is in a model's folder: every file's digest, and one digest over them all.

Promises that two folders with the same digest hold the same files under the same names, and that a
folder with a digest holds only what is safe to read: weights as safetensors, and text. A pickle,
code, a link, or a setting that would fetch or run something else is refused by the file's name.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

from securefed.domain.canonical import Plain, digest_of, to_canonical
from securefed.domain.identifiers import Digest
from securefed.errors import AssetMismatch, IdentifierInvalid, ModelUnusable

WEIGHTS = ".safetensors"
CONFIG = "config.json"
# What an exported model has in its place.
RECORD = "model.json"
_INDEX = ".index.json"
_SUFFIXES = frozenset({WEIGHTS, ".json", ".txt", ".md", ".model", ".jinja"})
_NAMES = frozenset({".gitattributes", "LICENSE", "NOTICE"})
# With this file transformers loads the model that it names, from wherever that is.
_ADAPTER = "adapter_config.json"
_FOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}", re.ASCII)
_FORBIDDEN_KEYS = {
    "auto_map": "brings code of its own",
    "custom_pipelines": "brings code of its own",
    "quantization_config": "is quantised, and such weights cannot be trained",
}


def manifest_digest(folder: Path) -> Digest:
    """The digest over the files' names and digests. Raises ModelUnusable for an unsafe folder."""
    files = list(_files(folder))
    names = {file.name for file in files if file.parent == folder}
    if not names & {CONFIG, RECORD} or not any(name.endswith(WEIGHTS) for name in names):
        raise ModelUnusable(f"The model folder {folder.name} lacks {CONFIG} or *{WEIGHTS}")
    for file in files:
        if file.name.endswith(("config.json", _INDEX)):
            _refuse_unsafe_settings(file, names)
    listed: list[Plain] = [[file.relative_to(folder).as_posix(), _sha256(file)] for file in files]
    return digest_of("model-folder", to_canonical(listed))


def pinned_path(assets: Path | None, name: str, sha256: str, key: str) -> Path:
    """The folder of this name, checked against the digest that stands in the study under `key`."""
    if not _FOLDER.fullmatch(name):
        raise ModelUnusable(
            f"{name[:120]!a} is not the name of a model folder at the site",
            hint="Models are never fetched while training: get a public one beforehand with "
            "'securefed model fetch', and name its folder.",
        )
    try:
        expected = Digest(sha256)
    except IdentifierInvalid:
        raise ModelUnusable(
            "A model is pinned by its digest, written sha256: and 64 digits", where=key
        ) from None
    if assets is None or not (assets / name).is_dir():
        raise ModelUnusable(
            f"There is no model folder {name} at this site",
            hint="Put it into the site's folder of assets; 'securefed model fetch' gets public "
            "models.",
        )
    found = manifest_digest(assets / name)
    if found != expected:
        raise AssetMismatch(f"The model is {found.short()}, not {expected.short()}", where=name)
    return assets / name


def _files(folder: Path) -> Iterator[Path]:
    if folder.is_symlink() or not folder.is_dir():
        raise ModelUnusable(f"There is no model folder {folder.name}")
    for path in sorted(folder.rglob("*"), key=lambda path: path.relative_to(folder).as_posix()):
        shown = path.relative_to(folder).as_posix()
        if path.is_symlink():
            raise ModelUnusable("A model folder holds no links; copy the file itself", where=shown)
        if path.is_dir():
            continue
        if not path.is_file() or (path.suffix not in _SUFFIXES and path.name not in _NAMES):
            raise ModelUnusable(
                "A model folder holds safetensors and text, nothing that could be a pickle or code",
                where=shown,
            )
        if path.name == _ADAPTER:
            raise ModelUnusable("An adapter for another model cannot be loaded", where=shown)
        yield path


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _refuse_unsafe_settings(file: Path, names: set[str]) -> None:
    try:
        settings = json.loads(file.read_text("utf-8"))
    except (ValueError, RecursionError):
        raise ModelUnusable("Not JSON in UTF-8", where=file.name) from None
    for key, value in _all_keys(settings):
        if key in _FORBIDDEN_KEYS and value:
            raise ModelUnusable(f"The model {_FORBIDDEN_KEYS[key]}: {key}", where=file.name)
        # Such a name makes transformers fetch a program for attention.
        if "attn_implementation" in key and "/" in str(value):
            raise ModelUnusable(f"The model asks for other code: {key}", where=file.name)
    if file.name.endswith(_INDEX):
        parts = settings.get("weight_map") if isinstance(settings, dict) else None
        if not isinstance(parts, dict) or not all(
            isinstance(part, str) and part in names and part.endswith(WEIGHTS)
            for part in parts.values()
        ):
            raise ModelUnusable(f"Expected names of {WEIGHTS} files beside it", where=file.name)


def _all_keys(value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key, inner
            yield from _all_keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _all_keys(inner)
