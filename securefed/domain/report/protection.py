"""Sections 2, 3 and 8: whose presence is hidden, who sees what, and how updates were encrypted."""

from collections.abc import Iterator

from securefed.domain.claims import NOT_EVIDENCED, ClaimRegister, Grounds, Source
from securefed.domain.report.model import Cell, Claims, Line, Remark, Section, Table, line, table
from securefed.domain.report.subject import Subject
from securefed.domain.report.wording import at, day, derived, listed, small, unit_of
from securefed.domain.study import Sealing, Suite

_SUITES = {
    Suite.BFV_MASK: "encrypted (BFV, 128-bit) and masked; two custodians of different kinds",
    Suite.BFV: "encrypted (BFV, 128-bit); one custodian",
    Suite.MASK: "masked; one custodian",
    Suite.NONE: "not encrypted",
}


def unit(subject: Subject, register: ClaimRegister, grounds: Grounds) -> Section:
    """Section 2."""
    return Section(
        2,
        "Privacy unit, and what is not protected",
        (
            Claims(register.of_section(2, grounds)),
            _units(subject),
            Remark("These quantities are known to others without noise:"),
            _unprotected(subject),
        ),
    )


def trust(subject: Subject, register: ClaimRegister, grounds: Grounds) -> Section:
    """Section 3."""
    return Section(
        3, "Deployment and trust", (Claims(register.of_section(3, grounds)), _parties(subject))
    )


def sealing(subject: Subject, register: ClaimRegister, grounds: Grounds) -> Section:
    """Section 8."""
    return Section(
        8,
        "Encryption",
        (
            Claims(register.of_section(8, grounds)),
            _suites(subject),
            _self_tests(subject),
            _opened(subject),
        ),
    )


def _units(subject: Subject) -> Table:
    lines = []
    for dataset in subject.datasets:
        card, source = subject.card(dataset)
        figures = subject.figures.get(dataset)
        delta = (
            Cell("none", NOT_EVIDENCED)
            if figures is None
            else Cell(
                f"{small(figures.allowance.delta)}, {figures.allowance.delta * card.units:.3f} of "
                "one unit",
                at(subject.chronicle.grants[dataset][-1].entry),
            )
        )
        values = (
            f"one {unit_of(card.unit)}",
            f"{card.unit.bound} a {unit_of(card.unit)}",
            f"{card.units:,}",
            card.adjacency,
        )
        lines.append(Line(dataset, (*(Cell(one, source) for one in values), delta)))
    return table(
        "Privacy unit of each dataset",
        ("dataset", "hidden", "records used, at most", "units", "neighbours", "δ, and δ × units"),
        lines,
        empty="No dataset is registered.",
    )


def _unprotected(subject: Subject) -> Table:
    lines = []
    for dataset in subject.datasets:
        card, source = subject.card(dataset)
        size = f"{card.records:,} records, {card.units:,} units, {len(card.columns)} column names"
        lines.append(line(f"size and columns of {dataset}", source, size, "its data card"))
    for story in subject.approved:
        part, study = story.request.part, story.request.study
        lines.append(
            line(
                f"settings of {study.study}",
                at(story.filed.entry),
                f"rate {part.training.sampling_rate}, {part.training.steps} steps a round, "
                f"{study.rounds} rounds",
                "the request, at every site of the study",
            )
        )
    lines.append(
        Line(
            "when rounds began, took steps and ended",
            (
                Cell("moments to the second", derived(_rounds(subject))),
                Cell("progress, which callers see", NOT_EVIDENCED),
            ),
        )
    )
    return table("Unprotected quantities", ("quantity", "value", "seen in"), lines)


def _rounds(subject: Subject) -> list[int]:
    return [index for _, one in subject.attempts for index in one.entries]


def _parties(subject: Subject) -> Table:
    site = subject.chronicle.register.site
    lines = [
        line(f"site {site.site}", at(0), site.key, "its data and its own updates", "its own data")
    ]
    seen: set[str] = set()
    for story in subject.approved:
        plan = subject.plan_of(story)
        if plan is None:
            continue
        for role, key, sees, trusted in _holders(story.request.study.sealing):
            if key not in seen:
                seen.add(key)
                lines.append(line(role, at(plan.entry), key, sees, trusted))
    for name in dict.fromkeys(one.request.requester for one in subject.requests):
        [first, *_] = [one for one in subject.requests if one.request.requester == name]
        key = first.request.requester_key
        sees = "plans, opened sums, the model"
        lines.append(line(f"scientist {name}", at(first.filed.entry), key, sees, "nothing"))
    return table("Who takes part", ("party", "key", "sees", "is trusted for"), lines)


def _holders(sealing: Sealing) -> Iterator[tuple[str, str, str, str]]:
    if sealing.coordinator is not None:
        sees = "encrypted updates, opened sums"
        yield "coordinator", sealing.coordinator, sees, "to run rounds, to count each site once"
    masked = sealing.suite is Suite.BFV_MASK
    for key in sealing.custodians:
        sees = "sums that are masked or encrypted" if masked else "sums"
        yield "custodian", key, sees, "to open whole sums only, once a round"


def _suites(subject: Subject) -> Table:
    lines = []
    for story in subject.approved:
        plan, sealed = subject.plan_of(story), story.request.study.sealing
        if plan is not None:
            who = listed((one.short() for one in sealed.custodians), "nobody")
            values = (
                sealed.suite.value,
                _SUITES[sealed.suite],
                f"{sealed.bits} bits within ±{sealed.reach}",
                who,
            )
            lines.append(line(story.request.study.study, at(plan.entry), *values))
    return table(
        "Protection of updates, as approved",
        ("study", "suite", "meaning", "values", "custodians"),
        lines,
        empty="Nothing was approved.",
    )


def _self_tests(subject: Subject) -> Table:
    lines = []
    for story, attempt in subject.attempts:
        if story.request.study.sealing.suite is Suite.NONE:
            continue
        proof = attempt.proof
        values = ("no self-test", "", "")
        if proof is not None:
            failed = listed(proof.what.failed, "none")
            values = (day(proof.at), f"{len(proof.what.results)}", failed)
        source = NOT_EVIDENCED if proof is None else at(proof.entry)
        lines.append(line(str(attempt.attempt.id), source, *values))
    return table(
        "Self-tests before updates were encrypted",
        ("attempt", "at", "checks", "failed"),
        lines,
        empty="No attempt was to be encrypted.",
    )


def _opened(subject: Subject) -> Table:
    wanted = {one.request.study.study for one in subject.requests}
    lines = [
        line(
            str(opening.turn),
            Source(how=f"the log of {log.custodian.custodian}"),
            log.custodian.custodian,
            listed(opening.sites),
            opening.sum.short(),
            "did not open" if opening.turn in custody.failed else "opened",
        )
        for log in subject.logs.values()
        for study, custody in log.studies.items()
        if study in wanted
        for opening in custody.opened.values()
    ]
    return table(
        "Sums that custodians opened",
        ("round", "custodian", "sites in it", "sum", "ended"),
        lines,
        empty="The evidence holds no custodian's log: not evidenced.",
    )
