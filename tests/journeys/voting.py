"""Three platforms whose teachers vote on sentences that nobody labelled, and their student.

The public sentences are a third of those that the three hold out, without their labels; the student
is measured on the rest. The study file pins the digest of the public ones.
"""

import csv
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from benchmarks.worlds.demonstrated import Ran, through_the_system
from securefed.adapters.published_data.part import TEST, write_part
from securefed.adapters.published_data.sentences import DESCRIBED, split_sentences, write_sentences
from securefed.domain.identifiers import Name
from securefed.wiring.demo import Chosen
from securefed.wiring.workloads.sentiment import SENTIMENT
from securefed.wiring.workloads.workload import HeldOut, Model, Places

STUDY = "benchmarks/studies/sentiment-votes.toml"
PUBLIC = "sentences.csv"
_PUBLIC_EACH = 3


def voted(data: Path, model: Path) -> Ran:
    """The votes through the system; the exported student goes to `model`."""
    workload = replace(
        SENTIMENT,
        name=Name("sentiment-votes"),
        study=STUDY,
        write=_write,
        measure=_of_votes,
    )
    return through_the_system(Chosen(workload=workload, data=data), model)


def write_counted(source: Path, folder: Path) -> None:
    """Writes the sentences to count on."""
    _, held_out = split_sentences(source, seed=0)
    rows = [row for number, row in enumerate(held_out) if number % _PUBLIC_EACH]
    write_part(folder, TEST, "Sentences, to count on", DESCRIBED, rows)


def _write(source: Path, places: Places) -> None:
    write_sentences(source, places.data)
    _, held_out = split_sentences(source, seed=0)
    with (places.assets / PUBLIC).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["text"])
        writer.writerows([text] for text, _ in held_out[::_PUBLIC_EACH])


def _of_votes(_held: HeldOut, _votes: Model) -> Mapping[str, float]:
    """None: what is exported is a student, and not the votes that a study's state holds."""
    return {}
