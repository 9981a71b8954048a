"""A demonstration's folder, and the pretrained models that its workload begins with.

A pretrained folder is copied from where a person has it, or from the package that carries it, and
only if it is the one that the workload names. Nothing is fetched.
"""

import shutil
from importlib.util import find_spec
from pathlib import Path

from securefed.errors import AlreadyExists, AssetMismatch, NotFound, StorageFailed
from securefed.wiring.workloads.workload import Places, Pretrained, Workload


def new_folders(root: Path) -> None:
    """Makes the folders of a demonstration in one that is empty, or new."""
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(root.iterdir()):
            raise AlreadyExists("The folder has something in it", where=str(root))
        for name in ("data", "assets", "keys", "logs"):
            (root / name).mkdir(mode=0o700)
    except OSError as error:
        raise StorageFailed(f"Cannot make it: {error.strerror}", where=str(root)) from error


def write_text(path: Path, text: str) -> None:
    """Writes a file of a demonstration."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StorageFailed(f"Cannot write: {error.strerror}", where=str(path)) from error


def bring_pretrained(workload: Workload, given: Path | None, places: Places) -> None:
    """Copies the folders that the workload's model begins with to where sites look."""
    for one in workload.pretrained:
        found = pretrained_folder(one, given)
        try:
            shutil.copytree(found, places.assets / one.name)
        except OSError as error:
            raise StorageFailed(f"Cannot copy: {error.strerror}", where=str(found)) from error


def pretrained_folder(wanted: Pretrained, given: Path | None) -> Path:
    """A pretrained folder below the given one, or in its package; refused if it is another one."""
    from securefed.recipes.pretrained.manifest import manifest_digest

    hint = (
        f"Get {wanted.name} from {wanted.source} (licence: {wanted.licence}), "
        f"and name the folder that holds {wanted.name}/ with --assets."
    )
    found = _packaged(wanted) if given is None else given / wanted.name
    if found is None or not found.is_dir():
        where = "" if given is None else str(given)
        raise NotFound(f"The pretrained model {wanted.name} is not here", where=where, hint=hint)
    digest = manifest_digest(found)
    if digest != wanted.sha256:
        raise AssetMismatch(
            f"Another model: its digest is {digest} and not {wanted.sha256}",
            where=str(found),
            hint=hint,
        )
    return found


def _packaged(wanted: Pretrained) -> Path | None:
    found = None if wanted.package is None else find_spec(wanted.package)
    if found is None or found.origin is None:
        return None
    return Path(found.origin).parent / wanted.inner
