"""The rounds of a study with sealed updates, and what the same updates come to without a seal.

Every round's noised updates are masked, encrypted, added and opened as sites and custodians do it,
in this process. The next round begins where that sum led. What sealing moved the model by is
summed up, so that the model of the very same updates without a seal is known as well.
"""

from collections.abc import Mapping
from math import isnan

import numpy as np

from benchmarks.worlds.sealed_round import described, sealed_round
from securefed.adapters.opacus_training.comparing import plain_mean, trained_together, weights_of
from securefed.aggregation.grid import Floats
from securefed.aggregation.plain_update import Weighed, read_values, shortened
from securefed.domain.identifiers import SiteId
from securefed.domain.study import Study
from securefed.recipes.layout import Layout
from securefed.wiring.workloads.workload import HeldOut, Measure, Model


class _Beside:
    """Opens each round's sealed sum, and keeps by how much it differs from the plain mean."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self.moved: Floats = np.zeros(study.model.parameters)

    def mean(self, _round: int, updates: Mapping[SiteId, Weighed]) -> Floats:
        """The mean, as it is opened."""
        sealing, parameters = self._study.sealing, self._study.model.parameters
        round_ = sealed_round(
            sealing.suite,
            bits=sealing.bits,
            sites=len(updates),
            parameters=parameters,
            weights=[weight for _, weight in updates.values()],
            bound=sealing.update_bound,
            reach=sealing.reach,
        )
        rows = [read_values(content, parameters) for content, _ in updates.values()]
        files = [round_.sealed(number, described(row), row) for number, row in enumerate(rows)]
        _, opened = round_.opened(round_.summed(files))
        bound = float(sealing.update_bound)
        bounded = {
            site: (shortened(row, bound), updates[site][1])
            for site, row in zip(updates, rows, strict=True)
        }
        self.moved += opened - plain_mean(_round, bounded)
        return opened


def sealing_moves(held: HeldOut, study: Study, measure: Measure) -> float:
    """By how much sealing changes a metric of the final model at most."""
    beside = _Beside(study)
    ended = trained_together(held.recipe, study, held.sources, noise=True, mean=beside.mean)
    layout = Layout.of(ended.weights)
    sealed = layout.flat({name: one.numpy() for name, one in ended.weights.items()})
    unsealed = weights_of(layout, (sealed - beside.moved).astype(np.float32))
    with_seal = measure(held, Model(weights=ended.weights, kept=ended.kept))
    without = measure(held, Model(weights=unsealed, kept=ended.kept))
    return max(_apart(with_seal[name], without[name]) for name in with_seal)


def _apart(one: float, other: float) -> float:
    if isnan(one) and isnan(other):
        return 0.0
    return abs(one - other)
