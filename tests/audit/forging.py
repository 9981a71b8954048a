"""What somebody with keys could make of evidence, as plain JSON, and what both verifiers say.

`Forger` re-signs what it changed: the document with the gatherer's key, a part with its party's, a
whole chain of entries with its party's. Which of these an attacker has is the test's story.
"""

import copy
import importlib.util
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from securefed.domain.canonical import digest_of, from_canonical, prefixed, to_canonical
from securefed.domain.checkpoint import parse_checkpoint
from securefed.domain.evidence import written_evidence
from securefed.errors import CheckpointInvalid
from securefed.steps.verify_evidence import verify_evidence
from tests.audit.evidence_world import OFFICER, Study

SCRIPT = Path(__file__).resolve().parents[2] / "audits" / "verify_evidence.py"

Place = tuple[str | int, ...]


def independent() -> ModuleType:
    """The verifier that knows nothing of securefed."""
    spec = importlib.util.spec_from_file_location("verify_evidence_alone", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ALONE = independent()


def alone(data: bytes, known: dict[str, str] | None = None, held: tuple[str, ...] = ()) -> str:
    """What the independent verifier finds wrong; nothing if it is content."""
    try:
        ALONE.verify(data, known or {}, list(held))
    except ALONE.WRONG as error:
        return f"{type(error).__name__}: {error}"
    return ""


def ours(study: Study, data: bytes, **more: Any) -> str:
    """What the product's verifier finds wrong first."""
    failed = verify_evidence(data, study.examining(**more)).failed
    return "" if failed is None else f"{failed.what}: {failed.problem}"


def both(
    study: Study, data: bytes, known: dict[str, str] | None = None, held: tuple[str, ...] = ()
) -> tuple[str, str]:
    """What each of the two finds wrong."""
    notes = tuple(_parsed(held))
    return ours(study, data, known=known or {}, held=notes), alone(data, known, held)


def _parsed(held: tuple[str, ...]) -> Iterator[Any]:
    for note in held:
        try:
            yield parse_checkpoint(note)
        except CheckpointInvalid as error:
            raise AssertionError(f"a test brings no checkpoint: {error}") from error


def leaf_places(value: Any, place: Place = ()) -> Iterator[Place]:
    """The way to every leaf."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from leaf_places(item, (*place, key))
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from leaf_places(item, (*place, index))
    else:
        yield place


def changed(value: Any, place: Place, change: Callable[[Any], Any]) -> Any:
    """A copy in which one thing is changed."""
    whole = copy.deepcopy(value)
    holder = whole
    for step in place[:-1]:
        holder = holder[step]
    holder[place[-1]] = change(holder[place[-1]])
    return whole


def another(leaf: Any) -> Any:
    """Some other value of the same kind."""
    if isinstance(leaf, bool):
        return not leaf
    if isinstance(leaf, int):
        return leaf + 1
    if isinstance(leaf, str) and leaf:
        middle = len(leaf) // 2
        other = "1" if leaf[middle] != "1" else "2"
        return leaf[:middle] + other + leaf[middle + 1 :]
    return "another" if leaf in (None, "") else 0


@dataclass
class Forger:
    """The document as plain JSON, and everybody's keys."""

    study: Study
    document: Any

    @classmethod
    def of(cls, study: Study) -> "Forger":
        data = written_evidence(study.gathered())
        return cls(study=study, document=from_canonical(data))

    @property
    def bytes(self) -> bytes:
        return to_canonical(self.document)

    @property
    def evidence(self) -> Any:
        return self.document["evidence"]

    def part(self, name: str) -> Any:
        [found] = [one for one in self.evidence["parts"] if one["part"]["name"] == name]
        return found["part"]

    def entries(self, name: str) -> list[Any]:
        """A party's entries, read."""
        return [json.loads(one["entry"]) for one in self.part(name)["entries"]]

    def drop(self, name: str) -> None:
        """The document without a part."""
        parts = self.evidence["parts"]
        self.evidence["parts"] = [one for one in parts if one["part"]["name"] != name]

    def rewrite(self, name: str, entries: list[Any]) -> None:
        """These entries, chained and signed anew with the party's key."""
        before, lines = "sha256:" + "0" * 64, []
        for index, entry in enumerate(entries):
            data = to_canonical({**entry, "index": index, "previous": before})
            signature = self.study.signer(name).sign(prefixed("ledger-entry", data))
            lines.append({"entry": data.decode(), "signature": signature})
            before = digest_of("ledger-entry", data)
        self.part(name)["entries"] = lines
        self.sign_part(name)

    def forget_checkpoints(self, name: str) -> None:
        """In place of all checkpoints one of the head as it is now, by the party alone."""
        from securefed.domain.checkpoint import Checkpoint
        from securefed.domain.identifiers import SiteId
        from securefed.domain.ledger import Head

        rows = self.part(name)["entries"]
        last = digest_of("ledger-entry", rows[-1]["entry"].encode())
        head = Head(size=len(rows), hash=last)
        made, signer = Checkpoint(site=SiteId(name), head=head), self.study.signer(name)
        self.part(name)["notes"] = [made.by_site(signer.key, signer.sign(made.signed)).note()]
        self.sign_part(name)

    def sign_part(self, name: str) -> None:
        """The part, signed by its party."""
        for one in self.evidence["parts"]:
            if one["part"]["name"] == name:
                data = prefixed("evidence-part", to_canonical(one["part"]))
                one["signature"] = self.study.signer(name).sign(data)
        self.sign()

    def sign(self) -> None:
        """The document, signed by its gatherer."""
        data = prefixed("evidence", to_canonical(self.evidence))
        self.document["signature"] = self.study.signer(OFFICER).sign(data)

    def decide_again(self, entry: Any, account: str) -> None:
        """A decision's signature by the account's own key: somebody who colludes."""
        decided = entry["event"]["decided"]
        data = prefixed("decision", to_canonical(decided["decision"]))
        decided["signature"] = self.study.signer(account).sign(data)
