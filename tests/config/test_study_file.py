from pathlib import Path

import pytest

from securefed.config import load_own_code, load_study, read_change, write_study
from securefed.errors import AlreadyExists, ConfigInvalid, StorageFailed

ROOT = Path(__file__).parents[2]
STUDY = ROOT / "sites/study.toml"
STUDIES = [one for one in sorted(STUDY.parent.glob("*.toml")) if "[recipe]" in one.read_text()]
CHANGES = (read_change("privacy.clip=0.00001"), read_change("recipe.average=false"))


@pytest.mark.parametrize("study", STUDIES, ids=lambda one: one.stem)
def test_a_study_is_written_as_it_is_read(study: Path, tmp_path: Path) -> None:
    written = write_study(study, (), tmp_path / "other.toml")
    assert load_study(tmp_path / "other.toml") == written == load_study(study)


def test_the_changes_are_in_it_and_stand_at_its_head(tmp_path: Path) -> None:
    out = tmp_path / "changed.toml"
    written = write_study(STUDY, CHANGES, out)
    assert load_study(out) == written == load_study(STUDY, CHANGES)
    head = out.read_text().splitlines()[:3]
    assert head[1:] == ["#   privacy.clip = 0.00001", "#   recipe.parameters.average = false"]
    assert [one.name for one in tmp_path.iterdir()] == ["changed.toml"]


def test_own_code_is_found_from_another_folder(tmp_path: Path) -> None:
    text = STUDY.read_text().replace('# own_code = "my_model.py"', 'own_code = "my_model.py"')
    (tmp_path / "study.toml").write_text(text)
    (tmp_path / "my_model.py").write_text("model = None\n")
    out = tmp_path / "trials" / "one.toml"
    out.parent.mkdir()
    written = write_study(tmp_path / "study.toml", CHANGES, out)
    assert written.recipe.own_code is not None
    assert load_study(out) == written
    assert load_own_code(out) == b"model = None\n"


def test_a_title_ends_no_comment(tmp_path: Path) -> None:
    out = tmp_path / "changed.toml"
    with pytest.raises(ConfigInvalid):
        write_study(STUDY, (read_change("title=a\n[evil]"),), out)
    write_study(STUDY, (read_change("title=é [evil]"),), out)
    assert load_study(out).title == "é [evil]"


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    out = tmp_path / "study.toml"
    out.write_text("mine")
    with pytest.raises(AlreadyExists):
        write_study(STUDY, CHANGES, out)
    assert (out.read_text(), len(list(tmp_path.iterdir()))) == ("mine", 1)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed):
        write_study(STUDY, CHANGES, tmp_path / "nowhere" / "study.toml")
