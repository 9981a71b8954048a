"""The composition root of exported models: what they predict, alone or several together."""

import csv
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from securefed.config import CardDraft
from securefed.domain.exported import EnsembleOf, Format, Member
from securefed.domain.identifiers import Line
from securefed.domain.records import from_bytes, to_bytes
from securefed.errors import (
    AlreadyExists,
    ConfigInvalid,
    ModelUnusable,
    SecurefedError,
    StorageFailed,
)
from securefed.recipes.pretrained.manifest import RECORD, manifest_digest, pinned_path

if TYPE_CHECKING:
    from securefed.recipes.built import Built
    from securefed.recipes.ensemble import Ensemble

LIST: Final = "ensemble.json"
_MOST_BYTES: Final = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Beside:
    """What a model's recipe needs beside its folder: model folders and catalogues, own code."""

    assets: Path | None = None
    own_code: Path | None = None


def models_in(folder: Path) -> list[Path]:
    """The folder of an exported model, or those of an ensemble, each with the digest it had."""
    if not (folder / LIST).exists():
        return [folder]
    stated = _read_list(folder / LIST)
    return [pinned_path(folder, one.folder, one.digest, LIST) for one in stated.members]


def is_start(folder: Path) -> bool:
    """Whether a folder is one that a study of any recipe can begin with."""
    from securefed.recipes.exported import read_record

    if not (folder / RECORD).exists():
        return False
    return read_record(folder).format is Format.SAFETENSORS


def expect_several(models: Sequence[Path]) -> None:
    """Refuses less than two models, and one that stands twice."""
    if len({manifest_digest(one) for one in models}) < max(len(models), 2):
        raise ConfigInvalid("An ensemble has two models at least, and each stands once")


def metrics_of(models: Sequence[Path], draft: CardDraft, beside: Beside) -> Mapping[str, float]:
    """The metrics of models together, on the file that a card describes."""
    from securefed.adapters.opacus_training.predicting import metrics_of as measured
    from securefed.recipes.files.opening import open_source

    with open_source(draft.data, draft.columns, draft.unit) as source:
        return measured(_ensemble(models, beside), source)


def write_predictions(models: Sequence[Path], draft: CardDraft, beside: Beside, out: Path) -> int:
    """Writes what models together say of each record, and says how many records there are."""
    from securefed.adapters.opacus_training.predicting import predictions_of
    from securefed.recipes.files.opening import open_source

    ensemble = _ensemble(models, beside)
    with open_source(draft.data, draft.columns, draft.unit) as source:
        found = predictions_of(ensemble, source)
    with _storing(out), out.open("x", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("record", *ensemble.meaning.names))
        writer.writerows((one.record, *(f"{value:.6g}" for value in one.values)) for one in found)
    return len(found)


def write_ensemble(models: Sequence[Path], beside: Beside, out: Path) -> EnsembleOf:
    """Copies models of one task into a folder, with the list of their digests."""
    _ensemble(models, beside)
    members = tuple(
        Member(folder=Line(str(number)), digest=manifest_digest(model))
        for number, model in enumerate(models, 1)
    )
    stated = EnsembleOf(members=members)
    draft = out.with_name(f"{out.name}.part")
    with _storing(out):
        if out.exists():
            raise FileExistsError
        try:
            for model, member in zip(models, members, strict=True):
                shutil.copytree(model, draft / member.folder)
            (draft / LIST).write_bytes(to_bytes(stated) + b"\n")
            models_in(draft)
            draft.replace(out)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return stated


def exported_models(folders: Sequence[Path], beside: Beside) -> "list[Built]":
    """Models as they were exported, each held against its own record."""
    from securefed.recipes.built import built
    from securefed.recipes.exported import read_exported

    code = None if beside.own_code is None else _read(beside.own_code)
    members = []
    for folder in folders:
        manifest_digest(folder)
        found = read_exported(folder)
        own = code if found.record.recipe.own_code is not None else None
        members.append(built(found.record.recipe, found.weights, beside.assets, own))
    return members


def _ensemble(models: Sequence[Path], beside: Beside) -> "Ensemble":
    from securefed.recipes.ensemble import Ensemble

    return Ensemble(exported_models(models, beside))


def _read_list(path: Path) -> EnsembleOf:
    try:
        return from_bytes(EnsembleOf, _read(path).removesuffix(b"\n"))
    except StorageFailed:
        raise
    except SecurefedError as error:
        raise ModelUnusable(f"Not a list of models: {error.what}", where=str(path)) from error


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MOST_BYTES)
    except OSError as error:
        raise StorageFailed(f"Cannot read: {error.strerror}", where=str(path)) from error


@contextmanager
def _storing(path: Path) -> Iterator[None]:
    try:
        yield
    except FileExistsError:
        raise AlreadyExists("There is something already", where=str(path)) from None
    except OSError as error:
        raise StorageFailed(f"Cannot write: {error.strerror}", where=str(path)) from error
