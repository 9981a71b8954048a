"""A workload: a study, the published data that it is tried on, and how its model is measured.

The study is a file that a user could copy. Everything else here takes the place of what people
bring at real sites: their data with its description, an allowance, a policy, a folder of models.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from securefed.adapters.published_data.origin import Origin
from securefed.domain.identifiers import Name, SiteId
from securefed.errors import NotFound

if TYPE_CHECKING:
    from securefed.adapters.opacus_training.weights import Weights
    from securefed.domain.study import Participant
    from securefed.recipes.files.source import RecordSource
    from securefed.recipes.recipe import Recipe

BASELINE: Final = "baseline"
# For data that anybody can have, and sites with few records or studies above ε = 3.
PUBLISHED: Final = "sites/published.policy.toml"


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where a workload's files are written: `data/SITE.toml` describes a site's data and
    `data/test.toml` the held-out records; `assets` is the sites' folder of public models."""

    data: Path
    assets: Path


@dataclass(frozen=True, kw_only=True)
class Pretrained:
    """A folder of a pretrained model, as the study names it, and the package that carries it."""

    name: str
    sha256: str
    source: str
    licence: str
    package: str | None = None
    inner: str = ""


@dataclass(frozen=True, kw_only=True)
class Model:
    """A study's model, and what stayed at each site of it."""

    weights: "Weights"
    kept: "Mapping[SiteId, Weights]" = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """What a model is measured with: held-out records, and each site's own ones, open."""

    recipe: "Recipe"
    part: "Participant"
    test: "RecordSource"
    sources: "Mapping[SiteId, RecordSource]"
    folder: Path


Measure: TypeAlias = Callable[[HeldOut, Model], Mapping[str, float]]
Line: TypeAlias = Callable[[HeldOut], float]


def by_recipe(held: HeldOut, model: Model) -> Mapping[str, float]:
    """The recipe's own metrics of the held-out records, without noise."""
    from securefed.adapters.opacus_training.comparing import metrics_of

    return metrics_of(held.recipe, held.part, held.test, model.weights)


@dataclass(frozen=True, kw_only=True)
class Compared:
    """The figure that counts, and the line to pass: what no model at all reaches."""

    metric: str
    line: Line
    line_is: str


@dataclass(frozen=True, kw_only=True)
class Workload:
    """A study on published data.

    `study` is the shipped file. `write` makes the sites' files, and the held-out part's, from the
    folder of `origin`, or from what a library ships. `epsilon` and `delta` are each site's
    allowance. `unit` is what one of the held-out records is called."""

    name: Name
    study: str
    write: Callable[[Path, Places], None]
    epsilon: Decimal
    delta: Decimal
    compared: Compared
    unit: str = "records"
    policy: str = BASELINE
    origin: Origin | None = None
    pretrained: tuple[Pretrained, ...] = ()
    measure: Measure = by_recipe
    library: str | None = None
    extra: str | None = None

    def source(self, given: Path | None) -> Path:
        """The folder of the published files, checked; the given one where none are needed."""
        if self.library is not None and find_spec(self.library) is None:
            raise NotFound(f"The demo needs {self.library}", hint=f"Install {self.extra}.")
        return Path() if self.origin is None else self.origin.checked(given)


def majority_of(target: str) -> Line:
    """The accuracy of always giving the answer that most of the held-out records have."""

    def line(held: HeldOut) -> float:
        from securefed.adapters.opacus_training.comparing import majority

        return majority(held.test, target)

    return line
