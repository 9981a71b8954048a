"""A fourth platform, whose study begins with the model that three others trained.

It has half of the sentences that the three hold out, and is measured on the other half: nobody has
trained on either before. One platform has nobody to hide its update among, so that nothing is
sealed; its policy has a person asked about that.
"""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from shutil import copytree

from benchmarks.worlds.demonstrated import Ran, through_the_system
from securefed.adapters.published_data.part import TEST, write_part
from securefed.adapters.published_data.sentences import DESCRIBED, split_sentences
from securefed.domain.identifiers import Name
from securefed.recipes.pretrained.manifest import manifest_digest
from securefed.wiring.demo import Chosen
from securefed.wiring.workloads.sentiment import SENTIMENT
from securefed.wiring.workloads.workload import Places, Workload

PLATFORM = "forum"
EARLIER = "sentiment-model"
_STUDY = """\
title = "Sentiment, a fourth platform"
name = "sentiment-fourth"
purpose = "opinion-research"

[recipe]
name = "text"
version = "1.0.0"

[recipe.parameters]
model = "all-minilm-l6-v2"
model_sha256 = "{encoder}"
pooling = "mean"
train = "head"
start = "sentiment-model"
start_sha256 = "{start}"
learning_rate = 5.0
average = true
physical_batch = 1000

[model]
family = "bert-classifier"
parameters = 770

[rounds]
count = 1
minimum_sites = 1

[privacy]
noise_multiplier = 3.9
sampling_rate = 0.25
steps = 20
clip = 0.1

[sealing]
suite = "none"
update_bound = 200.0

[sites.forum]
dataset = "sentences"
"""


def gone_on(data: Path, earlier: Path, folder: Path, model: Path) -> Ran:
    """The fourth platform's study through the system; its exported model goes to `model`."""
    return through_the_system(Chosen(workload=_going_on(earlier, folder), data=data), model)


def write_fourth(source: Path, folder: Path) -> None:
    """Writes the fourth platform's sentences, and those to count on."""
    _, held_out = split_sentences(source, seed=0)
    for part, start in ((PLATFORM, 0), (TEST, 1)):
        rows = sorted(held_out[start::2], key=lambda row: len(row[0]))
        write_part(folder, part, f"Sentences, {part}", DESCRIBED, rows)


def _going_on(earlier: Path, folder: Path) -> Workload:
    study = folder / "sentiment-fourth.toml"
    digests = {"encoder": SENTIMENT.pretrained[0].sha256, "start": manifest_digest(earlier)}
    study.write_text(_STUDY.format(**digests), encoding="utf-8")

    def write(source: Path, places: Places) -> None:
        write_fourth(source, places.data)
        copytree(earlier, places.assets / EARLIER)

    return replace(
        SENTIMENT,
        name=Name("sentiment-fourth"),
        study=str(study),
        write=write,
        epsilon=Decimal(2),
        policy="policies/pilot.toml",
    )
