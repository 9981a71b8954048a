"""Rényi divergences by dp-accounting, at its own orders or at one that is asked for.

Promises figures that are not below the true ones, including the rounding errors of the library's
floats: it adds nothing for those, and takes a divergence that rounding made negative for zero. A
figure that cannot be computed is infinite.
"""

import logging
import math
from functools import lru_cache
from typing import TypeAlias

import dp_accounting
from dp_accounting.rdp import rdp_privacy_accountant as rdp

from securefed.adapters.odometer.acts import Act, Acts
from securefed.domain.privacy import DiscreteLaplaceRelease, LaplaceRelease

Orders: TypeAlias = tuple[float, ...]
ORDERS: Orders = tuple(float(order) for order in rdp.RdpAccountant().orders)
# Arithmetic that fails at extreme parameters. Anything else that is raised is a defect of ours.
NO_FIGURE = (ArithmeticError, ValueError)

# Of one step's divergence, at any default order. Its sums of logarithms are right to about 1e-14.
_RENYI_ERROR = 1e-13
_Relation = dp_accounting.NeighboringRelation


def divergences(acts: Acts, orders: Orders = ORDERS) -> list[float]:
    """The divergence of all acts together at each order."""
    try:
        each = [(_of_one(act, orders), times) for act, times in acts]
        return [math.fsum(times * one[i] for one, times in each) for i in range(len(orders))]
    except NO_FIGURE:
        return [math.inf] * len(orders)


def renyi_figure(acts: Acts, delta: float) -> float:
    """ε at δ by the best of the library's orders."""
    try:
        epsilon, _ = rdp.compute_epsilon(ORDERS, divergences(acts), delta)
    except NO_FIGURE:
        return math.inf
    return sound(epsilon)


def renyi_delta(acts: Acts, epsilon: float) -> float:
    """δ at ε by the best of the library's orders."""
    try:
        delta, _ = rdp.compute_delta(ORDERS, divergences(acts), epsilon)
    except NO_FIGURE:
        return 1.0
    return min(1.0, sound(delta))


def sound(figure: float) -> float:
    """The figure as it is; infinite where it is not a number."""
    return float(figure) if figure >= 0 else math.inf


@lru_cache(maxsize=1024)
def _of_one(act: Act, orders: Orders) -> tuple[float, ...]:
    event, relation = _event(act)
    accountant = rdp.RdpAccountant(orders=list(orders), neighboring_relation=relation)
    accountant.compose(event)
    return tuple(max(float(value), 0.0) + _RENYI_ERROR for value in accountant.rdp)


def _event(act: Act) -> tuple[dp_accounting.DpEvent, dp_accounting.NeighboringRelation]:
    """An event that diverges as the act does when a unit is added or removed.

    Discrete Laplace noise of scale b only ever shows one bit of a move by one, with odds exp(1/b)
    to one: it is randomised response. Discrete Gaussian noise diverges no more than continuous
    noise does (Canonne, Kamath, Steinke 2020, arXiv 2004.00010, Proposition 5)."""
    if act.kind == DiscreteLaplaceRelease.kind:
        lies = 2 / (1 + math.exp(1 / act.noise))
        return dp_accounting.RandomizedResponseDpEvent(lies, 2), _Relation.REPLACE_ONE
    if act.kind == LaplaceRelease.kind:
        return dp_accounting.LaplaceDpEvent(act.noise), _Relation.ADD_OR_REMOVE_ONE
    event = dp_accounting.GaussianDpEvent(act.noise)
    # Sampling everything is no sampling, and has an exact rule.
    if act.rate != 1.0:
        event = dp_accounting.PoissonSampledDpEvent(act.rate, event)
    return event, _Relation.ADD_OR_REMOVE_ONE


def _about_orders(record: logging.LogRecord) -> bool:
    """Whether a message is worth showing: dp-accounting warns of each order that it leaves out."""
    return record.module != "rdp_privacy_accountant"


logging.getLogger("absl").addFilter(_about_orders)
