"""A study from Python: its file with what is set anew, tried and searched on mocks, and planned.

Nobody is asked here and nothing is charged. A change is written as `--set` takes it, a grid as
`--grid` does.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from securefed import config
from securefed.config import Change, read_change, read_choices, with_keys
from securefed.domain.identifiers import SiteId
from securefed.domain.numbers import probability
from securefed.domain.privacy import PrivacyLoss
from securefed.domain.search import deciding
from securefed.domain.study import Study
from securefed.errors import NumberInvalid
from securefed.wiring import basics, search, trial

if TYPE_CHECKING:
    from securefed.wiring.trial import Tried

PathLike: TypeAlias = str | os.PathLike[str]


@dataclass(frozen=True, kw_only=True)
class StudyFile:
    """A study, the file that it is written in, and the folder of its run where that is said."""

    file: Path
    changes: tuple[Change, ...]
    folder: Path | None
    study: Study


def load_study(
    file: PathLike,
    changes: Sequence[str] = (),
    *,
    coordinator: str | None = None,
    custodians: Sequence[str] = (),
    folder: PathLike | None = None,
) -> StudyFile:
    """The study in a file, with keys set anew, as in `["privacy.clip=0.5"]`."""
    path, anew = Path(file), tuple(read_change(one) for one in changes)
    return StudyFile(
        file=path,
        changes=anew,
        folder=None if folder is None else Path(folder),
        study=with_keys(config.load_study(path, anew), coordinator, custodians),
    )


def try_study(
    study: StudyFile,
    data: PathLike,
    *,
    site: str | None = None,
    assets: PathLike | None = None,
    on_step: Callable[[int], None] = lambda _: None,
) -> "Tried":
    """Trains a study as one of its sites, on the mock of the dataset that a file describes."""
    return trial.try_study(
        study.study,
        trial.part_of(study.study, site),
        config.load_own_code(study.file, study.changes),
        config.load_card(Path(data)),
        _folder(assets),
        on_step,
    )


def plan_study(study: StudyFile, delta: str) -> dict[SiteId, PrivacyLoss]:
    """What every attempt of a study would cost at each of its sites."""
    meter, at = basics.accountant(), delta_of(delta)
    sites = [one.site for one in study.study.participants]
    return {site: meter.loss(study.study.whole(site), at) for site in sites}


def search_study(
    study: StudyFile,
    data: PathLike,
    grid: Sequence[str],
    *,
    delta: str,
    metric: str | None = None,
    site: str | None = None,
    trials: int | None = None,
    seed: int = 0,
    assets: PathLike | None = None,
    on_step: Callable[[int], None] = lambda _: None,
) -> tuple[search.Result, ...]:
    """Trains a grid of settings on the mock of a dataset; best first."""
    choices = [read_choices(one) for one in grid]
    found = search.laid_out(study.file, study.changes, choices, trials, seed)
    searching = search.Searching(
        site=trial.part_of(study.study, site).site,
        draft=config.load_card(Path(data)),
        assets=_folder(assets),
    )
    by = deciding(study.study.combining.stop, metric, None)
    return search.tried(found, searching, by, delta_of(delta), on_step)


def delta_of(text: str) -> Decimal:
    """A δ as it was written."""
    try:
        return probability("delta", Decimal(text))
    except InvalidOperation:
        raise NumberInvalid(f"{text!r} is not a number", where="delta") from None


def _folder(path: PathLike | None) -> Path | None:
    return None if path is None else Path(path)
