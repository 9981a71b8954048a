"""The approved function: what it looks like, what it holds, and who answers it in the site.

A request's code in PySyft is a template made from the signed request, which stands in it whole: an
approval in PySyft is over exactly these bytes. The body does nothing but hand a text to whoever
answers for the site in this process. A source that is not character for character the template of
the request that it holds is refused by `read_source`.

    source = source_of(signed)
    read_source(source) == signed
"""

import ast
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

from securefed.domain.errand import answer_text, declined
from securefed.domain.identifiers import RequestId, SiteId
from securefed.domain.records import from_bytes, to_bytes
from securefed.domain.request import SignedRequest
from securefed.errors import (
    AlreadyExists,
    ErrandGarbled,
    NotCanonical,
    RecordInvalid,
    SecurefedError,
    SiteStopping,
)

Answering: TypeAlias = Callable[[RequestId, str], str]

ARGUMENTS: Final = ("ref", "payload")
LONGEST_SOURCE: Final = 2**20
_LONGEST_ERRAND: Final = 2**20
_LONGEST_ANSWER: Final = 2**18
# PySyft runs the body a second time on a stand-in of the owner's asset, which is no dict.
_TEMPLATE: Final = """def {name}(ref, payload):
    asked = {asked}
    if type(ref) is not dict:
        return {{}}
    from securefed.adapters.syft_site import approved

    return approved.answer("{request}", ref, payload)
"""
_ASKED = re.compile(r"""    asked = ('(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")""", re.ASCII)

_answering: dict[SiteId, Answering] = {}


def function_name(request: RequestId) -> str:
    """The name of a request's function."""
    return request.replace("-", "_")


def source_of(signed: SignedRequest) -> str:
    """The source of a request's function."""
    request = signed.request.request
    # `ascii` writes a text as Python reads it, in one line and without a character to be lost.
    asked = ascii(to_bytes(signed).decode("utf-8"))
    return _TEMPLATE.format(name=function_name(request), asked=asked, request=request)


def read_source(source: str) -> SignedRequest:
    """The request in a source of somebody who is not trusted. Its signature is not checked."""
    if len(source) <= LONGEST_SOURCE:
        lines = source.split("\n", 2)
        held = _ASKED.fullmatch(lines[1]) if len(lines) > 1 else None
        if held is not None:
            signed = _held(held[1])
            if signed is not None and source_of(signed) == source:
                return signed
    raise ErrandGarbled("The code is not the function of a request, as securefed writes it")


def _held(literal: str) -> SignedRequest | None:
    try:
        # One quoted text, by the pattern: this builds a text and runs nothing.
        return from_bytes(SignedRequest, ast.literal_eval(literal).encode("utf-8"))
    except (RecordInvalid, NotCanonical, ValueError, SyntaxError):
        return None


@contextmanager
def attached(site: SiteId, answering: Answering) -> Iterator[None]:
    """While the block runs, this answers the approved functions of a site in this process."""
    if site in _answering:
        raise AlreadyExists(f"Somebody answers for {site} in this process already")
    _answering[site] = answering
    try:
        yield
    finally:
        del _answering[site]


def answer(request: str, ref: dict[str, Any], payload: object) -> dict[str, str]:
    """What a request's function returns. The reference is the owner's own; the payload is not.

    The caller names the request in the payload too: a site that passes on what somebody signed for
    it would have to make them sign the name of another site's request."""
    try:
        return {"answer": _answered(RequestId(request), ref, payload)}
    except SecurefedError as error:
        return {"answer": answer_text(declined(error))}


def _answered(request: RequestId, ref: dict[str, Any], payload: object) -> str:
    if type(payload) is not dict or payload.keys() != {"request", "errand"}:
        raise ErrandGarbled("The call carries no errand")
    text = payload["errand"]
    if payload["request"] != request or type(text) is not str or len(text) > _LONGEST_ERRAND:
        raise ErrandGarbled("The call carries no errand of this request")
    answering = _answering.get(SiteId(ref["site"]))
    if answering is None:
        raise SiteStopping("Nobody answers for this site yet, or any more")
    found = answering(request, text)
    if len(found) > _LONGEST_ANSWER:
        raise ErrandGarbled("The answer is too long")
    return found
