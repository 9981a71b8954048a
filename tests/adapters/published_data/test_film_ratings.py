"""Film ratings as platforms hold them: a user is on one platform, and what is held out on none."""

import csv
from pathlib import Path

import pytest

from securefed.adapters.published_data.film_ratings import (
    OF_A_USER,
    PLATFORMS,
    Rating,
    parts,
    write_film_ratings,
)
from securefed.adapters.published_data.part import RECORD
from securefed.config import load_card
from securefed.errors import DataUnreadable


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Twelve users who rated ten films each."""
    folder = tmp_path / "films"
    folder.mkdir()
    films = "".join(f"{number},Film {number},Drama\n" for number in range(1, 11))
    (folder / "movies.csv").write_text(f"movieId,title,genres\n{films}", encoding="utf-8")
    lines = [f"{user},{film},{film / 2},0\n" for user in range(1, 13) for film in range(1, 11)]
    text = "userId,movieId,rating,timestamp\n" + "".join(lines)
    (folder / "ratings.csv").write_text(text, encoding="utf-8")
    return folder


def _places(tmp_path: Path) -> tuple[Path, Path]:
    data, assets = tmp_path / "data", tmp_path / "assets"
    data.mkdir()
    assets.mkdir()
    return data, assets


def _rows(folder: Path, name: str) -> list[tuple[str, ...]]:
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return [tuple(row) for row in csv.reader(file)][1:]


def test_every_rating_is_in_one_part_and_every_user_on_one_platform(
    source: Path, tmp_path: Path
) -> None:
    data, assets = _places(tmp_path)
    write_film_ratings(source, data, assets)
    found = {name: _rows(data, name) for name in ("test", *PLATFORMS)}
    everything = [row for rows in found.values() for row in rows]
    assert len(everything) == len(set(everything)) == 120
    assert len(found["test"]) == 12
    users = [{row[0] for row in found[name]} for name in PLATFORMS]
    assert sum(map(len, users)) == len(set.union(*users)) == 12
    assert all(len(one) == 4 for one in users)


def test_users_are_the_unit_and_held_out_ratings_count_by_themselves(
    source: Path, tmp_path: Path
) -> None:
    data, assets = _places(tmp_path)
    write_film_ratings(source, data, assets)
    assert load_card(data / "platform-a.toml").unit == OF_A_USER
    assert load_card(data / "test.toml").unit == RECORD


def test_the_mock_rates_films_of_the_catalogue_and_nobody_is_in_it(
    source: Path, tmp_path: Path
) -> None:
    data, assets = _places(tmp_path)
    write_film_ratings(source, data, assets)
    rows = _rows(data, "mock")
    assert len(rows) == 200
    assert {film for _, film, _ in rows} <= {str(one) for one in range(1, 11)}
    assert all(user.startswith("user-") for user, _, _ in rows)
    assert load_card(data / "platform-b.toml").mock == data / "mock.csv"


def test_the_catalogue_is_all_films_whoever_rated_them(source: Path, tmp_path: Path) -> None:
    data, assets = _places(tmp_path)
    (source / "ratings.csv").write_text("userId,movieId,rating,timestamp\n1,3,4.0,0\n", "utf-8")
    write_film_ratings(source, data, assets)
    assert (assets / "films.txt").read_text("utf-8").split() == [str(one) for one in range(1, 11)]


def test_the_split_is_the_same_every_time() -> None:
    ratings = [
        Rating(user=str(user), film=str(film), stars=3.0) for user in range(9) for film in range(9)
    ]
    assert parts(ratings) == parts(ratings)


def test_a_line_with_another_number_of_columns_is_refused(source: Path, tmp_path: Path) -> None:
    with (source / "ratings.csv").open("a", encoding="utf-8") as file:
        file.write("1,2\n")
    with pytest.raises(DataUnreadable, match="Line 122"):
        write_film_ratings(source, *_places(tmp_path))
