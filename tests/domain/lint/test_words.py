"""Names say what they count, and names that say two things or a ratio say nothing."""

import pytest

from securefed.domain.lint.facts import Quantity
from securefed.domain.lint.reading.words import counted, words


@pytest.mark.parametrize(
    ("name", "quantity"),
    [
        ("num_rounds", Quantity.ROUNDS),
        ("NUM_ROUNDS", Quantity.ROUNDS),
        ("numRounds", Quantity.ROUNDS),
        ("nrounds", Quantity.ROUNDS),
        ("num-server-rounds", Quantity.ROUNDS),
        ("local_epochs", Quantity.EPOCHS),
        ("LocalEpochs", Quantity.EPOCHS),
        ("num_updates", Quantity.STEPS),
        ("n_clients", Quantity.SITES),
        ("NUM_SITES", Quantity.SITES),
        ("num_examples", Quantity.RECORDS),
        ("n_batches", Quantity.BATCHES),
        ("sample_rate", None),
        ("clients_per_round", None),
        ("epochs_of_rounds", None),
        ("background", None),
        ("sigma", None),
        ("", None),
    ],
)
def test_what_a_name_counts(name: str, quantity: Quantity | None) -> None:
    assert counted(name) is quantity


def test_words_of_a_name() -> None:
    assert words("myHTTPClient_v2") == ["my", "http", "client", "v"]
