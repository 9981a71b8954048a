"""Canonical bytes: one value has one form, and every other form is refused."""

import hashlib
import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from securefed.domain.canonical import (
    LARGEST_INTEGER,
    Plain,
    decimal_from,
    decimal_text,
    digest_of,
    from_canonical,
    prefixed,
    to_canonical,
)
from securefed.domain.event import LedgerEntry
from securefed.domain.ledger import ENTRY_KIND
from securefed.domain.plan import PLAN_KIND, ReviewPlan
from securefed.domain.records import Record, from_bytes, to_bytes
from securefed.domain.request import REQUEST_KIND, CodeRequest
from securefed.errors import NotCanonical, NumberInvalid
from tests.domain.golden import vectors

GOLDEN = json.loads((Path(__file__).parent / "golden" / "canonical.json").read_text("utf-8"))
CLASSES: dict[str, type[Record]] = {
    REQUEST_KIND: CodeRequest,
    PLAN_KIND: ReviewPlan,
    ENTRY_KIND: LedgerEntry,
}

keys = st.text(alphabet=st.characters(min_codepoint=0, max_codepoint=127), max_size=5)
texts = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=8)
numbers = st.integers(-LARGEST_INTEGER, LARGEST_INTEGER)
plains: st.SearchStrategy[Plain] = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(keys, inner)),
    max_leaves=10,
)


@given(plains)
def test_reading_what_was_written_gives_the_value_back(value: Plain) -> None:
    assert from_canonical(to_canonical(value)) == value


@given(plains, plains)
def test_two_values_have_the_same_bytes_only_if_they_are_the_same(one: Plain, two: Plain) -> None:
    same = json.dumps(one, sort_keys=True) == json.dumps(two, sort_keys=True)
    assert (to_canonical(one) == to_canonical(two)) is same


@given(st.binary(max_size=20))
def test_arbitrary_bytes_are_read_or_refused_and_nothing_else(data: bytes) -> None:
    try:
        value = from_canonical(data)
    except NotCanonical:
        return
    assert to_canonical(value) == data


@pytest.mark.parametrize("golden", GOLDEN["values"], ids=lambda golden: golden["name"])
def test_a_golden_value_has_its_bytes_and_digest(golden: dict[str, str]) -> None:
    data = bytes.fromhex(golden["bytes"])
    assert to_canonical(json.loads(golden["json"])) == data
    assert from_canonical(data) == json.loads(golden["json"])
    assert digest_of("golden", data) == golden["digest"]


@pytest.mark.parametrize("golden", GOLDEN["documents"], ids=lambda golden: golden["kind"])
def test_a_golden_document_is_still_read_and_has_its_digest(golden: dict[str, str]) -> None:
    data = golden["text"].encode("utf-8")
    record = from_bytes(CLASSES[golden["kind"]], data)
    assert to_bytes(record) == data
    hashed = hashlib.sha256(f"securefed/v1/{golden['kind']}\n".encode() + data)
    assert golden["digest"] == f"sha256:{hashed.hexdigest()}" == digest_of(golden["kind"], data)
    if isinstance(record, (CodeRequest, ReviewPlan)):
        assert record.digest == golden["digest"]


def test_the_golden_file_is_what_make_golden_writes() -> None:
    [text] = vectors.golden_files().values()
    assert json.loads(text) == GOLDEN


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"1.0",
        b"1e5",
        b"-0",
        b"01",
        b"+1",
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"nul",
        b"'a'",
        b"[1,]",
        b"[1, 2]",
        b'{"a": 1}',
        b'{"a":1}\n',
        b'\n{"a":1}',
        b'{"b":1,"a":2}',
        b'{"a":1,"a":2}',
        b'{"a":{"b":1,"b":1}}',
        b'{"a":1.0}',
        b"\xef\xbb\xbf1",
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b'"\\ud800"',
        b'"\\u0041"',
        b'"\\/"',
        b'"\\u001F"',
        b'"\t"',
        '{"ä":1}'.encode(),
        b"9007199254740992",
        b"-9007199254740992",
        b"1" * 5000,
        b"[" * 34 + b"]" * 34,
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 40 + b"1" + b"}" * 40,
    ],
    ids=lambda data: ascii(data[:24]),
)
def test_hostile_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(NotCanonical):
        from_canonical(data)


@pytest.mark.parametrize(
    "value", [1.0, float("nan"), (1,), b"x", {1: 2}, {"ä": 1}, Decimal(1), 2**53, "\ud800", [0.5]]
)
def test_what_has_no_canonical_form_is_not_written(value: Plain) -> None:
    with pytest.raises(NotCanonical):
        to_canonical(value)


def test_the_deepest_allowed_nesting_is_read() -> None:
    deepest = b"[" * 33 + b"]" * 33
    assert to_canonical(from_canonical(deepest)) == deepest
    with pytest.raises(NotCanonical, match="Nested deeper"):
        from_canonical(b"[" + deepest + b"]")


def test_a_digest_never_counts_for_another_kind() -> None:
    assert prefixed("code-request", b"{}") == b"securefed/v1/code-request\n{}"
    assert digest_of("code-request", b"{}") != digest_of("decision", b"{}")


@given(st.decimals(min_value="-1e20", max_value="1e20", places=12))
def test_a_decimal_comes_back_as_it_was(number: Decimal) -> None:
    assert decimal_from(decimal_text(number)) == number


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("1E-5", "0.00001"),
        ("1E+3", "1000"),
        ("1.10", "1.1"),
        ("-0", "0"),
        ("0E-999999", "0"),
        ("0E+999999", "0"),
        ("-2.50", "-2.5"),
        ("Infinity", "Infinity"),
    ],
)
def test_a_decimal_is_written_in_plain_digits(number: str, text: str) -> None:
    assert decimal_text(Decimal(number)) == text


@pytest.mark.parametrize(
    "number", ["NaN", "sNaN", "-Infinity", "1E+40", "1E-41", "0." + "1" * 101, "1E+999999999"]
)
def test_a_decimal_that_cannot_be_stored_is_refused(number: str) -> None:
    with pytest.raises(NumberInvalid):
        decimal_text(Decimal(number))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1e-5",
        "1E-5",
        "1.0",
        "01",
        "+1",
        "-0",
        "00",
        ".5",
        "5.",
        " 1",
        "1\n",
        "1_000",
        "١",
        "infinity",
        "-Infinity",
        "NaN",
        "0x1",
        "1" * 41,
        "0." + "1" * 101,
        "0." + "0" * 45 + "1",
    ],
)
def test_another_spelling_of_a_decimal_is_refused(text: str) -> None:
    with pytest.raises(NotCanonical):
        decimal_from(text)


def test_a_short_text_that_stands_for_a_gigabyte_of_zeros_is_refused_at_once() -> None:
    with pytest.raises(NotCanonical):
        decimal_from("0E-999999999999")
