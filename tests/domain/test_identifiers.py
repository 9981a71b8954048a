"""Names, digests, keys and lines: what is accepted can be printed, stored and used as a path."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from securefed.domain.identifiers import (
    AccountId,
    Digest,
    Line,
    PublicKey,
    RequestId,
    Signature,
    SiteId,
    Version,
)
from securefed.errors import IdentifierInvalid, TextInvalid


@given(st.text(max_size=70))
def test_a_name_is_safe_in_a_path_a_url_and_a_terminal(text: str) -> None:
    try:
        name = SiteId(text)
    except IdentifierInvalid:
        return
    assert name == text
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert 1 <= len(name) <= 63
    assert not name.startswith("-")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-a",
        "A",
        "a b",
        "a/b",
        "..",
        "a.b",
        "a_b",
        "a\n",
        "é",
        "а",
        "a" * 64,
        "\u202ea",
        "a\x00",
    ],
)
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(IdentifierInvalid, match="is not a AccountId") as caught:
        AccountId(text)
    assert str(caught.value).isascii()
    assert "dana" in caught.value.remedy


def test_a_long_wrong_name_is_cut_in_the_message() -> None:
    with pytest.raises(IdentifierInvalid) as caught:
        SiteId("A" * 10_000)
    assert len(str(caught.value)) < 120


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (RequestId, "cr-7f3a90b1c2d4", ["cr-7f3a90b1c2d", "7f3a90b1c2d4", "cr-7F3A90B1C2D4"]),
        (Digest, "sha256:" + "a" * 64, ["a" * 64, "sha256:" + "a" * 63, "sha1:" + "a" * 64]),
        (PublicKey, "ed25519:" + "0" * 64, ["0" * 64, "ed25519:" + "g" * 64]),
        (Signature, "f" * 128, ["f" * 127, "f" * 129, "F" * 128]),
        (Version, "1.2.0rc1", ["", "v1", ".2", "1.2 ", "1" * 30, "1.0" + "a" * 21]),
    ],
)
def test_each_kind_has_one_form(
    kind: type[RequestId | Digest | PublicKey | Signature | Version], good: str, bad: list[str]
) -> None:
    assert kind(good) == good
    for text in (*bad, good + "\n", "٣" + good):
        with pytest.raises(IdentifierInvalid):
            kind(text)


def test_digests_and_keys_are_shortened_so_that_both_ends_or_the_start_can_be_compared() -> None:
    digest = Digest("sha256:" + "0123456789abcdef" * 4)
    assert digest.short() == "sha256:01234567…cdef"
    assert PublicKey("ed25519:" + "41f0" * 16).short() == "ed25519:41f041f041f0…"


@pytest.mark.parametrize(
    "text", ["Readmission within 30 days", "ε ≤ 3 × 2", "<script>", "漢字", "a" * 200]
)
def test_visible_text_is_a_line(text: str) -> None:
    assert Line(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        " a",
        "a ",
        "a" * 201,
        "two\nlines",
        "tab\there",
        "\x1b[2Jgone",
        "bell\x07",
        "null\x00",
        "delete\x7f",
        "c1 \x9b2J",
        "right to left \u202e",
        "isolate \u2066 x",
        "mark \u200f x",
        "zero\u200bwidth",
        "joiner\u200dx",
        "bom\ufeffx",
        "soft\u00adhyphen",
        "line\u2028separator",
        "paragraph\u2029separator",
        "private \ue000",
        "tag \U000e0041",
        "unassigned \U000e0fff",
        "surrogate \ud800",
        "\u3164",
        "\u2800",
        "filler \u115f x",
        "grapheme\u034fjoiner",
        "variation\ufe0f",
        "variation\U000e0100",
    ],
    ids=ascii,
)
def test_a_line_has_no_invisible_character_and_no_loose_ends(text: str) -> None:
    with pytest.raises(TextInvalid) as caught:
        Line(text)
    assert str(caught.value).isascii()
