"""Every file in `bad/` is refused for the one reason that it states.

A file is a good one with one mistake. Its name is the path of the key (and a word after `~` where
one key has several), its first line is what the error must say of it.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from securefed.config import load_card, load_policy, load_site, load_study
from securefed.errors import ConfigInvalid

HERE = Path(__file__).parent
LOADERS: dict[str, Callable[[Path], object]] = {
    "study": load_study,
    "policy": load_policy,
    "dataset": load_card,
    "site": load_site,
}
BAD = sorted((HERE / "bad").rglob("*.toml"))


@pytest.mark.parametrize("path", BAD, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_bad_file_is_refused_for_the_reason_it_states(path: Path) -> None:
    key = path.stem.partition("~")[0]
    reason = path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
    with pytest.raises(ConfigInvalid) as caught:
        LOADERS[path.parent.name](path)
    place, _, said = caught.value.what.partition(": ")
    assert said == reason
    assert place == key or (place.startswith(f"{key}.") and path.stem != key)
    assert caught.value.where == str(path)


@pytest.mark.parametrize("kind", LOADERS)
def test_the_good_file_that_the_bad_ones_differ_from_loads(kind: str) -> None:
    assert LOADERS[kind](HERE / "good" / f"{kind}.toml")


@pytest.mark.parametrize("kind", LOADERS)
def test_every_kind_of_file_has_bad_ones(kind: str) -> None:
    assert len([path for path in BAD if path.parent.name == kind]) >= 3


def test_all_problems_are_named_at_once(tmp_path: Path) -> None:
    text = (HERE / "good" / "study.toml").read_text(encoding="utf-8")
    path = tmp_path / "study.toml"
    text = text.replace("clip = 1.0", 'clip = "1.0"\nclp = 2').replace("count = 5", "count = false")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigInvalid) as caught:
        load_study(path)
    keys = [line.partition(": ")[0] for line in caught.value.what.splitlines()]
    assert keys == ["rounds.count", "privacy.clip", "privacy.clp"]


def test_problems_beyond_a_hundred_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    lines = [f"key-{number} = 1" for number in range(150)]
    path.write_text("\n".join([*lines, "[site]\nname = 'a'\ntitle = 'A'\n"]), encoding="utf-8")
    with pytest.raises(ConfigInvalid) as caught:
        load_site(path)
    assert len(caught.value.what.splitlines()) == 101
    assert caught.value.what.endswith("and 50 more")
