"""Control variates against the drift of unlike sites (SCAFFOLD, Karimireddy et al. 2020).

A site adds c − c_i to each noised gradient: c is public, c_i its own. Both are made from privatized
updates alone (option II of the paper), so they cost no privacy. c_i never leaves the site, because
it tells the site's own update, which the seal hides. Nothing more than updates travels upwards:

    c_i⁺ = c_i − c − u_i / s        u_i the update, s the stride
    c⁺   = c + share · (−c − ū / s)    ū the opened average of the u_i

The sum of what the c_i change by is thus known from the sum of updates; c stays the weighted mean
of all c_i, up to the rounding of the seal. That needs the same stride everywhere, c_i that begin at
zero (the paper's other start reads the data), u_i as it was sealed (shortened to the bound), and a
site that takes c_i⁺ over only if its update was in the sum. Not under noise that is split among
sites: if some drop out, the others' c_i would show a sum of fewer noises than was charged.
"""

from dataclasses import dataclass, replace

import numpy as np

from securefed.aggregation.grid import Floats, Values
from securefed.errors import TransitionInvalid


def control_moved(control: Floats, average: Floats, stride: float, share: float) -> Floats:
    """The server's next c."""
    return control + share * (-control - average / stride)


@dataclass(frozen=True, kw_only=True)
class OwnControl:
    """A site's c_i, and the one that it takes over once it knows that its update was summed."""

    values: Values
    pending: Values | None = None

    def correction(self, control: Values) -> Values:
        """What is added to each noised gradient of a round."""
        return control - self.values

    def trained(self, control: Values, update: Values, stride: float) -> "OwnControl":
        """After a round: `update` is what was sealed, `control` what the round began with."""
        if self.pending is not None:
            raise TransitionInvalid("It is not known yet whether the last update was summed")
        exact = self.values - control.astype(np.float64) - update.astype(np.float64) / stride
        return replace(self, pending=exact.astype(np.float32))

    def told(self, *, summed: bool) -> "OwnControl":
        """Once it is known whether the update was in the opened sum."""
        if self.pending is None:
            raise TransitionInvalid("No update of this site waits to be summed")
        return OwnControl(values=self.pending if summed else self.values)


def first_own_control(parameters: int) -> OwnControl:
    """A site's c_i before its first round."""
    return OwnControl(values=np.zeros(parameters, np.float32))
