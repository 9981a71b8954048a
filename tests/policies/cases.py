"""Cases: files that change a base request, and the finding that each must produce.

Strict, so that a case which says nothing cannot pass: a key that the base lacks is an error.
"""

import tomllib
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import cast

from securefed.config import load_policy
from securefed.config.policy import PolicyDocument
from securefed.domain.canonical import Plain, decimal_text
from securefed.domain.facts import ReviewFacts
from securefed.domain.findings import Finding, Level
from securefed.domain.policy import Policy, judge
from securefed.domain.records import from_plain, instant_text

POLICIES = Path(__file__).parents[2] / "policies"
CASES = POLICIES / "cases"
KEYS = {"policy", "rules", "level", "facts"}


@dataclass(frozen=True, kw_only=True)
class Case:
    """A case file, read."""

    name: str
    policy: Policy
    facts: ReviewFacts
    level: Level | None

    @property
    def finding(self) -> str:
        return self.name.partition(".")[0]

    def findings(self) -> tuple[Finding, ...]:
        return judge(self.policy, self.facts)


def case_files(folder: str) -> list[Path]:
    return sorted((CASES / folder).iterdir())


def read_case(path: Path) -> Case:
    written = toml(path)
    if unknown := written.keys() - KEYS:
        raise ValueError(f"{path.name}: unknown {sorted(unknown)}")
    level = written.get("level")
    return Case(
        name=path.stem,
        policy=policy_of(written),
        facts=facts_with(written.get("facts", {})),
        level=None if level is None else Level(str(level)),
    )


def policy_of(written: dict[str, object]) -> Policy:
    if ("policy" in written) == ("rules" in written):
        raise ValueError("a case names a policy or has rules, and not both")
    if "policy" in written:
        return shipped(str(written["policy"]))
    document = PolicyDocument.model_validate({"name": "case", "rules": written["rules"]})
    return Policy(name=document.name, rules=document.rules)


def shipped(name: str) -> Policy:
    return load_policy(POLICIES / f"{name}.toml")


def facts_with(changes: object) -> ReviewFacts:
    return from_plain(ReviewFacts, plain(changed(toml(CASES / "base.toml"), changes, "facts")))


def toml(path: Path) -> dict[str, object]:
    return tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)


def changed(base: object, changes: object, path: str) -> object:
    if not isinstance(changes, dict):
        return changes
    if isinstance(base, list):
        items = {str(place): item for place, item in enumerate(base)}
        return list(cast(dict[str, object], changed(items, changes, path)).values())
    if not isinstance(base, dict) or changes.keys() - base.keys():
        raise ValueError(f"{path}: the base has no {sorted(changes)}")
    new = {key: changed(base[key], value, f"{path}.{key}") for key, value in changes.items()}
    return {**base, **new}


def plain(value: object) -> Plain:
    match value:
        case "(none)":
            return None
        case Decimal():
            return decimal_text(value)
        case datetime():
            return instant_text(value)
        case dict():
            return {key: plain(item) for key, item in value.items()}
        case list():
            return [plain(item) for item in value]
    return cast(Plain, value)
