"""A site's own control variate through one attempt at a round.

What a run is given is the correction alone: c − c_i, made here from the c that was brought and the
c_i that the site keeps. What c_i may become is made from the update as it leaves and is on the disk
before the attempt can be committed, so a site that dies at any moment knows what it gave out. It
counts only once a later round comes with a c of this round; see `aggregation.combining.control`.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from securefed.aggregation.combining.control import (
    OwnControl,
    as_it_leaves,
    check_control,
    first_own_control,
    no_control,
)
from securefed.aggregation.combining.own_control_file import read_own, written_own
from securefed.aggregation.grid import Values
from securefed.aggregation.plain_update import read_values
from securefed.domain.errand import Control
from securefed.domain.study import Study, Suite
from securefed.errors import ControlUnfit, UpdateUnusable


@dataclass(frozen=True, kw_only=True)
class Controlled:
    """What a round begins with: the study's c and the site's own, which lies in a file."""

    study: Study
    round: int
    path: Path
    control: Values
    own: OwnControl

    @property
    def correction(self) -> Values:
        """What all steps of the round are corrected by, together."""
        return self.own.correction(self.control)

    def keep(self, update: Values, folder: Path) -> None:
        """Keeps what c_i is once this round counts; the file is made in a private folder."""
        factor = float(self.study.combining.site_factor(self.round, self.study.rounds))
        bound = float(self.study.sealing.update_bound)
        after = self.own.trained(
            self.control, as_it_leaves(update, bound, _largest(self.study)), factor, self.round
        )
        made = folder / "control-made"
        with made.open("xb") as file:
            file.write(written_own(after))
            file.flush()
            os.fsync(file.fileno())
        made.replace(self.path)


def controlled(
    study: Study, round_: int, brought: Control | None, content: bytes, path: Path
) -> Controlled:
    """What a round begins with. Before the first round of all sites nothing is brought."""
    parameters = study.model.parameters
    own = read_own(path.read_bytes(), parameters) if path.exists() else None
    control = no_control(parameters) if brought is None else _checked(study, brought, content)
    at = 0 if brought is None else brought.round
    return Controlled(
        study=study,
        round=round_,
        path=path,
        control=control,
        own=(own or first_own_control(parameters)).as_of(at),
    )


def _checked(study: Study, brought: Control, content: bytes) -> Values:
    try:
        control = read_values(content, study.model.parameters)
    except UpdateUnusable as error:
        raise ControlUnfit("The control variate that was brought is none of this model") from error
    factor = float(study.combining.site_factor(brought.round, study.rounds))
    check_control(control, _largest(study), factor)
    return control


def _largest(study: Study) -> float:
    """The largest value that a sum of updates can have."""
    unsealed = study.sealing.suite is Suite.NONE
    return float(study.sealing.update_bound if unsealed else study.sealing.reach)
