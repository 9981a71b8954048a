"""Studies for a served site: two parameters, a few steps, and whatever code a test has it run."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from securefed.config import load_study
from securefed.domain.study import Study

_STUDY: Final = """
title = "A study of a test"
name = "{name}"
purpose = "readmission-research"

[recipe]
{recipe}

[model]
family = "{family}"
parameters = 2

[rounds]
count = {rounds}
spare = {spare}
minimum_sites = 1

[privacy]
noise_multiplier = 20.0
sampling_rate = 0.1
steps = {steps}
clip = 1.0

[sealing]
suite = "none"
update_bound = 1.0

[sites.hospital-a]
dataset = "admissions"
"""
_TABULAR: Final = """
name = "tabular"
version = "1.0.0"
parameters = {target = "readmitted", numeric = ["age:60:20"], learning_rate = 0.5}
"""
_OWN_CODE: Final = """
name = "own-code"
version = "1.0.0"
own_code = "own_code.py"
parameters = {columns = ["age"]}
"""
# Made-up records are of age 1, which nobody in the data is.
_CODE: Final = """
import os, signal, socket, torch

def model():
    {in_model}
    return torch.nn.Linear(1, 1)

def collate(records):
    ages = records.columns["age"]
    if any(age != 1 for age in ages):
        {on_data}
    return {{"x": torch.tensor(ages).float().unsqueeze(1)}}

def losses(model, batch):
    return model(batch["x"]).squeeze(1).square().clamp(max=10)

def mock(records, seed):
    return {{"age": [1] * records}}
"""
STOP_HERE: Final = "os.kill(os.getpid(), signal.SIGSTOP)"
STOP_ONCE: Final = f"'stopped' in globals() or globals().update(stopped={STOP_HERE})"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A study of a test, and its own code where it has some."""

    study: Study
    code: bytes | None


def tabular(name: str, *, rounds: int = 2, spare: int = 4, steps: int = 4) -> Asked:
    """A logistic regression of two parameters."""
    return _asked(name, _TABULAR, "logistic", None, rounds, spare, steps)


def own_code(
    name: str, *, in_model: str = "pass", on_data: str = "pass", rounds: int = 2, spare: int = 6
) -> Asked:
    """A line of somebody's own, which runs before the first step or on the private data."""
    code = _CODE.format(in_model=in_model, on_data=on_data).encode()
    return _asked(name, _OWN_CODE, "own-code", code, rounds, spare, 4)


def _asked(
    name: str, recipe: str, family: str, code: bytes | None, rounds: int, spare: int, steps: int
) -> Asked:
    given = {"recipe": recipe, "family": family, "rounds": rounds, "spare": spare, "steps": steps}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "study.toml"
        file.write_text(_STUDY.format(name=name, **given))
        if code is not None:
            file.with_name("own_code.py").write_bytes(code)
        return Asked(study=load_study(file), code=code)
