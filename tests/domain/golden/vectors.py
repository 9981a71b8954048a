"""The golden vectors of the canonical form, as `make golden` writes them.

They freeze the bytes and digests of plain values and of one request, one plan and one ledger entry.
A difference in this file's output is a change of format: every signature made before would be void.
"""

import json
from pathlib import Path

from securefed.domain.canonical import Plain, digest_of, to_canonical
from securefed.domain.identifiers import Digest
from securefed.domain.ledger import ENTRY_KIND
from securefed.domain.plan import PLAN_KIND
from securefed.domain.records import to_bytes
from securefed.domain.request import REQUEST_KIND
from tests.world import World

PATH = Path("tests/domain/golden/canonical.json")

VALUES: dict[str, Plain] = {
    "null": None,
    "true": True,
    "empty text": "",
    "empty list": [],
    "empty object": {},
    "largest integer": 2**53 - 1,
    "least integer": -(2**53) + 1,
    "keys are sorted by code point": {"b": 1, "a": 2, "B": 3, "_": 4, "": 5},
    "control characters are escaped": "\x00\x1f\b\t\n\f\r",
    "quotes and backslashes are escaped": '"\\/',
    "all else stands for itself": "\x7fä€😀\u2028",
    "nested": {"list": [1, [2, {"three": None}]], "false": False},
}


def golden_files() -> dict[Path, str]:
    """The golden file by its path in the repository."""
    golden = {"values": _values(), "documents": _documents()}
    return {PATH: json.dumps(golden, indent=2, ensure_ascii=True) + "\n"}


def _values() -> list[dict[str, str]]:
    return [
        {
            "name": name,
            "json": json.dumps(value),
            "bytes": to_canonical(value).hex(),
            "digest": digest_of("golden", to_canonical(value)),
        }
        for name, value in VALUES.items()
    ]


def _documents() -> list[dict[str, str]]:
    world = World()
    site = world.site()
    request = world.approved(site)
    filed = site.register().request(request)
    plan = filed.approved_plan
    assert plan is not None
    *_, entry = world.stores["hospital-a"].entries()
    return [
        _document(REQUEST_KIND, to_bytes(filed.signed.request), filed.signed.request.digest),
        _document(PLAN_KIND, to_bytes(plan), plan.digest),
        _document(ENTRY_KIND, entry.data, entry.hash),
    ]


def _document(kind: str, data: bytes, digest: Digest) -> dict[str, str]:
    return {"kind": kind, "text": data.decode("utf-8"), "digest": digest}
