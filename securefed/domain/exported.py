"""What an exported model says of itself, so that programs can go on with it: `model.json`.

It has the recipe, so that the model can be built again, and its history: every study that moved its
weights, oldest first, with all that each site approved. Promises nothing about what a site really
spent, which is in its ledger. A model carries what all of its history gives away: later training
takes nothing back.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Final

from securefed.domain.identifiers import DatasetId, Digest, Line, SiteId, StudyId
from securefed.domain.privacy import Mechanism
from securefed.domain.records import record_digest
from securefed.domain.study import STUDY_KIND, Model, Recipe, Study
from securefed.errors import RecordInvalid

# Parameters of every recipe: the folder that training begins with, its digest, what is left of it.
START: Final = "start"
START_DIGEST: Final = "start_sha256"
START_PARAMETERS: Final = frozenset({START, START_DIGEST, "start_without"})


class Format(StrEnum):
    """How the weights are written."""

    SAFETENSORS = "safetensors"
    TRANSFORMERS = "transformers"
    TORCHSCRIPT = "torchscript"
    ONNX = "onnx"


@dataclass(frozen=True, kw_only=True)
class Share:
    """One site's part in a study: all that it approved."""

    site: SiteId
    dataset: DatasetId
    mechanisms: tuple[Mechanism, ...]


@dataclass(frozen=True, kw_only=True)
class Chapter:
    """A study that moved a model's weights, and the digest of the weights that it ended with."""

    study: StudyId
    title: Line
    digest: Digest
    rounds: int
    weights: Digest
    shares: tuple[Share, ...]


@dataclass(frozen=True, kw_only=True)
class ExportedModel:
    """A model's recipe and its history, of which the last chapter is its own study."""

    kind: ClassVar[str] = "exported-model"
    format: Format
    recipe: Recipe
    model: Model
    history: tuple[Chapter, ...]

    def __post_init__(self) -> None:
        if not self.history:
            raise RecordInvalid("An exported model names the study that it comes from")

    @property
    def weights(self) -> Digest:
        """The digest of its weights in one row."""
        return self.history[-1].weights


@dataclass(frozen=True, kw_only=True)
class Member:
    """An exported model within an ensemble's folder, and its digest."""

    folder: Line
    digest: Digest


@dataclass(frozen=True, kw_only=True)
class EnsembleOf:
    """Models that predict together, all counting alike."""

    kind: ClassVar[str] = "model-ensemble"
    members: tuple[Member, ...]

    def __post_init__(self) -> None:
        digests = [one.digest for one in self.members]
        if len(digests) < 2 or len(set(digests)) < len(digests):
            raise RecordInvalid("An ensemble has two models at least, and each stands once")


@dataclass(frozen=True, kw_only=True)
class Start:
    """The folder that a study begins with, by its name and digest as the study states them."""

    folder: str
    digest: str


def start_of(recipe: Recipe) -> Start | None:
    """What a recipe states to begin with, if it does."""
    stated = {str(one.name): str(one.value) for one in recipe.parameters}
    folder = stated.get(START, "")
    return Start(folder=folder, digest=stated.get(START_DIGEST, "")) if folder else None


def chapter_of(study: Study, rounds: int, weights: Digest) -> Chapter:
    """What a study adds to a model's history."""
    shares = (
        Share(site=one.site, dataset=one.dataset, mechanisms=study.whole(one.site))
        for one in study.participants
    )
    return Chapter(
        study=study.study,
        title=study.title,
        digest=record_digest(STUDY_KIND, study),
        rounds=rounds,
        weights=weights,
        shares=tuple(shares),
    )
