"""The composition root of a model's export: its history, and its weights in the form asked for.

Only the usual form, safetensors, is written without torch. Every other one is written from the
recipe's own model and compared with it before the folder is there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final

from securefed.adapters.run_folder import ModelFiles, new_model, write_weights
from securefed.domain.exported import (
    START_DIGEST,
    Chapter,
    ExportedModel,
    Format,
    chapter_of,
    start_of,
)
from securefed.domain.identifiers import SiteId
from securefed.domain.records import to_bytes
from securefed.domain.study import Model, Recipe, Study
from securefed.errors import ConfigInvalid
from securefed.ports import Accountant
from securefed.recipes.exported import read_record, weights_digest
from securefed.recipes.layout import Values
from securefed.recipes.pretrained.manifest import pinned_path
from securefed.steps.describe_model import ModelFacts, model_card


@dataclass(frozen=True, kw_only=True)
class ExportForm:
    """How a model is written, and what its recipe is made of."""

    format: Format = Format.SAFETENSORS
    assets: Path | None = None
    own_code: bytes | None = None


SAFETENSORS: Final = ExportForm()


@dataclass(frozen=True, kw_only=True)
class TrainedModel:
    """What came of a study: its weights by name, and who gave updates in how many rounds. `model`
    is their shape where the study does not state it, and `said` what its card says beside that."""

    study: Study
    rounds: int
    delivered: Mapping[SiteId, int]
    weights: dict[str, Values]
    model: Model | None = None
    said: tuple[str, ...] = ()


def write_export(
    target: Path,
    trained: TrainedModel,
    form: ExportForm,
    delta: Decimal | None,
    accountant: Accountant,
) -> None:
    """Writes a model, its record and its card into a folder, which is whole or not there."""
    study, before = trained.study, _before(trained.study, form.assets)
    # What was not trained further is as much of the model as what was.
    weights = {**before.weights, **trained.weights}
    chapter = chapter_of(study, trained.rounds, weights_digest(weights))
    exported = ExportedModel(
        format=form.format,
        recipe=study.recipe,
        model=trained.model or study.model,
        history=(*before.history, chapter),
    )
    facts = ModelFacts(
        study=study,
        delivered=trained.delivered,
        exported=exported,
        said=trained.said,
        cost=lambda some: None if delta is None else accountant.loss(some, delta),
    )
    files = ModelFiles(record=to_bytes(exported), card=model_card(facts))
    with new_model(target, files) as draft:
        if form.format is Format.SAFETENSORS:
            write_weights(draft, weights)
        else:
            _write_form(draft, study.recipe, weights, form)


@dataclass(frozen=True, kw_only=True)
class _Before:
    """What a study began with: nothing, or an exported model."""

    weights: Mapping[str, Values]
    history: tuple[Chapter, ...]


def _before(study: Study, assets: Path | None) -> _Before:
    start = start_of(study.recipe)
    if start is None:
        return _Before(weights={}, history=())
    if assets is None:
        raise ConfigInvalid(
            f"The study began with the model {start.folder}, which is a part of its own",
            hint="Name the folder of assets with --assets.",
        )
    from securefed.recipes.registry import settings_of
    from securefed.recipes.settings import read_settings
    from securefed.recipes.starting import start_weights

    settings = read_settings(settings_of(study.recipe.name), study.recipe.parameters)
    folder = pinned_path(assets, start.folder, start.digest, START_DIGEST)
    return _Before(weights=start_weights(settings, assets), history=read_record(folder).history)


def _write_form(
    folder: Path, stated: Recipe, weights: Mapping[str, Values], form: ExportForm
) -> None:
    from securefed.adapters.model_export import write_checked
    from securefed.recipes.built import built

    one = built(stated, weights, form.assets, form.own_code)
    write_checked(form.format, one.recipe, one.model, folder)
