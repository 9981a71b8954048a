"""Frames and messages between a site and a run that is not trusted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from securefed.domain.identifiers import Name
from securefed.domain.talk import (
    FROM_RUN,
    TO_RUN,
    Begin,
    End,
    Failed,
    Finished,
    FrameReader,
    FromRun,
    Ready,
    StepAsked,
    StepGranted,
    ToRun,
    framed,
    heard,
    told,
)
from securefed.errors import RecordInvalid, RunGarbled
from tests.adapters.sandbox.programs import EXECUTED

steps = st.integers(1, 10**12)
slugs = st.from_regex(r"[a-z0-9][a-z0-9-]{0,62}", fullmatch=True).map(Name)
from_run = st.one_of(
    st.just(Ready()),
    steps.map(lambda step: StepAsked(step=step)),
    slugs.map(lambda code: Failed(code=code)),
    st.lists(slugs, max_size=5, unique=True).map(
        lambda files: Finished(executed=EXECUTED, files=tuple(files))
    ),
)
to_run = st.one_of(
    st.just(End()),
    steps.map(lambda step: StepGranted(step=step)),
    st.text(st.characters(codec="utf-8"), max_size=200).map(lambda text: Begin(document=text)),
)


def read(data: bytes, most: int, piece: int) -> list[bytes]:
    """The frames in bytes that come in pieces of at most this length."""
    reader, frames = FrameReader(most=most), []
    while data:
        size = min(piece, reader.wanted)
        if frame := reader.feed(data[:size]):
            frames.append(frame)
        data = data[size:]
    return frames


@given(st.lists(from_run, max_size=4), st.integers(1, 50))
def test_what_a_run_says_comes_through_in_any_pieces(said: list[FromRun], piece: int) -> None:
    frames = read(b"".join(map(framed, said)), FROM_RUN, piece)
    assert [heard(frame) for frame in frames] == said


@given(st.lists(to_run, max_size=4), st.integers(1, 50))
def test_so_does_what_a_site_says(said: list[ToRun], piece: int) -> None:
    frames = read(b"".join(map(framed, said)), TO_RUN, piece)
    assert [told(frame) for frame in frames] == said


@given(st.binary(max_size=300))
def test_any_other_bytes_are_refused_or_not_whole(data: bytes) -> None:
    try:
        frames = read(data, 100, 100)
    except RunGarbled:
        return
    for frame in frames:
        with pytest.raises(RunGarbled) as caught:
            heard(frame)
        assert caught.value.__cause__ is None


@pytest.mark.parametrize("length", [0, FROM_RUN + 1, 2**32 - 1])
def test_a_length_out_of_bounds_is_refused_before_the_frame(length: int) -> None:
    with pytest.raises(RunGarbled):
        FrameReader(most=FROM_RUN).feed(length.to_bytes(4, "big"))


def test_a_reader_is_never_given_more_than_it_wants() -> None:
    with pytest.raises(ValueError, match="more bytes"):
        FrameReader(most=FROM_RUN).feed(b"\0\0\0\1xy")


@given(to_run)
def test_a_run_cannot_speak_for_its_site(message: ToRun) -> None:
    with pytest.raises(RunGarbled):
        heard(framed(message)[4:])


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"null",
        b'{"message":{"kind":"ready","patient":"4711"}}',
        b'{"message":{"kind":"step-asked","step":0}}',
        b'{"message":{"kind":"step-asked","step":"4711"}}',
        b'{"message":{"kind":"failed","code":"Patient 4711"}}',
        b'{"message": {"kind":"ready"}}',
        b'{"message":' + b"[" * 5000 + b"]" * 5000 + b"}",
        b"\xff4711",
    ],
)
def test_a_refusal_repeats_nothing(body: bytes) -> None:
    with pytest.raises(RunGarbled) as caught:
        heard(body)
    assert "4711" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_files_are_few_and_each_named_once() -> None:
    with pytest.raises(RecordInvalid):
        Finished(executed=EXECUTED, files=(Name("a"), Name("a")))
    with pytest.raises(RecordInvalid):
        Finished(executed=EXECUTED, files=tuple(Name(f"f{n}") for n in range(17)))


def test_a_document_that_the_run_would_not_read_is_not_sent() -> None:
    with pytest.raises(RunGarbled):
        framed(Begin(document="x" * TO_RUN))
