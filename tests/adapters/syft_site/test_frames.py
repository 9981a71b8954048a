"""A call is read from its bytes without PySyft, and whatever is not plainly a call is refused."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from syft.client.api import SyftAPICall
from syft.serde.recursive import recursive_scheme
from syft.server.credentials import SyftSigningKey
from syft.types.uid import UID

from securefed.adapters.syft_site.frames import MalformedFrame, SignedCall, read_call
from securefed.adapters.syft_site.pysyft import iterable_schema, serialize
from tests.adapters.syft_site.places import QUIET

pytestmark = [pytest.mark.slow, QUIET]

KEY = SyftSigningKey.generate()
SITE = UID()


def call(**more: Any) -> SyftAPICall:
    given = {"server_uid": SITE, "path": "code.call", "args": [], "kwargs": {}}
    return SyftAPICall(**(given | more))


def framed(name: str, fields: list[tuple[str, bytes]], content: bytes | None = None) -> bytes:
    """A frame as an attacker may write it: with any name and any fields."""
    message = recursive_scheme.new_message()
    message.canonicalName = name
    message.version = 1
    message.init("fieldsName", len(fields))
    message.init("fieldsData", len(fields))
    for index, (field, value) in enumerate(fields):
        message.fieldsName[index] = field
        message.fieldsData.init(index, 1)[0] = value
    if content is not None:
        message.init("nonrecursiveBlob", 1)[0] = content
    return bytes(message.to_bytes())


def parts(blob: bytes) -> list[tuple[str, bytes]]:
    with recursive_scheme.from_bytes(blob) as message:
        values = [b"".join(bytes(one) for one in value) for value in message.fieldsData]
        return list(zip(message.fieldsName, values, strict=True))


def forged(**changed: bytes) -> bytes:
    """A signed call whose inner fields are not what PySyft's client would send."""
    fields = [(name, changed.get(name, value)) for name, value in parts(serialize(call()))]
    signed = framed("SyftAPICall", fields)
    outer = parts(serialize(call().sign(KEY)))
    return framed(
        "SignedSyftAPICall",
        [(n, serialize(signed) if n == "serialized_message" else v) for n, v in outer],
    )


def test_it_reads_what_pysyft_writes() -> None:
    kwargs = {"ref": UID(), "payload": {"a": [1, 2.5, None, True, b"x", ("y",)]}}
    found = read_call(serialize(call(kwargs=kwargs).sign(KEY)))
    assert (found.call.service, found.call.blocking) == ("code.call", True)
    assert found.call.site == SITE.no_dash
    assert found.key == bytes(KEY.verify_key.verify_key)
    KEY.verify_key.verify_key.verify(found.signed, found.signature)
    assert {"UID", "dict", "list", "float", "tuple", "bytes"} <= found.call.types


def test_a_forgery_without_a_change_reads_like_the_original() -> None:
    assert isinstance(read_call(forged()), SignedCall)


@pytest.mark.parametrize("value", [False, 0, None, "", "1", 1])
def test_only_a_plain_true_counts_as_waiting(value: Any) -> None:
    try:
        assert not read_call(forged(blocking=serialize(value))).call.blocking
    except MalformedFrame:
        assert value is not False


def test_a_surplus_field_is_refused() -> None:
    outer = parts(serialize(call().sign(KEY)))
    other = serialize(call(path="user.get_all"))
    with pytest.raises(MalformedFrame):
        read_call(framed("SignedSyftAPICall", [*outer, ("cached_deseralized_message", other)]))


def test_a_field_that_comes_twice_is_refused() -> None:
    outer = parts(serialize(call().sign(KEY)))
    for index in range(len(outer)):
        with pytest.raises(MalformedFrame):
            read_call(framed("SignedSyftAPICall", [*outer, outer[index]]))
        with pytest.raises(MalformedFrame):
            read_call(framed("SignedSyftAPICall", outer[:index] + outer[index + 1 :]))


def test_a_type_beside_the_fields_is_found_at_any_depth() -> None:
    found = read_call(serialize(call(kwargs={"a": [{"b": ({1, 2},)}]}).sign(KEY)))
    assert "set" in found.call.types


def test_parts_that_are_larger_than_the_whole_are_refused() -> None:
    """Many pointers to the same bytes: small to send, endless to read."""
    once = iterable_schema.new_message()
    once.init("values", 1).init(0, 1)[0] = serialize(b"x" * 4000)
    written = bytearray(once.to_bytes())
    listed = framed("list", [], bytes(written))
    assert "bytes" in read_call(forged(args=listed)).call.types
    many = iterable_schema.new_message()
    values = many.init("values", 400)
    for index in range(400):
        values.init(index, 1)[0] = b""
    data = bytearray(many.to_bytes())
    # Every element's pointer is sent to the first element's list, so that they overlap.
    start = 8 + 8 + 8
    first = int.from_bytes(data[start : start + 4], "little", signed=True) >> 2
    for index in range(1, 400):
        at = start + 8 * index
        kind = int.from_bytes(data[at : at + 4], "little") & 3
        data[at : at + 4] = (((first - index) << 2) | kind).to_bytes(4, "little", signed=True)
    with pytest.raises(MalformedFrame):
        read_call(forged(args=framed("list", [], bytes(data))))


def test_a_call_that_is_nested_too_deeply_is_refused() -> None:
    value: Any = 1
    for _ in range(40):
        value = [value]
    with pytest.raises(MalformedFrame):
        read_call(serialize(call(args=value).sign(KEY)))


@settings(max_examples=150)
@given(st.data())
def test_damaged_bytes_are_refused_or_read_but_never_anything_else(data: st.DataObject) -> None:
    body = bytearray(serialize(call(kwargs={"a": [1, "b"]}).sign(KEY)))
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = read_call(bytes(body[: data.draw(st.integers(0, len(body)))]))
    except MalformedFrame:
        return
    assert found.call.service.isascii()
