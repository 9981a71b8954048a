"""One round inside the walls: from what a site orders, and the files that it gives, to files made.

Promises that no step runs before recipe, model, data, own code and weights are those of the order,
and that what it says was executed is made from what ran, not from what was ordered. The update is
the noised weights less those that the round began with. Whatever it raises may quote private values
in its causes, so that only an error's code may leave the process.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from securefed import __version__
from securefed.adapters.opacus_training.controlling import check_controlled
from securefed.adapters.opacus_training.devices import device_named
from securefed.adapters.opacus_training.evaluation import check_tally, evaluate
from securefed.adapters.opacus_training.figures import noisy_metrics
from securefed.adapters.opacus_training.fusion.release import votes_layout
from securefed.adapters.opacus_training.fusion.voting import VoteRun, vote
from securefed.adapters.opacus_training.open_data import OpenData
from securefed.adapters.opacus_training.run import StepGate, Trained, TrainingRun
from securefed.adapters.opacus_training.training import failures_named, train
from securefed.adapters.opacus_training.trial import check_model
from securefed.adapters.opacus_training.weights import Weights, copied, shared_parameters
from securefed.domain.canonical import digest_of
from securefed.domain.fusion import Fusion
from securefed.domain.identifiers import Digest, Name, Version
from securefed.domain.privacy import DpSgd, GaussianRelease
from securefed.domain.records import to_bytes
from securefed.domain.run_order import (
    ABOUT,
    CORRECTION,
    KEPT,
    METRICS,
    OWN_CODE,
    UPDATE,
    WEIGHTS,
    AboutUpdate,
    RunOrder,
    read_order,
)
from securefed.domain.study import OWN_CODE_KIND
from securefed.domain.token import Execution
from securefed.errors import ConfigInvalid, ModelUnusable, RunDeparted, TrainingFailed
from securefed.recipes.files.source import RecordSource
from securefed.recipes.frozen import FeatureMemory
from securefed.recipes.layout import Layout, Values, row_bytes
from securefed.recipes.public_records import public_records
from securefed.recipes.recipe import Recipe
from securefed.recipes.registry import recipe_for

# More gain little, and there is a limit of threads.
_MOST_THREADS: Final = 64


@dataclass(frozen=True, kw_only=True)
class Folders:
    """Where the round's files lie, and where it makes its own."""

    given: Path
    made: Path


@dataclass(frozen=True, kw_only=True)
class Done:
    """What was executed, and the names of the files that were made."""

    executed: Execution
    files: tuple[Name, ...]


@dataclass(frozen=True, kw_only=True)
class _Start:
    """What a round begins with."""

    own_code: bytes | None
    recipe: Recipe
    layout: Layout
    row: Values


def load_engine() -> None:
    """Loads all that a first step would wait for."""
    torch.set_num_threads(min(torch.get_num_threads(), _MOST_THREADS))
    # The first optimizer loads half of torch, and the first tensor on a GPU its driver.
    torch.optim.SGD([torch.nn.Parameter(torch.zeros(1, device=device_named(None)))], lr=1.0)


class RoundsInWalls:
    """The rounds of one run, whose data and features stay in memory between them. `code` is the
    digest of the installed code before it was loaded, and `installed` reads it anew."""

    def __init__(self, code: Digest, installed: Callable[[], Digest]) -> None:
        self._code, self._installed = code, installed
        self._data = OpenData()
        self._memory = FeatureMemory()

    def run(self, document: str, folders: Folders, gate: StepGate) -> Done:
        """Does what an order says; what it makes counts only if nothing is raised."""
        with failures_named():
            order = read_order(document)
            _refuse_many_releases(order.metrics)
            return self._run(order, folders, gate)

    def close(self) -> None:
        """Lets go of the data."""
        self._data.close()

    def _run(self, order: RunOrder, folders: Folders, gate: StepGate) -> Done:
        if order.fusion is not None:
            return self._voted(order, order.fusion, folders, gate)
        start = _start(order, folders.given)
        run = TrainingRun(
            recipe=start.recipe,
            source=self._data.source(order),
            mechanism=order.training,
            weights=_tensors(start.layout, start.row),
            kept=_kept(order, folders.given),
            proximal=order.proximal,
            correction=_correction(order, folders.given, start),
            rate_factor=order.rate_factor,
            # Own code has nothing to keep from one round to the next.
            memory=self._memory if start.own_code is None else None,
        )
        trained = train(run, gate)
        files = (*_updated(start, trained, folders.made), *_put_aside(trained, folders.made))
        released = None
        if order.metrics is not None:
            after = replace(run, weights=trained.weights, kept=trained.kept)
            released = _measured(after, order.metrics, folders.made)
            files = (*files, METRICS)
        executed = self._executed(start.own_code, run.source, trained.executed, released)
        return Done(executed=executed, files=files)

    def _voted(self, order: RunOrder, fusion: Fusion, folders: Folders, gate: StepGate) -> Done:
        recipe, own_code = _recipe(order, folders.given)
        source = self._data.source(order)
        run = VoteRun(
            recipe=recipe,
            fusion=fusion,
            step=order.training,
            source=source,
            queries=public_records(fusion, _assets(order)),
        )
        voted = vote(run, gate)
        files = _written(votes_layout(fusion), voted.values, folders.made)
        return Done(executed=self._executed(own_code, source, voted.executed, None), files=files)

    def _executed(
        self,
        own_code: bytes | None,
        source: RecordSource,
        training: DpSgd,
        metrics: GaussianRelease | None,
    ) -> Execution:
        return Execution(
            code=self._same_code(),
            own_code=None if own_code is None else digest_of(OWN_CODE_KIND, own_code),
            data=source.digest,
            engine=Version(__version__),
            training=training,
            metrics=metrics,
        )

    def _same_code(self) -> Digest:
        """The code's digest, where what was loaded first and last is one and the same."""
        if self._installed() != self._code:
            raise RunDeparted("The installed code has changed since the run began")
        return self._code


def _refuse_many_releases(metrics: GaussianRelease | None) -> None:
    """Before a step is charged for what would not be what was approved."""
    if metrics is not None and metrics.releases != 1:
        raise ConfigInvalid(
            f"A round releases one set of metrics, not {metrics.releases}",
            where="privacy.metrics.releases",
            hint="Write releases = 1 in the study.",
        )


def _start(order: RunOrder, given: Path) -> _Start:
    recipe, own_code = _recipe(order, given)
    model = check_model(order.model, recipe)
    shared = shared_parameters(model, recipe)
    layout = Layout.of(shared)
    if WEIGHTS in order.given:
        row = layout.row_in((given / WEIGHTS).read_bytes())
    else:
        row = _row(layout, copied(shared))
    # Last, since own code is given the model here.
    check_tally(order.tally, recipe, model)
    return _Start(own_code=own_code, recipe=recipe, layout=layout, row=row)


def _recipe(order: RunOrder, given: Path) -> tuple[Recipe, bytes | None]:
    own_code = (given / OWN_CODE).read_bytes() if OWN_CODE in order.given else None
    return recipe_for(order.recipe, _assets(order), own_code), own_code


def _assets(order: RunOrder) -> Path | None:
    return None if order.assets is None else Path(order.assets)


def _row(layout: Layout, weights: Weights) -> Values:
    if odd := [name for name, one in weights.items() if one.dtype != torch.float32]:
        raise ModelUnusable("A trained parameter is not float32", where=odd[0])
    return layout.flat({name: one.numpy() for name, one in weights.items()})


def _tensors(layout: Layout, row: Values) -> Weights:
    return {name: torch.from_numpy(one) for name, one in layout.parts(row).items()}


def _correction(order: RunOrder, given: Path, start: _Start) -> Weights | None:
    if order.control:
        check_controlled(start.recipe.settings)
    if CORRECTION not in order.given:
        return None
    return _tensors(start.layout, start.layout.row_in((given / CORRECTION).read_bytes()))


def _kept(order: RunOrder, given: Path) -> Weights | None:
    if KEPT not in order.given:
        return None
    try:
        return load((given / KEPT).read_bytes())
    except SafetensorError as error:
        raise ModelUnusable("What the last round kept is damaged") from error


def _updated(start: _Start, trained: Trained, made: Path) -> tuple[Name, ...]:
    layout = start.layout
    update = _row(layout, trained.weights) - start.row
    return _written(layout, update, made)


def _written(layout: Layout, update: Values, made: Path) -> tuple[Name, ...]:
    if not np.isfinite(update).all():
        raise TrainingFailed("The update is not finite")
    about = AboutUpdate(layout=layout.digest, parameters=layout.parameters)
    (made / UPDATE).write_bytes(row_bytes(update))
    (made / ABOUT).write_bytes(to_bytes(about))
    return UPDATE, ABOUT


def _put_aside(trained: Trained, made: Path) -> tuple[Name, ...]:
    if not trained.kept:
        return ()
    (made / KEPT).write_bytes(save({name: one.contiguous() for name, one in trained.kept.items()}))
    return (KEPT,)


def _measured(run: TrainingRun, release: GaussianRelease, made: Path) -> GaussianRelease:
    evaluated = evaluate(run, release)
    (made / METRICS).write_bytes(to_bytes(noisy_metrics(evaluated)))
    return evaluated.executed
