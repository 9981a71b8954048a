"""Fetches a public model from a hub into a folder, before any study: the only use of the network.

Promises that the folder is complete or not there; that it holds safetensors and text only, each
file as the hub describes it; and that what is fetched is one commit, named in full, so that the
same command makes the same digest everywhere. No credentials are sent. The hub is not trusted: what
a study pins is the digest that this returns, and a site compares it with the study's.
"""

import hashlib
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from securefed.domain.identifiers import Digest
from securefed.errors import (
    AlreadyExists,
    AssetMismatch,
    HubUnreachable,
    ModelUnusable,
    NotFound,
    StorageFailed,
)
from securefed.recipes.pretrained.library import hub_library
from securefed.recipes.pretrained.manifest import manifest_digest

_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}", re.ASCII)
_FETCHED = frozenset({".safetensors", ".json", ".txt", ".model", ".jinja"})


@dataclass(frozen=True, kw_only=True)
class _Listed:
    """A file as the hub describes it: large ones by SHA-256, small ones by git's own digest."""

    name: str
    sha256: str | None
    git: str

    def is_in(self, folder: Path) -> bool:
        """Whether the folder holds exactly this file."""
        if self.sha256 is None:
            content = (folder / self.name).read_bytes()
            head = f"blob {len(content)}\0".encode()
            return hashlib.sha1(head + content, usedforsecurity=False).hexdigest() == self.git
        with (folder / self.name).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest() == self.sha256


def fetch_model(name: str, revision: str, target: Path, endpoint: str | None = None) -> Digest:
    """Fetches the model at this commit into a new folder, and returns the folder's digest."""
    if not _NAME.fullmatch(name):
        raise ModelUnusable(f"{name[:120]!a} is not the name of a model on a hub")
    if not _COMMIT.fullmatch(revision):
        raise ModelUnusable(
            f"{revision[:60]!a} is not a full commit",
            hint="Branches and tags move: give the 40 digits of the commit that you looked at.",
        )
    if target.exists() or target.is_symlink():
        raise AlreadyExists(f"{target} is there already", hint="Choose another folder.")
    with _failures_named(name, revision):
        return _fetch(name, revision, target, endpoint)


def _fetch(name: str, revision: str, target: Path, endpoint: str | None) -> Digest:
    with tempfile.TemporaryDirectory(dir=target.parent) as made:
        # The library keeps records of its own beside what it fetches, so each file moves on.
        fetched, complete = Path(made, "fetched"), Path(made, target.name)
        complete.mkdir()
        for file in _listed(name, revision, endpoint):
            hub_library().hf_hub_download(
                **{"repo_id": name, "filename": file.name, "revision": revision},
                **{"local_dir": fetched, "endpoint": endpoint, "token": False},
            )
            if not file.is_in(fetched):
                raise AssetMismatch(
                    "What came is not the file that the hub describes",
                    where=file.name,
                    hint="Fetch the model again; if it persists, do not use this hub.",
                )
            (fetched / file.name).rename(complete / file.name)
        digest = manifest_digest(complete)
        complete.rename(target)
        return digest


def _listed(name: str, revision: str, endpoint: str | None) -> Iterator[_Listed]:
    api = hub_library().HfApi(endpoint=endpoint, token=False)
    told = api.model_info(name, revision=revision, files_metadata=True, timeout=30)
    for file in told.siblings or ():
        path = PurePosixPath(file.rfilename)
        if path.name != file.rfilename or path.suffix not in _FETCHED:
            continue
        large = file.lfs
        yield _Listed(
            name=path.name,
            sha256=None if large is None else str(large["sha256"]),
            git=str(file.blob_id),
        )


@contextmanager
def _failures_named(name: str, revision: str) -> Iterator[None]:
    errors: Any = hub_library().errors
    try:
        yield
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError) as error:
        raise NotFound(
            f"The hub has no public model {name} at the commit {revision[:12]}",
            hint="Check both on the hub's page; models that ask for an account are not fetched.",
        ) from error
    except (errors.HTTPError, OSError) as error:
        kind = type(error).__name__
        # The machine's own errors have a number, those of the connection and the library none.
        if getattr(error, "errno", None) is not None:
            raise StorageFailed(f"{kind} while writing the model") from error
        raise HubUnreachable(f"The hub does not give the model: {kind}") from error
