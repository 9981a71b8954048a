"""A plan with every optional part in it, and the same plan with one leaf changed at a time."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import cast

from securefed.domain.allowance import RequesterShare
from securefed.domain.canonical import Plain, decimal_text
from securefed.domain.combining import Combining, EarlyStop
from securefed.domain.early_stopping import Aim, StoppingRule
from securefed.domain.findings import Level, Verdict
from securefed.domain.identifiers import Line
from securefed.domain.plan import ReviewPlan, leaves
from securefed.domain.privacy import Adjacency, Sampling
from securefed.domain.records import from_plain, instant_text, to_plain
from securefed.domain.schedule import Schedule, Steps
from securefed.domain.server_rule import FedAdam, FedYogi
from securefed.domain.site import ColumnType, Sandbox
from securefed.domain.study import Suite
from securefed.domain.weighting import CappedUnits
from securefed.errors import RecordInvalid
from securefed.steps.prepare_site import AllowanceAsked, grant_allowance
from tests.world import ADMISSIONS, SCIENTIST, World, digest

# These cannot change alone: another leaf names the same thing, and the record would contradict
# itself. A mechanism's kind is that of its class.
BOUND = {
    "request.study.sealing.weighting.kind",
    "request.study.combining.schedule.course.kind",
    "request.study.combining.site_schedule.course.kind",
    # It goes with no pull and with no drawn sites; its line has a test of its own.
    "request.study.combining.control",
    "request.study.participants[0].site",
    "card.columns[0].name",
    *(f"request.study.participants[{place}].training.kind" for place in range(3)),
    *(f"request.study.participants[{place}].metrics.kind" for place in range(3)),
}
# A study of votes measures and combines nothing: its plan is tested apart (test_fusion.py).
VOTELESS = "request.study.fusion"
_WORDS = [
    member.value
    for kind in (Adjacency, Aim, Sampling, Suite, Sandbox, ColumnType, Level, Verdict)
    for member in kind
] + [FedAdam.kind, FedYogi.kind]


def full_plan() -> ReviewPlan:
    """A plan of a second request, in which nothing is left out."""
    world = World(metrics_noise=Decimal(8), spare=1, own_code=digest("code"), rounds=2, steps=4)
    world.weighting = CappedUnits(cap=4321)
    world.combining = full_combining()
    site = world.site()
    share = RequesterShare(account=SCIENTIST, epsilon=Decimal("2.5"))
    asked = AllowanceAsked(
        dataset=ADMISSIONS,
        epsilon=Decimal(3),
        delta=Decimal("1e-6"),
        shares=(share,),
        valid_days=90,
    )
    grant_allowance(site.ledger, asked, world.acting())
    world.approved(site)
    world.noise = Decimal("1.3")
    return site.plan(world.file(site))


def full_combining() -> Combining:
    """All that a study may say about it."""
    numbers = {"rate": "0.05", "beta1": "0.3", "beta2": "0.41", "tau": "0.002"}
    return Combining(
        rule=FedAdam(**{name: Decimal(value) for name, value in numbers.items()}),
        schedule=Schedule(course=Steps(final=Decimal("0.11"), times=14), warm_up=21),
        site_schedule=Schedule(course=Steps(final=Decimal("0.17"), times=19), warm_up=23),
        control=False,
        proximal=Decimal("0.0123"),
        sites_per_round=3,
        stop=EarlyStop(
            metric=Line("balanced accuracy"),
            rule=StoppingRule(aim=Aim.HIGHER, patience=37, window=53, margin=Decimal("0.0271")),
        ),
    )


def varied(plan: ReviewPlan) -> Iterator[tuple[str, Plain, ReviewPlan]]:
    """The plan with each leaf changed in turn: where, to what, and the plan."""
    plain = to_plain(plan)
    for path, leaf in leaves(plain):
        if path == VOTELESS:
            continue
        for other in _others(leaf):
            try:
                yield path, other, from_plain(ReviewPlan, _with(plain, path, other))
            except RecordInvalid:
                continue
            break
        else:
            assert path in BOUND, f"no other value was found for {path}: {leaf!r}"


def spellings(leaf: Plain) -> set[str]:
    """How a leaf may be written for people."""
    if isinstance(leaf, int):
        return {str(leaf), f"{leaf:,}", f"{leaf} reviewers"}
    text = cast(str, leaf)
    found = {text}
    if text.startswith("sha256:"):
        found.add(f"{text[:15]}…{text[-4:]}")
    if text.endswith("Z"):
        found.add(text.replace("T", " "))
    try:
        number = Decimal(text)
    except ArithmeticError:
        return found
    rounded = number.quantize(Decimal("0.01"), rounding="ROUND_CEILING")
    return found | {str(rounded), f"{number.normalize():e}".replace("e-0", "e-")}


def _others(leaf: Plain) -> Iterator[Plain]:
    if isinstance(leaf, int):
        yield from (leaf + 979, leaf + 1, 8, leaf - 1)
        return
    text = cast(str, leaf)
    if text.endswith("Z") and "T" in text:
        yield _moved(text, 1)
        yield _moved(text, -1)
        return
    try:
        yield decimal_text(Decimal(text) * 2 + Decimal("0.007193"))
        return
    except ArithmeticError:
        pass
    prefix, colon, digits = text.partition(":")
    if colon and digits:
        yield f"{prefix}:{'0' if digits[0] != '0' else '1'}{digits[1:]}"
        # Where keys are sorted, they stay so.
        yield f"{text[:-1]}{'0' if digits[-1] != '0' else '1'}"
    yield from (word for word in _WORDS if text in _WORDS and word != text)
    yield from (text + "x", text + ".1", "age", "hospital-b")
    yield text[:3] + ("0" if text[3:4] != "0" else "1") + text[4:]


def _moved(text: str, seconds: int) -> str:
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return instant_text(moment + timedelta(seconds=seconds))


def _with(plain: Plain, path: str, leaf: Plain) -> Plain:
    """The plain value with one leaf replaced; `path` is as `leaves` writes it."""
    if not path:
        return leaf
    [(step, rest)] = re.findall(r"^\.?(\w+|\[\d+\])(.*)$", path)
    if isinstance(plain, dict):
        return {**plain, step: _with(plain[step], rest, leaf)}
    assert isinstance(plain, list)
    place = int(step.strip("[]"))
    return [*plain[:place], _with(plain[place], rest, leaf), *plain[place + 1 :]]
