"""What a site tells a run about a round: all that it needs to know, and nothing that it could use
for anything else.

The site writes it from the approved plan and hands it over in `Begin`. The run's files are named
here, too, so that both sides agree: what is given lies in the folder `given`, what is made in
`made`. A file that is not listed was not given. Promises nothing; the walls and the ledger do.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from securefed.domain.fusion import Fusion
from securefed.domain.identifiers import Digest, Line, Name
from securefed.domain.privacy import DpSgd, GaussianRelease, PrivacyUnit
from securefed.domain.records import from_bytes, to_bytes
from securefed.domain.site import Column
from securefed.domain.study import Model, Recipe
from securefed.errors import RecordInvalid

# Given: the round's starting weights, what the last round kept, the study's own code.
WEIGHTS, KEPT, OWN_CODE = Name("weights"), Name("kept"), Name("own-code")
# Given, too, where the study has a control variate: what the round's steps are corrected by.
CORRECTION = Name("correction")
# Made: the privatized update's values, a description of them, noisy metrics; and KEPT again.
UPDATE, ABOUT, METRICS = Name("update"), Name("about"), Name("metrics")

_MOST_METRICS = 2**14


@dataclass(frozen=True, kw_only=True)
class RunOrder:
    """One round for a run. Paths are as the run sees them; `proximal` is FedProx's strength, and
    `tally` how many numbers a tally must have, or zero where nobody relies on it. `control` says
    that steps are corrected, `rate_factor` what the sites' schedule leaves of their rate.
    With `fusion` the round is a vote of teachers, and what is made are its noised counts."""

    recipe: Recipe
    model: Model
    training: DpSgd
    metrics: GaussianRelease | None
    tally: int
    proximal: Decimal | None
    columns: tuple[Column, ...]
    unit: PrivacyUnit
    data: str
    digest: Digest
    assets: str | None
    given: tuple[Name, ...]
    control: bool = False
    rate_factor: Decimal = Decimal(1)
    fusion: Fusion | None = None

    def text(self) -> str:
        """The document of a `Begin`."""
        return to_bytes(self).decode("utf-8")


def read_order(document: str) -> RunOrder:
    """The order in a document that a site wrote."""
    return from_bytes(RunOrder, document.encode("utf-8"))


@dataclass(frozen=True, kw_only=True)
class AboutUpdate:
    """What a run says of the values that it made: the layout they are in. The rest is measured."""

    kind: ClassVar[str] = "about-update"
    layout: Digest
    parameters: int


@dataclass(frozen=True, kw_only=True)
class NoisyMetric:
    """One figure; none where the noise left nothing to divide by."""

    name: Line
    value: Decimal | None


@dataclass(frozen=True, kw_only=True)
class NoisyMetrics:
    """The metrics of one release, and the noised sum of tallies that they are made from."""

    kind: ClassVar[str] = "noisy-metrics"
    metrics: tuple[NoisyMetric, ...]
    tally: tuple[Decimal, ...]

    def __post_init__(self) -> None:
        if len(self.metrics) > _MOST_METRICS or len(self.tally) > _MOST_METRICS:
            raise RecordInvalid(f"A release has {_MOST_METRICS} figures at most")


def mean_metrics(released: Iterable[NoisyMetrics]) -> dict[str, Decimal]:
    """The mean of each metric over the sites that released it with a value, in the sites' order: by
    noise a site may have no value for one of them."""
    found: dict[str, list[Decimal]] = {}
    for one in released:
        for metric in one.metrics:
            values = found.setdefault(metric.name, [])
            if metric.value is not None:
                values.append(metric.value)
    means = ((name, values) for name, values in found.items() if values)
    return {name: sum(values, Decimal(0)) / len(values) for name, values in means}
