"""What a served site is made from: its data, who describes them, its policy and its settings."""

import csv
import random
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
RECORDS: Final = 240

_CARD: Final = """
dataset = "admissions"
title = "Admissions"
origin = "Made up for a test"
licence = "CC0-1.0"
purposes = ["readmission-research"]
data = "admissions.csv"
adjacency = "add-remove"

[unit]
column = "patient"
bound = 1

[[columns]]
name = "patient"
type = "identifier"
meaning = "Pseudonym"

[[columns]]
name = "age"
type = "integer"
meaning = "Age in years"
range = [18, 99]

[[columns]]
name = "readmitted"
type = "boolean"
meaning = "Whether the patient came back"
"""


def configure(settings: Path, runner: str) -> None:
    text = settings.read_text().replace("# port = 8400", "port = 0")
    settings.write_text(text.replace("[runner]\n", f"[runner]\n{runner}\n"))


def write_policy(place: Path) -> Path:
    """The pilot's policy, with own code."""
    text = (ROOT / "policies" / "pilot.toml").read_text()
    file = place / "policy.toml"
    file.write_text(text.replace('recipes = ["tabular"', 'recipes = ["own-code", "tabular"'))
    return file


def write_data(place: Path) -> None:
    chance = random.Random(1)
    (place / "dataset.toml").write_text(_CARD)
    with (place / "admissions.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("patient", "age", "readmitted"))
        for number in range(RECORDS):
            rows.writerow((f"p{number}", chance.randint(18, 95), chance.choice(("true", "false"))))
