"""A review plan as labelled lines: one wording for the terminal, the console and reports.

Every leaf of the plan appears, so nothing that is approved is invisible; a test changes each leaf
in turn and expects other lines. Long digests are shortened at both ends, except the plan's own and
the signing key's, which a person compares in full.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from securefed.domain.budget import percent
from securefed.domain.canonical import decimal_text
from securefed.domain.findings import Level
from securefed.domain.plan import ReviewPlan
from securefed.domain.privacy import DpSgd, GaussianRelease, PrivacyLoss, PrivacyUnit
from securefed.domain.rules.speak import shown
from securefed.domain.sheet_combining import combining_lines
from securefed.domain.sheet_fusion import fusion_lines
from securefed.domain.sheet_start import start_lines
from securefed.domain.site import Sandbox
from securefed.domain.study import Participant, Study, Suite
from securefed.domain.weighting import CappedUnits, Weighting

_WALLS = {
    Sandbox.BUBBLEWRAP: "bubblewrap",
    Sandbox.PROCESS: "a plain process, no sandbox",
}

_PERSONAL = "trained by the same noised steps, but stays at this site and has no part in an update"


@dataclass(frozen=True)
class Row:
    """A label and what stands beside it."""

    label: str
    lines: tuple[str, ...]


def plan_sheet(plan: ReviewPlan) -> tuple[Row, ...]:
    """All rows of a plan, in the order in which a reviewer needs them."""
    return (
        Row("Study", _study(plan)),
        Row("Requested by", _requester(plan)),
        Row("Code", _code(plan)),
        Row("Reads", _reads(plan)),
        Row("Leaves", _leaves(plan)),
        Row("Opened by", _opened_by(plan)),
        Row("Combined", combining_lines(plan.request.study.combining)),
        Row("Mechanism", _mechanism(plan)),
        Row("Loss", _loss(plan)),
        Row("Policy", _policy(plan)),
        Row("Budget", _budget(plan)),
        Row("Rests on", _basis(plan)),
        Row("Changed", _changes(plan)),
        Row("If approved", _if_approved(plan)),
    )


def moment(at: datetime) -> str:
    """A moment as people read it."""
    return at.strftime("%Y-%m-%d %H:%M:%SZ")


def heading(plan: ReviewPlan) -> str:
    """What the plan is of."""
    name, study = plan.request.request, plan.request.study
    return f"Review plan for {name}   {study.study}, {study.rounds} rounds, site {plan.site}"


def bar(plan: ReviewPlan, width: int = 20) -> str:
    """The allowance as a bar: spent or reserved, by this request, left."""
    effect = plan.budget
    taken = _cells(effect.spent + effect.reserved, effect.cap, width)
    asked = min(width - taken, _cells(effect.reserves, effect.cap, width))
    return "█" * taken + "▓" * asked + "░" * (width - taken - asked)


def unit_text(unit: PrivacyUnit) -> str:
    """Whose presence is hidden."""
    if unit.column is None:
        return "one record"
    return f"{unit.column}, at most {unit.bound} records each"


def loss_text(loss: PrivacyLoss) -> str:
    """An (ε, δ) statement in one line, with its method, the looser figure and both adjacencies."""
    return (
        f"ε = {shown(loss.epsilon)} at δ = {_small(loss.delta)}, {loss.adjacency} one unit "
        f"({loss.accountant}; upper bound by Rényi DP {shown(loss.upper_bound)}); "
        f"replace one unit: ε = {shown(loss.replace_one)}"
    )


def _study(plan: ReviewPlan) -> tuple[str, ...]:
    study = plan.request.study
    least = f"{study.minimum_sites} of {len(study.participants)} sites"
    return (
        f"{study.title}",
        f"purpose {study.purpose}; a round needs {least}; request {plan.request_digest.short()}",
    )


def _requester(plan: ReviewPlan) -> tuple[str, ...]:
    request = plan.request
    return (
        f"{request.requester} for {request.site}, filed {moment(request.filed_at)}, "
        f"expires {moment(request.expires_at)} (valid {request.study.valid_days} days)",
        f"key {request.requester_key}",
    )


def _code(plan: ReviewPlan) -> tuple[str, ...]:
    recipe, model, machine = plan.request.study.recipe, plan.request.study.model, plan.machine
    own = "none" if recipe.own_code is None else recipe.own_code
    parameters = ", ".join(f"{one.name} = {one.value}" for one in recipe.parameters)
    return (
        f"recipe {recipe.name} {recipe.version}; own code: {own}",
        *((f"parameters: {parameters}",) if parameters else ()),
        *(f"{one.value}: {_PERSONAL}" for one in recipe.parameters if one.name == "personal"),
        *start_lines(recipe),
        f"model family {model.family}, {_numbers(plan.request.study, 'trained parameters')}",
        f"securefed {machine.package} {machine.package_digest.short()}, "
        f"libraries {machine.libraries_digest.short()}, Python {machine.interpreter}",
    )


def _reads(plan: ReviewPlan) -> tuple[str, ...]:
    card = plan.card
    columns = (f"{one.name} ({one.type}): {one.meaning}" for one in card.columns)
    return (
        f"dataset {card.dataset}, data card v{card.version}: {card.title}",
        f"data {card.data.short()}, mock {card.mock.short()}",
        f"{card.records} records of {card.units} units; unit: {unit_text(card.unit)}; "
        f"{card.adjacency}",
        f"origin: {card.origin}; licence: {card.licence}; for: {', '.join(card.purposes)}",
        *columns,
    )


def _leaves(plan: ReviewPlan) -> tuple[str, ...]:
    study = plan.request.study
    sealed = (
        "privatized updates, not sealed" if study.sealing.suite is Suite.NONE else "sealed updates"
    )
    update = f"up to {study.attempts} {sealed} of {_numbers(study, 'parameters')}"
    return (
        f"{update}, L2 ≤ {study.sealing.update_bound}, suite {study.sealing.suite}",
        f"as values of {study.sealing.bits} bits within ±{study.sealing.reach}; "
        f"{_weights(study.sealing.weighting)}",
        *_measured_lines(plan),
        "step numbers and error codes; nothing else",
    )


def _numbers(study: Study, usual: str) -> str:
    """What an update is made of."""
    return f"{study.model.parameters:,} {usual if study.fusion is None else 'counts of votes'}"


def _measured_lines(plan: ReviewPlan) -> tuple[str, ...]:
    """Whose figures anybody sees, as long as anything is measured."""
    study = plan.request.study
    if plan.request.part.metrics is None:
        return ()
    if not study.sealing.tally:
        return (f"up to {study.attempts} sets of noisy metrics of this site alone",)
    return (
        f"noisy metrics as a tally of {study.sealing.tally:,} numbers in each sealed update; only "
        "the sum over the sites is opened",
    )


def _weights(weighting: Weighting) -> str:
    if isinstance(weighting, CappedUnits):
        return f"a site counts by its units, by {weighting.cap:,} at most"
    return "every site counts alike"


def _opened_by(plan: ReviewPlan) -> tuple[str, ...]:
    sealing = plan.request.study.sealing
    if sealing.suite is Suite.NONE:
        return ("everybody who has them: updates are not sealed",)
    return (
        *(f"custodian {key}" for key in sealing.custodians),
        *(() if sealing.custodians else ("no custodian yet",)),
        f"sums from {sealing.coordinator}"
        if sealing.coordinator
        else "sums from no coordinator yet",
    )


def _mechanism(plan: ReviewPlan) -> tuple[str, ...]:
    votes = fusion_lines(plan.request.study.fusion)
    return (*mechanism_lines(plan.request.part), *votes, _runs_in(plan))


def mechanism_lines(part: Participant) -> tuple[str, ...]:
    """What one round does to a site's data."""
    metrics = "metrics: none" if part.metrics is None else _metrics(part.metrics)
    return (f"{part.dataset}: {_training(part.training)}", metrics)


def _training(one: DpSgd) -> str:
    return (
        f"{one.kind} σ={one.noise_multiplier}  q={one.sampling_rate} {one.sampling}  "
        f"{one.steps} steps a round  C={one.clip}"
    )


def _metrics(one: GaussianRelease) -> str:
    return f"metrics: {one.kind} σ={one.noise_multiplier}, {one.releases} releases a round"


def _runs_in(plan: ReviewPlan) -> str:
    return f"runs in: {_WALLS[plan.machine.sandbox]}"


def _loss(plan: ReviewPlan) -> tuple[str, ...]:
    return (
        loss_text(plan.loss),
        f"with all this dataset has released or promised: {loss_text(plan.dataset_loss)}",
        f"with all that {plan.request.requester} has had of it: {loss_text(plan.requester_loss)}",
    )


def _policy(plan: ReviewPlan) -> tuple[str, ...]:
    counts = {level: sum(one.level is level for one in plan.findings) for level in Level}
    tally = "   ".join(f"{number} {level}" for level, number in counts.items())
    return (
        f"{plan.policy} {plan.policy_digest.short()}   {tally}   verdict: {plan.verdict}",
        *(
            f"{one.level:<6} {one.rule}: {one.reason}"
            + (f" ({one.reviewers} reviewers)" if one.reviewers > 1 else "")
            for one in plan.findings
        ),
    )


def _budget(plan: ReviewPlan) -> tuple[str, ...]:
    effect, granted = plan.budget, plan.budget.allowance
    share = {
        name: percent(getattr(effect, name), effect.cap)
        for name in ("spent", "reserved", "reserves", "leaves")
    }
    until = "for good" if granted.expires_at is None else f"until {moment(granted.expires_at)}"
    return (
        f"spent {share['spent']}  reserved {share['reserved']}  →  "
        f"reserves {share['reserves']}  leaves {share['leaves']}   {bar(plan)}",
        f"allowance of {granted.dataset}: ε = {granted.epsilon} at δ = {_small(granted.delta)}, "
        f"{until}",
        *(f"{one.account}: at most ε = {one.epsilon}" for one in granted.shares),
        f"counted at Rényi order {granted.order}: spent {decimal_text(effect.spent)}, "
        f"reserved {decimal_text(effect.reserved)}, reserves {decimal_text(effect.reserves)}, "
        f"leaves {decimal_text(effect.leaves)} of {decimal_text(effect.cap)}",
    )


def _basis(plan: ReviewPlan) -> tuple[str, ...]:
    return (
        f"ledger entry {plan.basis.size} {plan.basis.hash.short()}, "
        f"plan format {plan.format_version}",
    )


def _changes(plan: ReviewPlan) -> tuple[str, ...]:
    if plan.earlier is None:
        return ("no plan of this study was approved here before",)
    if not plan.changes:
        return (f"nothing since {plan.earlier}: same code, data, mechanism, outputs and machine",)
    lines = (f"{one.what}: {one.before} → {one.after}" for one in plan.changes)
    return (f"since {plan.earlier}:", *lines)


def _if_approved(plan: ReviewPlan) -> tuple[str, ...]:
    study = plan.request.study
    spare = f" and {study.spare_attempts} spare attempts" if study.spare_attempts else ""
    people = "one reviewer" if plan.reviewers == 1 else f"{plan.reviewers} reviewers"
    return (
        f"up to {study.rounds} rounds{spare}, until {moment(plan.request.expires_at)}, "
        f"revocable at any time; needs {people}",
        *(
            f"other site {one.site}: {'; '.join(mechanism_lines(one))}"
            for one in study.participants
            if one.site != plan.site
        ),
    )


def _cells(part: Decimal, whole: Decimal, width: int) -> int:
    if not part.is_finite():
        return width
    return min(width, int((part * width / whole).to_integral_value(rounding="ROUND_CEILING")))


def _small(number: Decimal) -> str:
    """A δ in powers of ten, with all its digits."""
    return f"{number.normalize():e}".replace("e-0", "e-")
