"""A study file means the same however it is written, and its text stays text."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from securefed.config import load_study, study_template
from securefed.domain.canonical import digest_of
from securefed.domain.combining import Combining, EarlyStop, plain_combining
from securefed.domain.early_stopping import Aim, StoppingRule
from securefed.domain.identifiers import Line, StudyId
from securefed.domain.privacy import DpSgd, GaussianRelease, Sampling
from securefed.domain.records import from_bytes, to_bytes
from securefed.domain.schedule import Constant, Schedule, Steps
from securefed.domain.server_rule import FedAdagrad, FedAdam, FedAvg, FedYogi, ServerMomentum
from securefed.domain.study import Parameter, Study, Suite
from securefed.errors import TextInvalid

DATASET = 'dataset = "admissions"\n'
GOOD = (Path(__file__).parent / "good" / "study.toml").read_text(encoding="utf-8")


def written(folder: Path, text: str) -> Path:
    path = folder / "study.toml"
    path.write_text(text, encoding="utf-8")
    return path


def study_of(folder: Path, old: str = "", new: str = "") -> Study:
    assert old in GOOD
    return load_study(written(folder, GOOD.replace(old, new, 1)))


def test_a_study_is_resolved(tmp_path: Path) -> None:
    study = study_of(tmp_path)
    assert (study.rounds, study.spare_attempts, study.valid_days) == (5, 0, 7)
    assert study.sealing.suite is Suite.BFV_MASK
    assert [part.site for part in study.participants] == ["hospital-a", "hospital-b"]
    part = study.participants[0]
    assert part.training == DpSgd(
        noise_multiplier=Decimal("2.0"),
        sampling_rate=Decimal("0.05"),
        sampling=Sampling.POISSON,
        steps=16,
        clip=Decimal("1.0"),
    )
    assert part.metrics == GaussianRelease(noise_multiplier=Decimal(30), releases=1)


def test_a_site_may_replace_every_key_for_itself(tmp_path: Path) -> None:
    own = """[sites.hospital-b]
noise_multiplier = 3
sampling_rate = 1e-2
steps = 4
clip = 0.5
sampling = "shuffle"
metrics = { noise_multiplier = 9.5, releases = 2 }
"""
    first, second = study_of(tmp_path, "[sites.hospital-b]\n", own).participants
    assert first == study_of(tmp_path).participants[0]
    assert second.training == DpSgd(
        noise_multiplier=Decimal(3),
        sampling_rate=Decimal("0.01"),
        sampling=Sampling.SHUFFLE,
        steps=4,
        clip=Decimal("0.5"),
    )
    assert second.metrics == GaussianRelease(noise_multiplier=Decimal("9.5"), releases=2)


def test_a_study_without_metrics_releases_none(tmp_path: Path) -> None:
    table = "[privacy.metrics]\nnoise_multiplier = 30.0\nreleases = 1\nnumbers = 24\n"
    assert {part.metrics for part in study_of(tmp_path, table).participants} == {None}


def test_metrics_are_summed_wherever_updates_are_sealed(tmp_path: Path) -> None:
    assert study_of(tmp_path).sealing.tally == 24
    shown = study_of(tmp_path, "numbers = 24\n", 'shown = "site"\n')
    assert shown.sealing.tally == 0
    clear = GOOD.replace("numbers = 24\n", "").replace('suite = "bfv+mask"', 'suite = "none"')
    assert load_study(written(tmp_path, clear)).sealing.tally == 0
    assert {part.metrics is None for part in shown.participants} == {False}


def test_the_order_of_sites_and_parameters_changes_no_digest(tmp_path: Path) -> None:
    head, _, tail = GOOD.partition("[sites.hospital-a]\n")
    first, _, second = tail.partition("[sites.hospital-b]\n")
    turned = f"{head}[sites.hospital-b]\n{second}[sites.hospital-a]\n{first}"
    parameters = 'target = "readmitted"\n', 'alpha = 1\ntarget = "readmitted"\n'
    turned_parameters = 'target = "readmitted"\nalpha = 1\n'
    one = load_study(written(tmp_path, GOOD.replace(*parameters)))
    other = load_study(written(tmp_path, turned.replace(parameters[0], turned_parameters)))
    assert to_bytes(one) == to_bytes(other)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0.10", "0.1"),
        ("1e-3", "0.001"),
        ("12", "12"),
        ("true", "true"),
        ("-3", "-3"),
        ('"1e-5"', "1e-5"),
    ],
)
def test_a_parameter_is_signed_as_text(value: str, text: str, tmp_path: Path) -> None:
    study = study_of(tmp_path, 'target = "readmitted"', f"rate = {value}")
    assert study.recipe.parameters == (Parameter(name=Line("rate"), value=Line(text)),)


def test_a_title_with_a_script_is_text(tmp_path: Path) -> None:
    script = "<script>alert(1)</script>"
    study = study_of(tmp_path, "Readmission within 30 days", script)
    assert study.title == script
    assert from_bytes(Study, to_bytes(study)) == study


def test_own_code_is_named_by_its_digest(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_bytes(b"print(1)\n")
    brings = 'version = "1.0.0"', 'version = "1.0.0"\nown_code = "model.py"'
    study = study_of(tmp_path, *brings)
    assert study.recipe.own_code == digest_of("own-code", b"print(1)\n")
    (tmp_path / "model.py").write_bytes(b"print(2)\n")
    assert study_of(tmp_path, *brings).recipe.own_code != study.recipe.own_code


def visible(text: str) -> bool:
    try:
        return bool(Line(text))
    except TextInvalid:
        return False


@given(title=some.text(min_size=1, max_size=60).filter(visible))
def test_a_template_carries_any_title(tmp_path_factory: pytest.TempPathFactory, title: str) -> None:
    folder = tmp_path_factory.getbasetemp()
    text = study_template(StudyId("any"), Line(title))
    assert load_study(written(folder, text)).title == title


@given(
    noise=some.decimals(min_value="0.01", max_value=100, places=6),
    rate=some.decimals(min_value="0.000001", max_value=1, places=6),
    rounds=some.integers(min_value=1, max_value=1000),
)
def test_numbers_arrive_exactly(
    tmp_path_factory: pytest.TempPathFactory, noise: Decimal, rate: Decimal, rounds: int
) -> None:
    text = GOOD.replace("noise_multiplier = 2.0", f"noise_multiplier = {noise}", 1)
    text = text.replace("sampling_rate = 0.05", f"sampling_rate = {rate:f}")
    text = text.replace("count = 5", f"count = {rounds}")
    study = load_study(written(tmp_path_factory.getbasetemp(), text))
    training = study.participants[0].training
    assert (training.noise_multiplier, training.sampling_rate) == (noise, rate)
    assert study.rounds == rounds


def test_a_study_that_says_nothing_takes_the_mean_of_all_models(tmp_path: Path) -> None:
    assert study_of(tmp_path).combining == plain_combining()


def test_a_study_says_how_its_rounds_are_combined(tmp_path: Path) -> None:
    said = """[combining]
rule = "yogi"
rate = 0.05
beta1 = 0
proximal = 0.01
sites_per_round = 2

[combining.schedule]
course = "steps"
final = 0.1
times = 3
warm_up = 2

[combining.stop]
metric = "auc"
patience = 4
window = 2
margin = 0.01

[sealing]
"""
    assert study_of(tmp_path, "[sealing]\n", said).combining == Combining(
        rule=FedYogi(
            rate=Decimal("0.05"), beta1=Decimal(0), beta2=Decimal("0.99"), tau=Decimal("0.001")
        ),
        schedule=Schedule(course=Steps(final=Decimal("0.1"), times=3), warm_up=2),
        site_schedule=Schedule(course=Constant(), warm_up=0),
        proximal=Decimal("0.01"),
        control=False,
        sites_per_round=2,
        stop=EarlyStop(
            metric=Line("auc"),
            rule=StoppingRule(aim=Aim.HIGHER, patience=4, window=2, margin=Decimal("0.01")),
        ),
    )


@pytest.mark.parametrize(
    ("rule", "kind"),
    [("fedavg", FedAvg), ("momentum", ServerMomentum), ("adagrad", FedAdagrad), ("adam", FedAdam)],
)
def test_each_rule_has_the_numbers_of_its_paper(tmp_path: Path, rule: str, kind: type) -> None:
    said = f'[combining]\nrule = "{rule}"\nrate = 0.5\n[sealing]\n'
    found = study_of(tmp_path, "[sealing]\n", said).combining.rule
    assert (type(found), found.rate) == (kind, Decimal("0.5"))
    if isinstance(found, FedAdagrad):
        assert found.beta1 == 0


def test_a_study_asks_for_control_variates_and_a_rate_that_falls_at_the_sites(
    tmp_path: Path,
) -> None:
    said = """[combining]
control = true
[combining.site_schedule]
course = "cosine"
final = 0.1
[sealing]
"""
    found = study_of(tmp_path, "[sealing]\n", said).combining
    assert found.control
    assert found.schedule == plain_combining().schedule
    factors = [found.site_factor(number, 5) for number in range(1, 6)]
    assert factors == sorted(factors, reverse=True)
    assert (factors[0], factors[2], factors[4]) == (Decimal(1), Decimal("0.55"), Decimal("0.1"))


def test_epochs_are_exactly_so_many_steps(tmp_path: Path) -> None:
    """0.3 over 0.1 is no 3 in floating point."""
    shared = 'sampling_rate = 0.1\nlocal_epochs = 0.3\nsampling = "poisson"'
    text = GOOD.replace("sampling_rate = 0.05\n", "").replace("steps = 16", shared)
    own = 'dataset = "admissions"\nsampling_rate = 0.02\n'
    head, _, tail = text.partition("[sites.hospital-b]\n")
    text = f"{head}[sites.hospital-b]\n{tail.replace(DATASET, own, 1)}"
    parts = load_study(written(tmp_path, text)).participants
    assert [one.training.steps for one in parts] == [3, 15]
    stated = text.replace(own, f"{own}steps = 7\n")
    assert load_study(written(tmp_path, stated)).participants[1].training.steps == 7
    longer = text.replace(own, f"{own}local_epochs = 2\n")
    assert load_study(written(tmp_path, longer)).participants[1].training.steps == 100


def test_the_example_of_the_page_is_one(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "combining.md").read_text(encoding="utf-8")
    example = page.partition("```toml\n")[2].partition("```")[0]
    found = study_of(tmp_path, "[sealing]\n", f"{example}\n[sealing]\n").combining
    assert isinstance(found.rule, FedAdam)
    assert found.stop is not None
