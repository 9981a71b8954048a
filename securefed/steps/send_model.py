"""What a round begins with as files for its sites: the model's weights, and the control variate.

The same state makes the same bytes, so that a coordinator that starts over asks in the same words.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from securefed.aggregation.combining import ServerState
from securefed.aggregation.combining.rules import CONTROL
from securefed.aggregation.grid import Values
from securefed.domain.identifiers import Digest, SiteId
from securefed.domain.study import Study
from securefed.steps.visit_site import ControlParcel, Parcel


def weights_parcel(folder: Path, number: int, state: ServerState) -> Parcel | None:
    """A round's starting weights; the first round's follow from the study."""
    return None if number == 1 else _parcel(folder / f"{number}.weights", state.weights)


def control_parcel(folder: Path, number: int, state: ServerState) -> ControlParcel | None:
    """The control variate, once a round has moved it."""
    if not state.controlled:
        return None
    parcel = _parcel(folder / f"{number}.control", state.kept[CONTROL])
    return ControlParcel(parcel=parcel, round=state.controlled)


def control_stride(study: Study, number: int, summed: Iterable[SiteId]) -> float | None:
    """What sites multiplied their rate by, where the sum has every site of the study: only then
    all of them know what their own control variate is from now on."""
    if set(summed) != {part.site for part in study.participants}:
        return None
    return float(study.combining.site_factor(number, study.rounds))


def _parcel(path: Path, values: Values) -> Parcel:
    content = values.astype("<f4").tobytes()
    path.write_bytes(content)
    digest = Digest("sha256:" + hashlib.sha256(content).hexdigest())
    return Parcel(digest=digest, length=len(content), path=path)
