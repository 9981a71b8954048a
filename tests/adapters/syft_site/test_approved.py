"""The approved function's source holds its request whole, and nothing else passes for it."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from securefed.adapters.syft_site import approved
from securefed.adapters.syft_site.approved import answer, attached, read_source, source_of
from securefed.domain.errand import Declined, read_answer
from securefed.domain.identifiers import RequestId, SiteId
from securefed.domain.records import to_bytes
from securefed.errors import (
    AlreadyExists,
    ApprovalExhausted,
    ErrandGarbled,
    SiteStopping,
    TextInvalid,
)
from tests.world import World

pytestmark = pytest.mark.slow
SITE = SiteId("hospital-b")
REF = {"site": "hospital-b"}
SIGNED = World().request()
REQUEST = SIGNED.request.request


@given(st.text(min_size=1, max_size=150))
@settings(max_examples=60, deadline=None)
def test_any_title_arrives_as_it_is(title: str) -> None:
    try:
        study = replace(SIGNED.request.study, title=type(SIGNED.request.study.title)(title))
    except TextInvalid:
        return
    signed = replace(SIGNED, request=replace(SIGNED.request, study=study))
    source = source_of(signed)
    assert source.isascii()
    assert read_source(source) == signed
    held: dict[str, object] = {}
    exec(compile(source, "function", "exec"), held)  # noqa: S102 - what PySyft does with it
    name = signed.request.request.replace("-", "_")
    function = held[name]
    assert function.__code__.co_consts[1] == to_bytes(signed).decode()  # type: ignore[attr-defined]


@given(st.integers(min_value=0), st.characters(max_codepoint=200))
@settings(max_examples=200, deadline=None)
def test_one_other_character_is_not_the_function(place: int, other: str) -> None:
    source = source_of(SIGNED)
    place %= len(source)
    if source[place] == other:
        return
    changed = source[:place] + other + source[place + 1 :]
    try:
        found = read_source(changed)
    except ErrandGarbled:
        return
    # Only where it is the function of another request, whole.
    assert source_of(found) == changed
    assert found != SIGNED


@pytest.mark.parametrize(
    "source",
    [
        "",
        "x",
        "\n",
        "def f(ref, payload):\n    asked = '{}'\n",
        "def f(ref, payload):\n    asked = '\\x'\n",
        "def f(ref, payload):\n    asked = '\\ud800'\n",
        "def f(ref, payload):\n    asked = " + "(" * 5000 + "\n",
        "x" * (2**20 + 1),
    ],
)
def test_what_is_no_function_is_refused(source: str) -> None:
    with pytest.raises(ErrandGarbled):
        read_source(source)


def declined_with(payload: object) -> str:
    found = read_answer(answer(REQUEST, REF, payload)["answer"])
    assert isinstance(found, Declined)
    return found.code


def test_nobody_answers_before_somebody_is_attached_or_after() -> None:
    payload = {"request": REQUEST, "errand": "e"}
    assert declined_with(payload) == SiteStopping.code
    with attached(SITE, lambda request, text: f"{request} {text}"):
        assert answer(REQUEST, REF, payload) == {"answer": f"{REQUEST} e"}
        with pytest.raises(AlreadyExists), attached(SITE, lambda *_: ""):
            pass
    assert declined_with(payload) == SiteStopping.code


def test_an_error_is_an_answer() -> None:
    def refusing(_: RequestId, __: str) -> str:
        raise ApprovalExhausted("No round is left")

    with attached(SITE, refusing):
        assert declined_with({"request": REQUEST, "errand": "e"}) == ApprovalExhausted.code


def test_an_answer_has_a_largest_length() -> None:
    with attached(SITE, lambda *_: "x" * (2**18 + 1)):
        assert declined_with({"request": REQUEST, "errand": "e"}) == ErrandGarbled.code


def test_the_template_imports_what_is_there() -> None:
    assert f"{approved.__name__.rpartition('.')[0]} import approved" in source_of(SIGNED)
