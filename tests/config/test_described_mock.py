"""What a dataset's description says for a mock that the site makes up, and of files beside it."""

from decimal import Decimal
from pathlib import Path

from securefed.config import CardDraft, load_card

GOOD = (Path(__file__).parent / "good" / "dataset.toml").read_text(encoding="utf-8")


def loaded(folder: Path, **changes: str) -> CardDraft:
    text = GOOD
    for before, after in changes.items():
        assert before in text
        text = text.replace(before, after)
    path = folder / "dataset.toml"
    path.write_text(text, encoding="utf-8")
    return load_card(path)


def test_without_a_mock_one_is_described(tmp_path: Path) -> None:
    draft = loaded(
        tmp_path,
        **{
            'mock = "mock.csv"\n': "mock_records = 30\n",
            '"Age in years"': '"Age in years"\nrange = [18, 110.0]',
            '"Pseudonym"': '"Pseudonym"\nvalues = ["a", "b"]',
        },
    )
    plan = draft.mock_plan
    assert (draft.mock, plan.records, plan.unit) == (None, 30, draft.unit)
    assert tuple(one.column for one in plan.columns) == draft.columns
    assert [one.values for one in plan.columns] == [("a", "b"), ()]
    assert [one.range for one in plan.columns] == [None, (Decimal(18), Decimal(110))]


def test_the_owners_own_mock_stays(tmp_path: Path) -> None:
    draft = loaded(tmp_path)
    assert draft.mock == tmp_path / "mock.csv"
    assert draft.mock_plan.records == 200
    assert draft.folders == ()


def test_ranges_and_values_are_on_no_card(tmp_path: Path) -> None:
    plain = loaded(tmp_path)
    said = loaded(tmp_path, **{'"Age in years"': '"Age in years"\nrange = [18, 110]'})
    assert said.columns == plain.columns
    assert said.mock_plan.digest != plain.mock_plan.digest


def test_folders_lie_below_the_index(tmp_path: Path) -> None:
    index = "".join(
        f'\n[[columns]]\nname = "{name}"\ntype = "text"\nmeaning = "Of a scan"\n'
        for name in ("file", "sha256")
    )
    draft = loaded(
        tmp_path,
        **{
            '"data.csv"': '"scans/index.csv"\nfolders = ["benign", "."]',
            '"Age in years"\n': f'"Age in years"\n{index}',
        },
    )
    assert draft.folders == (tmp_path / "scans" / "benign", tmp_path / "scans")
