"""MovieLens latest-small: ratings of films by 610 users, whose users live on three platforms.

Users are split by chance and stay where they are; the list of films is public and every platform
has the same. A tenth of the ratings is held out, drawn over all users. Its users are those of the
platforms: a user's held-out ratings are foretold from that user's other ones, which a platform has.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from securefed.adapters.published_data.origin import Origin
from securefed.adapters.published_data.part import RECORD, TEST, Described, column, write_part
from securefed.domain.identifiers import DatasetId
from securefed.domain.privacy import PrivacyUnit
from securefed.domain.site import ColumnType
from securefed.errors import DataUnreadable, StorageFailed
from securefed.recipes.recommender.items import Items
from securefed.recipes.recommender.mock import mock_ratings
from securefed.recipes.recommender.settings import RecommenderSettings

ORIGIN: Final = Origin(
    title="The MovieLens ratings (ml-latest-small, 2018)",
    folder="ml-latest-small",
    source="https://grouplens.org/datasets/movielens (Harper and Konstan 2015)",
    licence="GroupLens research licence, in its README.txt: no commercial use without permission",
    files={
        "ratings.csv": "aa289ca83157595d0df6aea1be6a4ded676ddc4385472e8313a8ed9805352646",
        "movies.csv": "5a5f32dd9bb3797b8e728a1b98958789d2b13f294a69fdfbc5727f8a9611aa07",
    },
)
PLATFORMS: Final = ("platform-a", "platform-b", "platform-c")
CATALOGUE: Final = "films.txt"
USER, ITEM, RATING = "user", "film", "rating"
# Half of the users have fewer ratings; of the others as many are drawn anew in each step.
OF_A_USER: Final = PrivacyUnit(column=USER, bound=100)
_HELD_OUT_OF: Final = 10
# The first draws the held-out tenth, as the reference figures do; the second draws platforms.
_SEED, _PLATFORM_SEED = 0, 1
_MOCK: Final = "mock.csv"
_MOCK_RECORDS: Final = 200
_COLUMNS: Final = (
    column(USER, ColumnType.IDENTIFIER, "Pseudonym of who rated"),
    column(ITEM, ColumnType.IDENTIFIER, "The film's number in the public catalogue"),
    column(RATING, ColumnType.DECIMAL, "Stars, from 0.5 to 5"),
)


@dataclass(frozen=True, kw_only=True)
class Rating:
    """Who rated which film how."""

    user: str
    film: str
    stars: float


def write_film_ratings(
    source: Path, folder: Path, assets: Path, unit: PrivacyUnit = OF_A_USER
) -> None:
    """Writes each platform's ratings, the held-out ones, and the catalogue among the assets."""
    films = [row["movieId"] for row in _rows(source / "movies.csv")]
    try:
        (assets / CATALOGUE).write_text("".join(f"{one}\n" for one in films), encoding="utf-8")
    except OSError as error:
        raise StorageFailed(f"Cannot write: {error.strerror}", where=str(assets)) from error
    _write_mock(folder / _MOCK, films)
    for name, ratings in parts(_ratings(source / "ratings.csv")).items():
        described = Described(
            dataset=DatasetId("ratings"),
            origin="MovieLens latest-small; the split over platforms is made up",
            licence=ORIGIN.licence,
            purposes=("recommending",),
            columns=_COLUMNS,
            unit=RECORD if name == TEST else unit,
            mock=_MOCK,
        )
        rows = ([one.user, one.film, one.stars] for one in ratings)
        write_part(folder, name, f"Film ratings, {name}", described, rows)


def parts(ratings: Sequence[Rating]) -> dict[str, list[Rating]]:
    """The ratings of each part."""
    order = np.random.default_rng(_SEED).permutation(len(ratings)).tolist()
    border = len(ratings) // _HELD_OUT_OF
    users = sorted({one.user for one in ratings})
    drawn = np.random.default_rng(_PLATFORM_SEED).permutation(len(users)).tolist()
    lives_on = {users[at]: PLATFORMS[place % len(PLATFORMS)] for place, at in enumerate(drawn)}
    found: dict[str, list[Rating]] = {name: [] for name in (TEST, *PLATFORMS)}
    found[TEST] = [ratings[at] for at in order[:border]]
    for at in sorted(order[border:]):
        found[lives_on[ratings[at].user]].append(ratings[at])
    return found


def _write_mock(path: Path, films: Sequence[str]) -> None:
    """Made-up ratings of films that are in the catalogue."""
    settings = RecommenderSettings(
        user_column=USER,
        item_column=ITEM,
        rating_column=RATING,
        items=len(films),
        lowest=0.5,
        highest=5.0,
    )
    items = Items(count=len(films), places={film: at for at, film in enumerate(films)})
    made = mock_ratings(settings, items, _MOCK_RECORDS, _SEED, path.parent)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([USER, ITEM, RATING])
        writer.writerows(zip(*(made.columns[name] for name in (USER, ITEM, RATING)), strict=True))


def _ratings(path: Path) -> list[Rating]:
    return [
        Rating(user=row["userId"], film=row["movieId"], stars=float(row["rating"]))
        for row in _rows(path)
    ]


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            if None in row or None in row.values():
                raise DataUnreadable(f"Line {number}: another number of columns", where=str(path))
            yield row
