"""Recipes that mix, move or explode do not reach a record; those that are sound do."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from securefed.adapters.opacus_training.mechanism import Numbers
from securefed.adapters.opacus_training.self_test import Claim, Proof, proven_module
from securefed.adapters.opacus_training.training import train
from securefed.errors import (
    LossUnusable,
    SecurefedError,
    SelfTestFailed,
    TrainingFailed,
    UnsupportedLayer,
)
from securefed.recipes.recipe import Batch, Forward
from securefed.recipes.records import Records
from tests.adapters.opacus_training.plain import (
    WIDTH,
    CountingGate,
    PlainRecipe,
    flat,
    made_up,
    mechanism,
    plain_run,
    with_cells,
)

pytestmark = pytest.mark.slow


def prove(
    recipe: PlainRecipe, bound: int = 1, clip: str = "1", model: nn.Module | None = None
) -> Proof:
    model = (recipe.model() if model is None else model).train()
    numbers = Numbers.of(mechanism(1, clip=clip), 100, model)
    claim = Claim(
        recipe=recipe,
        clip=numbers.clip,
        noise=numbers.step_noise(),
        deviation=numbers.deviation,
        bound=bound,
        device=torch.device("cpu"),
    )
    module, proof = proven_module(claim, model)
    module.detach()
    return proof


class Built(PlainRecipe):
    """A plain recipe with a model of its own."""

    def __init__(self, build: Callable[[], nn.Module], **settings: object) -> None:
        super().__init__(**settings)
        self._build = build

    def model(self) -> nn.Module:
        return self._build()


class Changed(PlainRecipe):
    """A plain recipe whose losses are made into something else."""

    def __init__(self, change: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self._change = change

    def losses(self, model: Forward, batch: Batch) -> Tensor:
        return self._change(super().losses(model, batch))


class Centred(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(WIDTH, 3), nn.Linear(3, 1)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.first(x)
        return self.last(torch.tanh(hidden - hidden.mean(0)))


class Negatives(PlainRecipe):
    """Each record against all others of its batch, as two-tower models are often trained."""

    def model(self) -> nn.Module:
        return nn.Linear(WIDTH, WIDTH)

    def losses(self, model: Forward, batch: Batch) -> Tensor:
        scores = model(batch["x"]) @ batch["x"].T
        return functional.cross_entropy(scores, torch.arange(len(scores)), reduction="none")


class CollatedTogether(PlainRecipe):
    """Standardises its inputs by the batch that they come in."""

    def collate(self, records: Records) -> Batch:
        batch = dict(super().collate(records))
        x = batch["x"]
        return batch | {"x": (x - x.mean(0)) / (x.std(0, correction=0) + 1)}


def normed() -> nn.Sequential:
    return nn.Sequential(nn.Linear(WIDTH, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))


def normed_evaluating() -> nn.Module:
    model = normed()
    model[1].eval()
    return model


class FunctionalNorm(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(WIDTH, 3), nn.Linear(3, 1)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.first(x)
        spread = (hidden - hidden.mean(0)).square().mean(0)
        return self.last((hidden - hidden.mean(0)) / (spread + 1e-5).sqrt())


class Positions(nn.Module):
    """Positions of shape [T, D] meet records wherever the batch is as large as T."""

    def __init__(self) -> None:
        super().__init__()
        self.place = nn.Parameter(torch.randn(3, WIDTH))
        self.last = nn.Linear(WIDTH, 1)

    def forward(self, x: Tensor) -> Tensor:
        rows = self.place if len(x) == 3 else self.place.mean(0, keepdim=True)
        return self.last(x * rows)


class LookedUp(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(3, WIDTH)
        self.last = nn.Linear(WIDTH, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(x * self.table(torch.arange(len(x)) % 3).mean(0))


MIXING: Mapping[str, tuple[PlainRecipe, type[SecurefedError]]] = {
    "a mean over the batch in the model": (Built(Centred), SelfTestFailed),
    "in-batch negatives": (Negatives(), SelfTestFailed),
    "statistics of the batch in collate": (CollatedTogether(), SelfTestFailed),
    "batch normalisation": (Built(normed), UnsupportedLayer),
    "batch normalisation, evaluating": (Built(normed_evaluating), UnsupportedLayer),
    "batch normalisation by hand": (Built(FunctionalNorm), SelfTestFailed),
    "positions by number of record": (Built(LookedUp), SelfTestFailed),
    "a loss divided by the batch": (Changed(lambda one: one / len(one)), SelfTestFailed),
    "a loss times the batch": (Changed(lambda one: one * len(one)), SelfTestFailed),
    "a loss weighed by the others": (
        Changed(lambda one: one * one.detach() / one.detach().sum()),
        SelfTestFailed,
    ),
    "a running sum": (Changed(lambda one: one.cumsum(0)), SelfTestFailed),
    "ranks within the batch": (
        Changed(lambda one: one * one.detach().argsort().argsort()),
        SelfTestFailed,
    ),
    "the mean loss": (Changed(lambda one: one.mean()), LossUnusable),
    "a column of losses": (Changed(lambda one: one.unsqueeze(1)), LossUnusable),
}


@pytest.mark.parametrize("bound", [1, 2, 5])
@pytest.mark.parametrize("name", MIXING)
def test_a_recipe_that_mixes_records_does_not_run(name: str, bound: int) -> None:
    recipe, error = MIXING[name]
    with pytest.raises(error):
        prove(recipe, bound)


@pytest.mark.parametrize("bound", [1, 3])
def test_positions_that_meet_records_do_not_run(bound: int) -> None:
    with pytest.raises(UnsupportedLayer):
        prove(Built(Positions), bound)


@pytest.mark.parametrize("clip", ["1e-6", "1", "1e6"])
def test_mixing_shows_whatever_the_clip(clip: str) -> None:
    for recipe in (Changed(lambda one: one / len(one)), Built(Centred), Negatives()):
        with pytest.raises(SelfTestFailed):
            prove(recipe, 1, clip)


class Padded(PlainRecipe):
    """Counts the rows that only fill, and so tells units with fewer records from others."""

    def losses(self, model: Forward, batch: Batch) -> Tensor:
        return super().losses(model, batch) * (1 + (batch["weight"] == 0).sum())


def test_a_loss_that_depends_on_the_rows_that_fill_does_not_run() -> None:
    with pytest.raises(SelfTestFailed):
        prove(Padded(), bound=2)


class Recording(nn.Module):
    """Keeps what it saw where the weights are."""

    seen: Tensor

    def __init__(self, kept: nn.Parameter | None) -> None:
        super().__init__()
        self.line = nn.Linear(WIDTH, 1)
        if kept is None:
            self.register_buffer("seen", torch.zeros(WIDTH))
        else:
            self.seen = kept

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            self.seen.add_(x[0])
        return self.line(x)


class Growing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.line = nn.Linear(WIDTH, 1)

    def forward(self, x: Tensor) -> Tensor:
        self.register_buffer(f"seen{len(self._buffers)}", x[0].clone())
        return self.line(x)


class Idle(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.line, self.idle = nn.Linear(WIDTH, 1), nn.Linear(WIDTH, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.line(x)


def dead() -> nn.Module:
    model = nn.Sequential(nn.Linear(WIDTH, 3), nn.ReLU(), nn.Linear(3, 1))
    nn.init.zeros_(model[2].weight)
    return nn.Sequential(model, nn.Threshold(1e9, 0.0))


class Outside(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.line = nn.Linear(WIDTH, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.line(x) + 10 * (x @ self.line.weight.T)


STILL: Mapping[str, tuple[PlainRecipe, type[SecurefedError], str]] = {
    "a buffer that records": (Built(lambda: Recording(None)), SelfTestFailed, "neither"),
    "a frozen parameter that records": (
        Built(lambda: Recording(nn.Parameter(torch.zeros(WIDTH), requires_grad=False))),
        SelfTestFailed,
        "neither",
    ),
    "a buffer more": (Built(Growing), SelfTestFailed, "adds or removes"),
    "a trained parameter that nothing uses": (Built(Idle), UnsupportedLayer, "no part"),
    "a model without gradients": (Built(dead), SelfTestFailed, "zero or not finite"),
    "losses that explode": (Changed(lambda one: one * float("inf")), SelfTestFailed, "finite"),
    "losses that are no number": (
        Changed(lambda one: one * float("nan")),
        SelfTestFailed,
        "finite",
    ),
    "a weight outside its layer": (Built(Outside), UnsupportedLayer, "outside"),
}


@pytest.mark.parametrize("name", STILL)
def test_a_model_that_moves_wrongly_does_not_run(name: str) -> None:
    recipe, error, word = STILL[name]
    with pytest.raises(error, match=word):
        prove(recipe)


class Poisoned(PlainRecipe):
    def mock(self, records: int, seed: int, folder: Path) -> Records:
        return with_cells(made_up(records, seed, folder), "x0", {records - 1: float("inf")})


def test_a_mock_that_is_not_finite_shows_nothing_and_is_refused() -> None:
    with pytest.raises(SelfTestFailed, match="finite"):
        prove(Poisoned())


class Short(PlainRecipe):
    def mock(self, records: int, seed: int, folder: Path) -> Records:
        return made_up(min(records, 1), seed, folder)


def test_a_mock_of_too_few_records_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TrainingFailed):
        train(plain_run(tmp_path, recipe=Short()), gate := CountingGate())
    assert gate.passed == []


class Dropping(nn.Module):
    """Dropout by every road."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(WIDTH, 8), nn.Linear(8, 1)
        self.layer = nn.Dropout(0.5)
        self.fixed = nn.MultiheadAttention(8, 2, dropout=0.5, batch_first=True)
        self.fixed.requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        hidden = functional.dropout(self.layer(self.first(x)), p=0.5, training=self.training)
        heads = hidden.view(len(x), 1, 2, 4)
        hidden = functional.scaled_dot_product_attention(heads, heads, heads, None, 0.5).flatten(1)
        hidden = functional.scaled_dot_product_attention(
            query=heads, key=heads, value=heads, dropout_p=0.5
        ).flatten(1)
        hidden = hidden + self.fixed(hidden[:, None], hidden[:, None], hidden[:, None])[0][:, 0]
        return self.last(functional.alpha_dropout(hidden, 0.2, True))


def test_a_model_with_dropout_runs_and_drops_when_it_trains() -> None:
    proof = prove(Built(Dropping), bound=3)
    assert proof.engine == "book-keeping"
    assert proof.notice is None
    model = Dropping().train()
    x = torch.ones(2, WIDTH)
    assert not torch.equal(model(x), model(x))


def test_bert_with_dropout_runs() -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.BertConfig(
        vocab_size=20,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=8,
        max_position_embeddings=WIDTH,
        num_labels=1,
        hidden_dropout_prob=0.3,
        attention_probs_dropout_prob=0.3,
    )

    class Bert(PlainRecipe):
        def model(self) -> nn.Module:
            return transformers.BertForSequenceClassification(config)

        def losses(self, model: Forward, batch: Batch) -> Tensor:
            words = (batch["x"].abs() * 10).long().clamp(max=19)
            return (model(input_ids=words).logits.squeeze(1) - batch["y"]).square()

    assert prove(Bert(), bound=3).engine == "book-keeping"


@pytest.mark.parametrize("bound", [1, 2, 8])
@pytest.mark.parametrize("clip", ["1e-4", "0.5", "1e9"])
def test_a_sound_recipe_runs_and_says_what_was_measured(bound: int, clip: str) -> None:
    proof = prove(PlainRecipe(), bound, clip)
    assert 0 < proof.largest_contribution <= 1 + 1e-5
    assert 0 < proof.largest_removal <= 1 + 1e-5
    assert proof.noise_variance == pytest.approx(1, abs=0.5)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_the_model_itself_is_not_touched(optimizer: str) -> None:
    recipe = PlainRecipe(optimizer=optimizer)
    model = recipe.model()
    before = flat(dict(model.named_parameters())).clone()
    prove(recipe, model=model)
    assert torch.equal(flat(dict(model.named_parameters())), before)
    assert all(one.grad is None for one in model.parameters())
    assert "forward" not in vars(model)


def test_a_recipe_that_fails_has_passed_no_gate(tmp_path: Path) -> None:
    gate = CountingGate()
    with pytest.raises(SelfTestFailed):
        train(plain_run(tmp_path, recipe=Negatives()), gate)
    assert gate.passed == []


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_in_half_precision_mixing_shows_as_well(precision: str) -> None:
    recipe = Built(lambda: nn.Linear(WIDTH, 1), precision=precision)
    proof = prove(recipe, bound=3)
    assert proof.largest_contribution <= 1 + 1e-4
    for wrong in (Built(Centred, precision=precision), Negatives(precision=precision)):
        with pytest.raises(SelfTestFailed):
            prove(wrong, bound=3)
