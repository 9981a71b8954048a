"""What a frozen encoder makes of texts stays in memory between the rounds of one run."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from torch import Tensor

from securefed.adapters.opacus_training.round_in_walls import Folders, RoundsInWalls
from securefed.domain.canonical import digest_of
from securefed.domain.identifiers import Name
from securefed.domain.run_order import OWN_CODE, UPDATE, RunOrder
from securefed.domain.site import ColumnType
from securefed.domain.study import OWN_CODE_KIND, Model
from securefed.recipes.frozen import Features
from tests.adapters.opacus_training.plain import CountingGate
from tests.adapters.ordered import an_order, people, row_of
from tests.recipes.stated import stated

CODE = digest_of("code", b"")
TEXTS = 40
GREEDY = """
import torch
class Greedy(torch.nn.Linear):
    def remember_in(self, memory): raise RuntimeError("own code was given the memory")
def model(): return Greedy(1, 1)
def collate(records):
    ages = [float(age) for age in records.columns["age"]]
    return {"x": (torch.tensor(ages).unsqueeze(1) - 55) / 20}
def losses(model, batch): return model(batch["x"]).squeeze(1).square()
def mock(records, seed): return {"age": [20 + 7 * i % 70 for i in range(records)]}
"""


@pytest.fixture
def rounds() -> Iterator[RoundsInWalls]:
    rounds = RoundsInWalls(CODE, lambda: CODE)
    yield rounds
    rounds.close()


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many texts were encoded anew, each time that a model was asked."""
    found: list[int] = []
    add = Features.add

    def counted(self: Features, features: Mapping[bytes, Tensor]) -> None:
        found.append(len(features))
        add(self, features)

    monkeypatch.setattr(Features, "add", counted)
    return found


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    folders = Folders(given=tmp_path / "in", made=tmp_path / "out")
    folders.given.mkdir()
    folders.made.mkdir()
    return folders


@pytest.fixture
def order(tmp_path: Path) -> RunOrder:
    """Texts for a head on the small encoder."""
    data = tmp_path / "texts.csv"
    data.write_text("text,label\n" + "".join(f"word{i} {i},{i % 2}\n" for i in range(TEXTS)))
    types = {"text": ColumnType.TEXT, "label": ColumnType.CATEGORY}
    recipe = stated("text", {"train": "head", "pooling": "mean"})
    model = Model(family=Name("bert-classifier"), parameters=66)
    return replace(an_order(data, types), recipe=recipe, model=model)


def test_a_text_is_encoded_in_the_first_round_alone(
    rounds: RoundsInWalls, order: RunOrder, folders: Folders, fresh: list[int]
) -> None:
    updates, encoded = [], []
    for _ in range(2):
        rounds.run(order.text(), folders, CountingGate())
        updates.append(row_of((folders.made / UPDATE).read_bytes()))
        encoded.append(sum(fresh))
        fresh.clear()
    # What the self-test makes up is new each time, and less.
    assert encoded[0] >= TEXTS
    assert encoded[1] < TEXTS / 2
    assert updates[0] == pytest.approx(updates[1], abs=1e-6)


def test_another_run_knows_nothing_of_it(
    rounds: RoundsInWalls, order: RunOrder, folders: Folders, fresh: list[int]
) -> None:
    rounds.run(order.text(), folders, CountingGate())
    fresh.clear()
    other = RoundsInWalls(CODE, lambda: CODE)
    other.run(order.text(), folders, CountingGate())
    other.close()
    assert sum(fresh) >= TEXTS


def test_own_code_is_not_given_the_memory(
    rounds: RoundsInWalls, folders: Folders, tmp_path: Path
) -> None:
    (folders.given / OWN_CODE).write_text(GREEDY)
    recipe = stated("own-code", {"columns": "age"})
    own = replace(recipe, own_code=digest_of(OWN_CODE_KIND, GREEDY.encode()))
    order = replace(
        an_order(people(tmp_path)),
        recipe=own,
        model=Model(family=Name("own-code"), parameters=2),
        given=(OWN_CODE,),
    )
    rounds.run(order.text(), folders, CountingGate())
    assert (folders.made / UPDATE).exists()
