"""Writes the mock admissions of the three example sites: invented numbers, no patient behind them.

The same code gives the same bytes: only `random.Random.random` is used, whose sequence Python
promises to keep for a seed. The sites differ a little, so that a study over them has some work.

    python sites/make_mocks.py
"""

import csv
import math
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from random import Random

FOLDER = Path(__file__).parent
HEADER = (
    "patient",
    "age",
    "sex",
    "systolic",
    "creatinine",
    "prior_admissions",
    "emergency",
    "length_of_stay",
    "readmitted",
)


@dataclass(frozen=True, kw_only=True)
class Hospital:
    """How one site's admissions are made up."""

    name: str
    seed: int
    rows: int
    mean_age: int
    emergencies: float
    returning: float


@dataclass(frozen=True, kw_only=True)
class Patient:
    """Somebody who does not exist."""

    name: str
    age: int
    sex: str


HOSPITALS = (
    Hospital(name="hospital-a", seed=1, rows=240, mean_age=63, emergencies=0.45, returning=0.12),
    Hospital(name="hospital-b", seed=2, rows=180, mean_age=68, emergencies=0.6, returning=0.1),
    Hospital(name="hospital-c", seed=3, rows=120, mean_age=71, emergencies=0.35, returning=0.05),
)


def mock(hospital: Hospital) -> str:
    """A site's mock as CSV."""
    chance = Random(hospital.seed)  # noqa: S311 - invented data, the same each time on purpose
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    patients: list[Patient] = []
    for _ in range(hospital.rows):
        if patients and chance.random() < hospital.returning:
            patient = patients[int(chance.random() * len(patients))]
        else:
            patient = _new_patient(hospital, len(patients) + 1, chance)
            patients.append(patient)
        writer.writerow(_admission(hospital, patient, chance))
    return text.getvalue()


def _new_patient(hospital: Hospital, number: int, chance: Random) -> Patient:
    age = min(98, max(18, round(hospital.mean_age + 14 * _bell(chance))))
    sex = ("female", "male", "other")[int(chance.random() * 2.02)]
    return Patient(name=f"{hospital.name[-1]}{number:04d}", age=age, sex=sex)


def _admission(hospital: Hospital, patient: Patient, chance: Random) -> list[str]:
    age = patient.age
    systolic = round(118 + 0.25 * age + 16 * _bell(chance))
    creatinine = max(0.4, 0.8 + 0.005 * age + 0.3 * _bell(chance))
    prior = int(-1.1 * math.log(1 - chance.random()))
    emergency = chance.random() < hospital.emergencies
    nights = 1 + int(-(2 + 0.04 * age + prior) * math.log(1 - chance.random()))
    risk = 0.03 * (age - 65) + 0.6 * prior + 0.5 * emergency + 0.5 * (creatinine - 1) - 1.6
    readmitted = chance.random() < 1 / (1 + math.exp(-risk))
    measured = chance.random() >= 0.03
    return [
        patient.name,
        str(age),
        patient.sex,
        str(systolic) if measured else "",
        f"{creatinine:.2f}",
        str(prior),
        _word(emergency),
        str(nights),
        _word(readmitted),
    ]


def _bell(chance: Random) -> float:
    """Nearly a standard normal: twelve uniform draws, centred."""
    return sum(chance.random() for _ in range(12)) - 6


def _word(truth: bool) -> str:
    return "true" if truth else "false"


def main() -> None:
    """Writes every mock."""
    for hospital in HOSPITALS:
        path = FOLDER / hospital.name / "mock.csv"
        path.write_text(mock(hospital), encoding="utf-8", newline="")
        print(f"{path.relative_to(FOLDER.parent)}: {hospital.rows} admissions")


if __name__ == "__main__":
    main()
