"""A study of votes from its filing to its student, against desks in memory that really vote."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from securefed.adapters.opacus_training.fusion.release import votes_layout
from securefed.adapters.opacus_training.fusion.voting import VoteRun, vote
from securefed.domain.records import to_bytes
from securefed.domain.run_order import ABOUT, UPDATE, AboutUpdate, RunOrder
from securefed.domain.talk import Finished, StepAsked
from securefed.recipes.files.opening import open_source
from securefed.recipes.layout import row_bytes
from securefed.recipes.public_records import public_records
from securefed.recipes.registry import recipe_for
from securefed.wiring import run as wiring_run
from tests.adapters.opacus_training.fusion.voters import FILE, a_fusion
from tests.adapters.opacus_training.plain import CountingGate
from tests.adapters.ordered import RECORD, TYPES, columns, people
from tests.cli.conftest import ROOT, Desks, Run
from tests.cli.studies import study
from tests.office import Files, executed
from tests.study_desks import SITES, Played, Playing, StudyDesks

pytestmark = pytest.mark.slow

FIRST_VALUES = wiring_run.first_values
STUDY = """\
title = "Who is ill, by votes"
name = "readmission"
purpose = "readmission-research"
[recipe]
name = "tabular"
version = "1.0.0"
[recipe.parameters]
target = "ill"
numeric = ["age:55:10"]
categorical = ["sex:f|m"]
[model]
family = "votes"
parameters = 100
[rounds]
count = 1
minimum_sites = 2
[fusion]
teachers = 40
epochs = 4
batch = 8
target = "ill"
classes = ["false", "true"]
queries = "{file}"
digest = "{digest}"
records = 50
[fusion.columns]
age = "integer"
sex = "category"
ill = "boolean"
[privacy]
noise_multiplier = {noise}
sampling_rate = 1
steps = 1
clip = 10
[sealing]
suite = "none"
reach = 150
update_bound = 1500
""" + "".join(f'[sites.{site}]\ndataset = "admissions"\n' for site in SITES)


def voting(folder: Path, seed: int) -> Playing:
    """What a site runs: a real vote of people of its own."""
    data = folder / str(seed)
    data.mkdir()
    path = people(data, 240, seed)

    def play(given: Mapping[str, bytes], made: Files, order: RunOrder) -> Played:
        yield StepAsked(step=1)
        assert order.fusion is not None
        assert not given
        with open_source(path, columns(TYPES), RECORD) as source:
            run = VoteRun(
                recipe=recipe_for(order.recipe, None, None),
                fusion=order.fusion,
                step=order.training,
                source=source,
                queries=public_records(order.fusion, folder),
                device="cpu",
            )
            voted = vote(run, CountingGate())
        made[UPDATE] = row_bytes(voted.values)
        layout = votes_layout(order.fusion).digest
        made[ABOUT] = to_bytes(AboutUpdate(layout=layout, parameters=100))
        ran = replace(executed(order), training=voted.executed)
        return Finished(executed=ran, files=(UPDATE, ABOUT))

    return play


@pytest.fixture
def made(run: Run, desks: Desks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StudyDesks:
    """The sites, and the study with its public records in the folder."""
    made = desks()
    monkeypatch.setattr(wiring_run, "first_values", FIRST_VALUES)
    for seed, name in enumerate(SITES, 1):
        made.sites[name].office.play = voting(tmp_path, seed)
    written(tmp_path)
    return made


def written(folder: Path, old: str = "", new: str = "", noise: str = "1.8") -> None:
    text = STUDY.format(file=FILE, digest=a_fusion(folder).digest, noise=noise)
    assert old in text
    (folder / "study.toml").write_text(text.replace(old, new))


ASSETS = ("--assets", ".")


def test_a_vote_from_its_filing_to_its_student(run: Run, made: StudyDesks, tmp_path: Path) -> None:
    assert study(run, "submit").code == 0
    made.approve()
    done = study(run, "run", *ASSETS, "--delta", "1e-6", "--json")
    assert done.code == 0, done.err
    assert [(one["name"], one["rounds"]) for one in done.document["sites"]] == [
        (name, 1) for name in SITES
    ]
    assert {one["bytes"] for one in done.document["sites"]} == {4 * 100}
    assert [made.charged(name) for name in SITES] == [1] * 3
    model = tmp_path / done.document["model"]
    weights = load_file(model / "model.safetensors")
    # Age tells who is ill; the two columns of sex do not.
    assert weights["weight"][0, 0] > 2 * abs(weights["weight"][0, 1:]).max()
    card = (model / "model.md").read_text()
    assert "model family logistic" in card
    assert "weights: 4 trained float32 values" in card
    assert "votes of 40 teachers on 50 public records" in card
    assert "a student of the noised votes of 3 sites" in card
    assert "dp-sgd σ=1.8  q=1 poisson  1 steps a round  C=10" in card
    assert card.count("all that was approved: ε = ") == 3
    again = run("study", "export", "study.toml", "--out", "again", *ASSETS)
    assert again.code == 0, again.err
    assert (load_file(tmp_path / "again" / "model.safetensors")["bias"] == weights["bias"]).all()


def test_a_site_that_stays_away_does_not_end_the_vote(
    run: Run, made: StudyDesks, tmp_path: Path
) -> None:
    assert study(run, "submit").code == 0
    made.approve("hospital-a", "hospital-c")
    done = study(run, "run", *ASSETS, "--json")
    assert done.code == 0, done.err
    card = (tmp_path / done.document["model"] / "model.md").read_text()
    assert "a student of the noised votes of 2 sites" in card


def test_a_site_that_said_that_it_noised_less_gives_nothing(
    run: Run, made: StudyDesks, tmp_path: Path
) -> None:
    """A run whose noise is another one than approved: charged, and nothing leaves."""

    def play(given: Mapping[str, bytes], files: Files, order: RunOrder) -> Played:
        done = yield from voting(tmp_path / "less", 9)(given, files, order)
        less = replace(done.executed.training, noise_multiplier=done.executed.training.clip)
        return replace(done, executed=replace(done.executed, training=less))

    (tmp_path / "less").mkdir()
    (tmp_path / "less" / FILE).write_bytes((tmp_path / FILE).read_bytes())
    made.sites["hospital-b"].office.play = play
    assert study(run, "submit").code == 0
    made.approve()
    done = study(run, "run", *ASSETS, "--json")
    assert done.code == 0, done.err
    assert {one["name"]: one["rounds"] for one in done.document["sites"]}["hospital-b"] == 0
    assert made.charged("hospital-b") == 1


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("clip = 10", "clip = 9.99", "Write clip = 10 or more"),
        ("steps = 1", "steps = 2", "steps = 1"),
        ("sampling_rate = 1", "sampling_rate = 0.9", "sampling_rate = 1"),
        ("count = 1", "count = 2", "count = 1"),
        ("parameters = 100", "parameters = 99", "parameters = 100"),
        ('"tabular"', '"recommender"', "images, own-code, tabular, text"),
        ("reach = 150", "reach = 147", "reach = 148"),
        ('["false", "true"]', '["false"]', "two classes or more"),
        ('ill = "boolean"\n', "", "lack 'ill'"),
        ('"public.csv"', '"../public.csv"', "folder of assets"),
    ],
)
def test_what_is_wrong_is_named_before_anybody_is_asked(
    run: Run, made: StudyDesks, tmp_path: Path, old: str, new: str, said: str
) -> None:
    written(tmp_path, old, new)
    filed = study(run, "submit")
    assert filed.code == 2
    assert said in filed.err
    assert all(site.filed == 0 for site in made.sites.values())


def test_public_records_that_are_others_stop_the_run_before_a_site_is_asked(
    run: Run, made: StudyDesks, tmp_path: Path
) -> None:
    assert study(run, "submit").code == 0
    made.approve()
    assert "public.csv are in no folder" in study(run, "run").err
    (tmp_path / FILE).write_text((tmp_path / FILE).read_text() + "30,f\n")
    other = study(run, "run", *ASSETS)
    assert "error[asset-mismatch]" in other.err
    assert "Write digest = " in other.err
    assert [made.charged(name) for name in SITES] == [0] * 3


def test_a_vote_is_tried_on_a_mock(run: Run, tmp_path: Path) -> None:
    fusion = a_fusion(tmp_path)
    text = STUDY.format(file=FILE, digest=fusion.digest, noise="1.8")
    text = text.replace('"ill"', '"readmitted"').replace("\nill = ", "\nreadmitted = ")
    text = text.replace("sex:f|m", "sex:f|m|*")
    (tmp_path / "study.toml").write_text(text)
    data = ("--data", str(ROOT / "sites/hospital-a/dataset.toml"), *ASSETS)
    tried = run("study", "try", "study.toml", *data, "--json")
    assert tried.code == 0, tried.err
    said = tried.document
    assert said["self_test"]["engine"] == "teachers"
    assert float(said["self_test"]["largest_removal"]) <= 1
    assert set(said["before"]) == set(said["after"]) > {"accuracy", "auc"}
    assert said["released"] is None
    (tmp_path / FILE).write_text((tmp_path / FILE).read_text() + "30,f\n")
    other = run("study", "try", "study.toml", *data)
    assert other.code != 0
    assert "Write digest = " in other.err
