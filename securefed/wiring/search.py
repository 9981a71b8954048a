"""A search over a study's settings: its trials on a mock for nothing, or as studies of their own.

Each trial is the study with some keys set anew. On a mock it is trained and measured here. On real
data it is a study like any other, with a name of its own: planned, approved, charged and run by
itself, so the ledgers count every trial, and what they released is all that is compared.
"""

import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache, partial
from pathlib import Path

from securefed.config import CardDraft, Change, load_own_code, load_study, write_study
from securefed.config.changes import differing_keys
from securefed.config.toml_file import read_toml
from securefed.domain.early_stopping import Aim
from securefed.domain.identifiers import SiteId, StudyId
from securefed.domain.privacy import Mechanism, PrivacyLoss
from securefed.domain.search import combinations, drawn, ranked
from securefed.domain.study import Study
from securefed.errors import ConfigInvalid, NotFound, StorageFailed
from securefed.wiring.basics import accountant
from securefed.wiring.study import filed_study
from securefed.wiring.trial import part_of as part_of
from securefed.wiring.trial import try_study


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A study with one choice of settings."""

    file: Path
    given: tuple[Change, ...]
    settings: tuple[Change, ...]
    stem: StudyId
    study: Study

    @property
    def changes(self) -> tuple[Change, ...]:
        """All that is set anew in the file, but for its name."""
        return (*self.given, *self.settings)

    @property
    def name(self) -> StudyId:
        """Its own name."""
        return self.study.study


@dataclass(frozen=True, kw_only=True)
class Searching:
    """What the trials are trained on, and with."""

    site: SiteId
    draft: CardDraft
    assets: Path | None


@dataclass(frozen=True, kw_only=True)
class Result:
    """A trial with its figures on the mock, and what it alone would cost on real data."""

    trial: Trial
    figures: Mapping[str, Decimal | None]
    loss: PrivacyLoss


@dataclass(frozen=True, kw_only=True)
class Came:
    """What came of a trial on real data, as far as its run has come."""

    study: Study
    settings: tuple[str, ...]
    rounds: int
    metrics: dict[str, Decimal]


def laid_out(
    file: Path,
    given: Sequence[Change],
    grid: Sequence[Sequence[Change]],
    wanted: int | None,
    seed: int,
) -> tuple[Trial, ...]:
    """The trials of a grid, or so many of them by lot. All of them are studies that fit."""
    stem = load_study(file, given).study
    chosen = drawn(combinations(grid), wanted, seed)
    found = tuple(
        _trial(file, tuple(given), settings, stem, number)
        for number, settings in enumerate(chosen, 1)
    )
    _expect_different(found, [replace(one.study, study=stem) for one in found])
    return found


def tried(
    trials: Sequence[Trial],
    searching: Searching,
    by: tuple[str, Aim],
    delta: Decimal,
    on_step: Callable[[int], None],
) -> tuple[Result, ...]:
    """Trains each trial on the mock and measures it there without noise; best first."""
    meter = cache(partial(accountant().loss, delta=delta))
    _expect_different(trials, [_part_of(one.study, searching.site) for one in trials])
    metric, aim = by
    results, before = [], 0
    for trial in trials:
        figures = _figures(trial, searching, _after(before, on_step))
        if metric not in figures:
            known = f"Its figures are: {', '.join(sorted(figures)) or 'none'}."
            raise NotFound(f"The recipe has no figure {metric!r}", hint=known)
        loss = meter(trial.study.whole(searching.site))
        results.append(Result(trial=trial, figures=figures, loss=loss))
        before += steps_of([trial], searching.site)
    return ranked(results, lambda one: one.figures[metric], aim)


def steps_of(trials: Iterable[Trial], site: SiteId) -> int:
    """How many steps trials take at a site."""
    return sum(one.study.rounds * one.study.participant(site).training.steps for one in trials)


def together(trials: Sequence[Trial], delta: Decimal) -> dict[SiteId, PrivacyLoss]:
    """What all of them would cost at each site, if every attempt of each of them runs."""
    found: dict[SiteId, tuple[Mechanism, ...]] = {}
    for trial in trials:
        for part in trial.study.participants:
            found[part.site] = (*found.get(part.site, ()), *trial.study.whole(part.site))
    meter = accountant()
    return {site: meter.loss(mechanisms, delta) for site, mechanisms in found.items()}


def write_trials(trials: Sequence[Trial], folder: Path) -> list[Path]:
    """Writes each trial's study into a folder, under its own name."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageFailed(f"Cannot make it: {error.strerror}", where=str(folder)) from error
    files = [folder / f"{trial.name}.toml" for trial in trials]
    for trial, file in zip(trials, files, strict=True):
        write_study(trial.file, (*trial.changes, _named(trial.name)), file)
    return files


def write_best(trial: Trial, out: Path) -> Study:
    """Writes a trial's study under the name of the study that was searched."""
    return write_study(trial.file, trial.changes, out)


def compared(folder: Path) -> tuple[tuple[str, ...], list[Came]]:
    """The keys in which the studies of a folder differ, and what came of each."""
    files = sorted(folder.glob("*.toml"))
    if not files:
        raise NotFound("No study's file is there", where=str(folder))
    keys, rows = differing_keys([read_toml(one) for one in files])
    return keys, [_came(file, row) for file, row in zip(files, rows, strict=True)]


def _expect_different(trials: Sequence[Trial], made: Sequence[Hashable]) -> None:
    """Refuses a search in which a setting has no effect, so that nobody believes that it has."""
    known: dict[Hashable, Trial] = {}
    for trial, what in zip(trials, made, strict=True):
        first = known.setdefault(what, trial)
        if first is not trial:
            raise ConfigInvalid(
                f"Two trials are the same: {_said(first)}, and {_said(trial)}",
                where="--grid",
                hint="A site's own table sets a key again: search sites.NAME.KEY instead.",
            )


def _part_of(study: Study, site: SiteId) -> Hashable:
    """All of a study that a training at one site depends on."""
    return (study.participant(site), study.recipe, study.rounds, study.combining)


def _said(trial: Trial) -> str:
    return ", ".join(map(str, trial.settings))


def _trial(
    file: Path,
    given: tuple[Change, ...],
    settings: tuple[Change, ...],
    stem: StudyId,
    number: int,
) -> Trial:
    study = load_study(file, (*given, *settings, _named(f"{stem}-t{number:02}")))
    return Trial(file=file, given=given, settings=settings, stem=stem, study=study)


def _named(name: str) -> Change:
    return Change(place=("name",), value=name)


def _after(before: int, on_step: Callable[[int], None]) -> Callable[[int], None]:
    return lambda step: on_step(before + step)


def _figures(
    trial: Trial, searching: Searching, on_step: Callable[[int], None]
) -> dict[str, Decimal | None]:
    part = trial.study.participant(searching.site)
    code = load_own_code(trial.file, trial.changes)
    found = try_study(trial.study, part, code, searching.draft, searching.assets, on_step)
    return {name: _exact(value) for name, value in found.after.items()}


def _exact(value: float) -> Decimal | None:
    return Decimal(value) if math.isfinite(value) else None


def _came(file: Path, settings: Iterable[str]) -> Came:
    opened = filed_study(file, None)
    done = opened.finished()
    return Came(
        study=opened.study,
        settings=tuple(settings),
        rounds=done.rounds,
        metrics=dict(done.metrics[-1]) if done.metrics else {},
    )
