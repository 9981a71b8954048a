"""Reads what a PySyft call asks for from its bytes, without building any object that they name.

PySyft's wire format is Cap'n Proto: each value says its type and holds either fields or bytes. This
walks the frames with PySyft's own schema and returns strings, a flag and the types' names. PySyft
reads the same bytes before it checks who signed them, so this promises more than to find the call:
that each level has exactly the fields it should, each once, and that the parts of a frame together
are no longer than the frame. Without that, PySyft takes an unsigned message from a surplus field
in place of the signed one, and a small body can point to the same bytes millions of times.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import capnp

from securefed.adapters.syft_site.pysyft import (
    iterable_schema,
    kv_iterable_schema,
    recursive_scheme,
)
from securefed.domain.door import Call

_DEEPEST = 24
_POINTER = 8
_SIGNED_FIELDS = {"credentials", "signature", "serialized_message"}
_CALL_FIELDS = {
    *("id", "server_uid", "path", "args", "kwargs", "blocking", "created_date", "deleted_date"),
    *("updated_date", "syft_client_verify_key", "syft_server_location"),
}
_LISTS = ("list", "tuple")
_WRAPPED = ("inspect_Signature",)


class MalformedFrame(Exception):
    """The bytes are not a signed call in the one form that is taken. Never leaves this adapter."""


@dataclass(frozen=True, kw_only=True)
class SignedCall:
    """A call and who claims to have signed it. The signature is not checked here."""

    key: bytes
    signature: bytes
    signed: bytes
    call: Call


@dataclass(kw_only=True)
class _Frame:
    name: str
    fields: dict[str, bytes] = field(default_factory=dict)
    content: bytes = b""


def read_call(body: bytes) -> SignedCall:
    """The call in a body; raises MalformedFrame where there is any doubt about it."""
    try:
        outer = _named(body, "SignedSyftAPICall", _SIGNED_FIELDS)
        signed = _plain(outer["serialized_message"], "bytes")
        key = _named(outer["credentials"], "SyftVerifyKey", {"verify_key"})
        return SignedCall(
            key=_plain(key["verify_key"], "nacl_verify_key"),
            signature=_plain(outer["signature"], "bytes"),
            signed=signed,
            call=_call(signed),
        )
    except (capnp.KjException, ValueError) as error:
        raise MalformedFrame("The body is not a call") from error


def _call(signed: bytes) -> Call:
    fields = _named(signed, "SyftAPICall", _CALL_FIELDS)
    types: set[str] = set()
    for part in fields.values():
        _walk(part, types, 0)
    site = _named(fields["server_uid"], "UID", {"value"})
    return Call(
        service=_plain(fields["path"], "str").decode("ascii"),
        blocking=_plain(fields["blocking"], "bool") == b"1",
        site=_plain(site["value"], "bytes").hex(),
        types=frozenset(types),
    )


def _walk(blob: bytes, types: set[str], depth: int) -> None:
    if depth > _DEEPEST:
        raise MalformedFrame("The call is nested too deeply")
    frame = _frame(blob)
    types.add(frame.name)
    for part in (*frame.fields.values(), *_inside(frame)):
        _walk(part, types, depth + 1)


def _inside(frame: _Frame) -> list[bytes]:
    if frame.name in _LISTS:
        with iterable_schema.from_bytes(frame.content) as message:
            return _bounded(message.values, len(frame.content))
    if frame.name == "dict":
        with kv_iterable_schema.from_bytes(frame.content) as message:
            keys = _bounded(([key] for key in message.keys), len(frame.content))
            return keys + _bounded(message.values, len(frame.content))
    return [frame.content] if frame.name in _WRAPPED else []


def _named(blob: bytes, name: str, fields: set[str]) -> dict[str, bytes]:
    frame = _frame(blob)
    if frame.name != name or set(frame.fields) != fields or frame.content:
        raise MalformedFrame(f"A {name} was expected, with its own fields")
    return frame.fields


def _plain(blob: bytes, name: str) -> bytes:
    frame = _frame(blob)
    if frame.name != name or frame.fields:
        raise MalformedFrame(f"A {name} was expected")
    return frame.content


def _frame(blob: bytes) -> _Frame:
    with recursive_scheme.from_bytes(blob) as message:
        if message.version != 1:
            raise MalformedFrame("A type is of another version")
        names = list(message.fieldsName)
        values = _bounded(message.fieldsData, len(blob))
        content = b"".join(_bounded([message.nonrecursiveBlob], len(blob)))
        if len(set(names)) != len(names) or len(names) != len(values) or "" in names:
            raise MalformedFrame("A field is there twice, or without a name")
        return _Frame(
            name=message.canonicalName,
            fields=dict(zip(names, values, strict=True)),
            content=content,
        )


def _bounded(values: Iterable[Iterable[bytes]], most: int) -> list[bytes]:
    """The values, each whole; refuses before they take more room than what they came in."""
    found, size = [], 0
    for chunks in values:
        whole = []
        size += _POINTER
        for chunk in chunks:
            size += _POINTER + len(chunk)
            if size > most + _POINTER:
                raise MalformedFrame("The parts are larger than the whole")
            whole.append(bytes(chunk))
        found.append(b"".join(whole))
    return found
