"""Declared numbers are read strictly: a misspelt key or a number out of range is an error."""

from decimal import Decimal

import pytest

from securefed.domain.lint.declared import CHOICES, COUNTS, KEYS, Declared, declared_from
from securefed.errors import ConfigInvalid, NumberInvalid


def test_numbers_are_exact() -> None:
    found = declared_from(["noise=1.10", "delta=1e-5", "rounds=50", "weights=199,172,30,85"])
    assert found == Declared(
        noise=Decimal("1.10"),
        delta=Decimal("0.00001"),
        rounds=50,
        weights=(Decimal(199), Decimal(172), Decimal(30), Decimal(85)),
    )


def test_nothing_declared_is_nothing() -> None:
    assert declared_from([]) == Declared()


@pytest.mark.parametrize("key", COUNTS)
@pytest.mark.parametrize("text", ["0", "-1", "1.5", "nan", "inf", "1e13", "", "two", "9" * 99])
def test_a_count_is_a_whole_number(key: str, text: str) -> None:
    with pytest.raises(NumberInvalid):
        declared_from([f"{key}={text}"])


@pytest.mark.parametrize("key", ["noise", "delta", "epsilon", "sampling-rate"])
@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "", "1e-999999999", "1e999999999"])
def test_a_parameter_is_finite_and_positive(key: str, text: str) -> None:
    with pytest.raises(NumberInvalid):
        declared_from([f"{key}={text}"])


@pytest.mark.parametrize("text", ["delta=1", "delta=2", "sampling-rate=1.1", "weights=1,0"])
def test_a_share_is_a_share(text: str) -> None:
    with pytest.raises(NumberInvalid):
        declared_from([text])


@pytest.mark.parametrize(
    "text", ["noize=1", "noise", "=1", "Noise=1", "local_epochs=1", "weights=1", "\u202e=1"]
)
def test_what_is_not_known_is_refused(text: str) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        declared_from([text])
    assert caught.value.what.isascii()


@pytest.mark.parametrize("key", CHOICES)
def test_a_choice_is_one_of_its_words(key: str) -> None:
    for word in CHOICES[key]:
        assert getattr(declared_from([f"{key}={word}"]), key.replace("-", "_")) == word
    with pytest.raises(ConfigInvalid) as caught:
        declared_from([f"{key}=other"])
    assert all(word in caught.value.remedy for word in CHOICES[key])


def test_a_key_is_declared_once() -> None:
    with pytest.raises(ConfigInvalid, match="twice"):
        declared_from(["noise=1", "noise=2"])


def test_every_key_stands_in_the_page() -> None:
    from tests.cli.conftest import ROOT

    page = (ROOT / "docs" / "accounting-linter.md").read_text(encoding="utf-8")
    assert [key for key in KEYS if f"`{key}`" not in page] == []
