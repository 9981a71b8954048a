"""What the claims of one report stand on: facts in words, evidence by kind, and what is so.

Evidence is here only where the thing itself is in the ledger, or was checked while the report was
made. So a site without a co-signed checkpoint has no witnesses, however it is run.
"""

from collections.abc import Callable, Mapping

from securefed.domain.claims import Condition, Grounds, Needs, Source
from securefed.domain.evidence_witness import Vouched
from securefed.domain.identifiers import DatasetId
from securefed.domain.report.chronicle import RequestStory
from securefed.domain.report.subject import DatasetFigures, Subject, steps_of
from securefed.domain.report.wording import (
    at,
    counted,
    day,
    derived,
    free,
    listed,
    loss_words,
    share,
    small,
    unit_of,
)
from securefed.domain.round import RoundState
from securefed.domain.rules.speak import shown
from securefed.domain.site import Sandbox
from securefed.domain.study import Suite

_READER = "whoever had this report written"


def grounds_of(subject: Subject) -> Grounds:
    """The grounds of the whole report."""
    return Grounds(facts=_facts(subject), found=_found(subject), so=_so(subject))


def dataset_facts(subject: Subject, dataset: DatasetId) -> dict[str, str]:
    """What sentences about one dataset say of it."""
    card, _ = subject.card(dataset)
    figures = subject.figures.get(dataset)
    facts = {
        "dataset": dataset,
        "unit": unit_of(card.unit),
        "bound": str(card.unit.bound),
        "records": f"{card.records:,}",
        "units": f"{card.units:,}",
        "adjacency": "adding or removing" if card.adjacency == "add-remove" else "replacing",
    }
    return facts if figures is None else facts | _figure_facts(figures)


def _figure_facts(figures: DatasetFigures) -> dict[str, str]:
    loss = figures.loss
    ran = "; ".join(steps_of(one) for one in figures.ran) or "nothing"
    return {
        "epsilon": shown(loss.epsilon),
        "delta": small(loss.delta),
        "bound_epsilon": shown(loss.upper_bound),
        "replace_epsilon": shown(loss.replace_one),
        "accountant": loss.accountant,
        "mechanisms": ran,
        "allowed": f"ε = {figures.allowance.epsilon} at δ = {small(figures.allowance.delta)}",
        "second": "no figure" if figures.second is None else shown(figures.second),
        "order": str(figures.allowance.order),
    }


# --- facts ---------------------------------------------------------------------------------------


def _facts(subject: Subject) -> dict[str, str]:
    chronicle, asked = subject.chronicle, subject.asked
    register, machine = chronicle.register, subject.machine
    stories = subject.approved
    return {
        "site": register.site.site,
        "title": register.site.title,
        "entries": counted(register.head.size, "entry", "entries"),
        "head": register.head.hash.short(),
        "at": day(asked.at),
        "since": "" if asked.since is None else day(asked.since),
        "study": asked.study or "",
        "version": asked.version,
        "package": "no version" if machine is None else f"securefed {machine.package}",
        "requesters": listed(one.request.requester for one in subject.requests),
        "reviewers": listed(approval.what.by for story in stories for approval in story.approvals),
        "studies": listed((_study_words(one) for one in stories), "no study"),
        "left": _left(subject),
        "attempts": counted(len(subject.attempts), "attempt"),
        "budgets": _each(subject, _budget_words),
        "losses": _each(subject, lambda _, one: loss_words(one.loss)),
        "unit_words": listed(
            (unit_of(subject.card(one)[0].unit) for one in subject.datasets), "record"
        ),
        "second_name": subject.second_name,
        "witnesses": _witnesses(subject.vouched),
        "vouched": str(subject.vouched),
        "opened": counted(_openings(subject)[0], "sum"),
        "alarms": "no alarm" if not _alarms(subject) else counted(_alarms(subject), "alarm"),
        "refused": _refused(subject),
        "policy": register.policy.name,
        "trust": _trust(stories),
    }


def _witnesses(vouched: Vouched) -> str:
    return listed((*vouched.by, *([_READER] if vouched.held else [])))


def _study_words(story: RequestStory) -> str:
    study = story.request.study
    return f"“{study.title}” ({study.study})"


def _left(subject: Subject) -> str:
    kinds: dict[str, int] = {}
    for story, _ in subject.committed:
        study, part = story.request.study, story.request.part
        sealed = "encrypted update" if study.sealing.suite is not Suite.NONE else "open update"
        kinds[sealed] = kinds.get(sealed, 0) + 1
        if part.metrics is not None:
            kind = "sealed noisy metric set" if study.sealing.tally else "noisy metric set"
            kinds[kind] = kinds.get(kind, 0) + 1
    return listed((counted(number, kind) for kind, number in kinds.items()), "nothing")


def _budget_words(subject: Subject, one: DatasetFigures) -> str:
    now = subject.chronicle.budgets[one.allowance.dataset][-1]
    promised = now.counted - now.charged
    until = one.allowance.expires_at
    ends = "" if until is None else f", until {day(until)}"
    return (
        f"of the allowed ε = {one.allowance.epsilon} at δ = {small(one.allowance.delta)}{ends}, "
        f"{share(now.charged, now.cap)} is used by what ran, {share(promised, now.cap)} promised "
        f"to what may still run, and {free(now.cap - now.counted, now.cap)} free"
    )


def _each(subject: Subject, words: Callable[[Subject, DatasetFigures], str]) -> str:
    """A phrase for each dataset, with its name where there are several."""
    said = []
    for dataset in subject.datasets:
        figures = subject.figures.get(dataset)
        phrase = "nothing is allowed" if figures is None else words(subject, figures)
        said.append(f"{dataset}: {phrase}")
    return "; ".join(said) or "there is no dataset"


def _refused(subject: Subject) -> str:
    total = sum(one.count for noted in subject.chronicle.refused for one in noted.what.refused)
    return counted(total, "call")


def _trust(stories: list[RequestStory]) -> str:
    """What opening one site's update would take, in the weakest study."""
    suites = {one.request.study.sealing.suite for one in stories}
    if not suites:
        return "that nothing left in a way that the ledger does not record"
    if Suite.NONE in suites:
        return "that nobody kept the updates, which were not encrypted"
    if Suite.BFV in suites or Suite.MASK in suites:
        return "that the coordinator and the one custodian do not work together"
    return "that the two custodians are independent of each other"


# --- evidence ------------------------------------------------------------------------------------


def _found(subject: Subject) -> Mapping[Needs, Source]:
    chronicle = subject.chronicle
    approvals = [noted.entry for one in subject.approved for noted in one.approvals]
    committed = [one.entries[-1] for _, one in subject.committed]
    charged = [index for one in subject.datasets for index in subject.charges(one).entries]
    opened, custodians = _openings(subject)
    found = {
        Needs.LEDGER: derived(subject.whole.entries),
        Needs.RECOUNT: derived(_grants(subject) + charged),
        Needs.APPROVALS: at(*approvals),
        Needs.GRANT: at(*_grants(subject)),
        Needs.CARD: at(*(chronicle.cards[one][-1].entry for one in subject.datasets)),
        Needs.CHARGES: derived(charged),
        Needs.RELEASES: at(*committed),
        Needs.POLICY: at(*(one.entry for one in chronicle.policies[-1:])),
        Needs.REFUSALS: at(*(one.entry for one in chronicle.refused)),
        Needs.SEALING: at(*_sealed(subject)),
        Needs.SELF_TESTS: at(*_proved(subject)),
        Needs.WALLS: at(*_walled(subject)),
        Needs.METRICS: at(*_measured(subject)),
    }
    if charged and all(subject.figures[one].second is not None for one in subject.figures):
        found[Needs.SECOND_ACCOUNTANT] = derived(charged)
    if opened:
        found[Needs.OPENINGS] = Source(how=f"the logs of {listed(custodians)}")
    if (vouched := subject.vouched).entries:
        how = f"a checkpoint of {vouched}, signed or held by {_witnesses(vouched)}"
        found[Needs.WITNESSES] = Source(how=how)
    if subject.asked.attack is not None:
        found[Needs.ATTACK] = Source(how=f"an audit's result, {subject.asked.attack[0].short()}")
    return found


def _grants(subject: Subject) -> list[int]:
    grants = (subject.chronicle.grants.get(one, [])[-1:] for one in subject.datasets)
    return [noted.entry for newest in grants for noted in newest]


def _sealed(subject: Subject) -> list[int]:
    """The approvals, where every one of them asks for encryption."""
    plans = [(one, subject.plan_of(one)) for one in subject.approved]
    if any(one.request.study.sealing.suite is Suite.NONE for one, _ in plans):
        return []
    return [plan.entry for _, plan in plans if plan is not None]


def _proved(subject: Subject) -> list[int]:
    """The self-tests, where every encrypted round has one that passed."""
    sealed = [
        attempt
        for story, attempt in subject.committed
        if story.request.study.sealing.suite is not Suite.NONE
    ]
    proofs = [one.proof for one in sealed]
    if not all(one is not None and not one.what.failed for one in proofs):
        return []
    return [one.entry for one in proofs if one is not None]


def _walled(subject: Subject) -> list[int]:
    """The approvals, where every one of them shows a sandbox."""
    plans = [plan for one in subject.approved if (plan := subject.plan_of(one)) is not None]
    walls = {plan.what.plan.machine.sandbox for plan in plans}
    return [plan.entry for plan in plans] if walls == {Sandbox.BUBBLEWRAP} else []


def _measured(subject: Subject) -> list[int]:
    return [
        attempt.entries[-1]
        for story, attempt in subject.committed
        if story.request.part.metrics is not None
    ]


def _openings(subject: Subject) -> tuple[int, list[str]]:
    """How many sums of the reported studies were opened, and by whom."""
    wanted = {one.request.study.study for one in subject.requests}
    opened: set[tuple[str, int]] = set()
    who = []
    for log in subject.logs.values():
        own = {
            (study, number)
            for study, custody in log.studies.items()
            if study in wanted
            for number, opening in custody.opened.items()
            if opening.turn not in custody.failed
        }
        opened |= own
        who += [str(log.custodian.custodian)] if own else []
    return len(opened), who


def _alarms(subject: Subject) -> int:
    return len(subject.asked.attack[1].alarms) if subject.asked.attack is not None else 0


# --- conditions ----------------------------------------------------------------------------------


def _so(subject: Subject) -> set[Condition]:
    stories = subject.approved
    suites = {one.request.study.sealing.suite for one in stories}
    ran = any(one.attempt.state is not RoundState.REFUNDED for _, one in subject.attempts)
    columns = {subject.card(one)[0].unit.column for one in subject.datasets}
    plans = [plan.what.plan for one in stories if (plan := subject.plan_of(one)) is not None]
    grants = [one.allowance for name, one in subject.figures.items() if name in subject.datasets]
    holds = {
        Condition.APPROVED: bool(stories),
        Condition.NOT_APPROVED: not stories,
        Condition.RAN: ran,
        Condition.NOTHING_RAN: not ran,
        Condition.SEALED: bool(suites) and Suite.NONE not in suites,
        Condition.UNSEALED: Suite.NONE in suites,
        Condition.DUAL_CUSTODY: suites == {Suite.BFV_MASK},
        Condition.SINGLE_CUSTODY: bool(suites & {Suite.BFV, Suite.MASK}),
        Condition.PLAIN_PROCESS: any(one.machine.sandbox is Sandbox.PROCESS for one in plans),
        Condition.OWN_CODE: any(one.request.study.recipe.own_code for one in plans),
        Condition.UNIT_IS_RECORD: None in columns,
        Condition.UNIT_IS_COLUMN: bool(columns - {None}),
        Condition.GRANTED: bool(grants),
        Condition.NOT_GRANTED: not grants,
        Condition.NO_SHARES: bool(grants) and not any(one.shares for one in grants),
        Condition.SINCE: subject.asked.since is not None,
        Condition.ONE_STUDY: subject.asked.study is not None,
        Condition.MEASURED: any(one.request.part.metrics is not None for one in stories),
        Condition.VOTED: any(one.request.study.fusion is not None for one in stories),
        Condition.REFUSED: bool(subject.chronicle.refused),
    }
    return {condition for condition, so in holds.items() if so}
