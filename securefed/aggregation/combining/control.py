"""Control variates against the drift of unlike sites (SCAFFOLD, Karimireddy et al. 2020).

A site adds (c − c_i)/s to each noised gradient: c is public, c_i its own, s how far its steps of
a round go at their whole rate. Both are made from privatized updates alone (option II of the
paper), so they cost no privacy. c_i never leaves the site, because it tells the site's own update,
which the seal hides. Nothing more than updates travels upwards:

    c_i⁺ = c_i − c − u_i / r     u_i the update, r what the round's rate was multiplied by
    c⁺   = −ū / r                ū the opened average of the u_i of all sites

In the paper's numbers these are c·s and c_i·s. c is the weighted mean of all c_i as long as all of
them move in a round, or none. So a round counts for them only if its sum has every site of the
study. A site is told with c which round c is from; its c_i of that round counts then, and whatever
it made in a later round does not. That needs equally many steps everywhere, c_i that begin at zero
(the paper's other start reads the data), and u_i as it was sealed.
"""

from dataclasses import dataclass

import numpy as np

from securefed.aggregation.grid import Floats, Values
from securefed.aggregation.plain_update import shortened
from securefed.errors import ControlUnfit

# What rounding in float32 can add to a value on its way.
_SLACK = 1.001


def control_moved(average: Floats, stride: float) -> Floats:
    """The server's next c, after a round of all sites."""
    return -average / stride


def check_control(control: Values, reach: float, stride: float) -> None:
    """Refuses a c that no round with this stride makes: an update's values are within the reach."""
    if not np.isfinite(control).all() or np.abs(control).max() > _SLACK * reach / stride:
        raise ControlUnfit("The control variate has values that no sum of updates makes")


def no_control(parameters: int) -> Values:
    """The c before the first round of all sites."""
    return np.zeros(parameters, np.float32)


def as_it_leaves(update: Values, bound: float, largest: float) -> Values:
    """An update as it counts in a sum, but for the sealing's rounding."""
    short = np.frombuffer(shortened(update, bound), "<f4")
    return np.clip(short, -largest, largest)


@dataclass(frozen=True, kw_only=True)
class Pending:
    """A c_i that counts once its round does."""

    values: Values
    round: int


@dataclass(frozen=True, kw_only=True)
class OwnControl:
    """A site's c_i, the round that it is from, and what it would be after a later one."""

    values: Values
    round: int
    pending: Pending | None = None

    def as_of(self, controlled: int) -> "OwnControl":
        """The c_i that belongs to a c of this round; zero is the beginning."""
        if self.pending is not None and self.pending.round == controlled:
            return OwnControl(values=self.pending.values, round=controlled)
        if self.round != controlled:
            raise ControlUnfit(
                f"The control variate is from round {controlled}, and this site's own is not"
            )
        return OwnControl(values=self.values, round=self.round)

    def correction(self, control: Values) -> Values:
        """What a round's steps are corrected by, together."""
        return control - self.values

    def trained(self, control: Values, update: Values, stride: float, round_: int) -> "OwnControl":
        """After a round: `update` is what was sealed, `control` what the round began with."""
        exact = self.values - control.astype(np.float64) - update.astype(np.float64) / stride
        with np.errstate(over="ignore"):
            made = Pending(values=exact.astype(np.float32), round=round_)
        if not np.isfinite(made.values).all():
            raise ControlUnfit("The site's own control variate grows beyond what float32 can hold")
        return OwnControl(values=self.values, round=self.round, pending=made)


def first_own_control(parameters: int) -> OwnControl:
    """A site's c_i before its first round."""
    return OwnControl(values=no_control(parameters), round=0)
