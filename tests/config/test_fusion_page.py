"""The study in docs/fusion.md is one, and means what the page says of it."""

import re
from decimal import Decimal
from pathlib import Path

import pytest

from securefed.config import load_study
from securefed.domain.study import Study
from securefed.errors import ConfigInvalid

PAGE = Path(__file__).parents[2] / "docs" / "fusion.md"
BEFORE = 'title = "Votes"\nname = "votes"\npurpose = "research"\n'
AFTER = '[sites.hospital-a]\ndataset = "people"\n[sites.hospital-b]\ndataset = "people"\n'


def study_of(folder: Path, old: str = "", new: str = "") -> Study:
    [text] = re.findall(r"```toml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert old in text
    text = text.replace("sha256:…", "sha256:" + "0" * 64).replace(old, new, 1)
    path = folder / "study.toml"
    path.write_text(f"{BEFORE}{text}\n{AFTER}", encoding="utf-8")
    return load_study(path)


def test_the_page_s_study_loads(tmp_path: Path) -> None:
    study = study_of(tmp_path)
    assert study.fusion is not None
    assert study.fusion.least_clip == 20
    assert [one.name for one in study.fusion.columns] == ["age", "sex", "ill"]
    assert study.participants[0].training.clip == Decimal(20)
    assert study.model.parameters == study.fusion.answers == 400


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("clip = 20 ", "clip = 19.99 ", "privacy.clip"),
        ("steps = 1", "steps = 3", "privacy: Votes"),
        ("parameters = 400", "parameters = 401", "model.parameters"),
        ("reach = 230", "reach = 229", "sealing.reach"),
        ("update_bound = 4600", "update_bound = 4599", "sealing.reach"),
        ('queries = "public.csv"', 'queries = "a/public.csv"', "fusion.queries"),
        ('classes = ["false", "true"]', 'classes = ["true", "true"]', "fusion.classes"),
        ('ill = "boolean"', 'ill = "decimal"', "fusion.columns"),
        ("teachers = 50 ", "teachers = 1 ", "fusion.teachers"),
        ('"tabular"', '"language-model"', "recipe.name"),
        ("count = 1", "count = 3", "rounds.count"),
    ],
)
def test_what_does_not_fit_names_its_key(tmp_path: Path, old: str, new: str, key: str) -> None:
    with pytest.raises(ConfigInvalid) as raised:
        study_of(tmp_path, old, new)
    assert key in str(raised.value)
