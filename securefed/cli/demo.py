"""`securefed demo`: three example sites on this machine, from their founding to approved requests.

Everything is real: keys, ledgers, accounting, signatures. The data are the synthetic mocks of the
example sites. Nothing is trained, because no datasite is started here.
"""

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from securefed.cli.output import AsJson, answer, table, working
from securefed.cli.plan_view import plan_text
from securefed.domain.canonical import Plain
from securefed.domain.findings import Verdict
from securefed.domain.identifiers import AccountId, Line, RequestId, SiteId
from securefed.domain.plan import ReviewPlan
from securefed.domain.records import to_plain
from securefed.domain.request import RequestState
from securefed.domain.rules.speak import shown
from securefed.domain.site import Account, Role
from securefed.errors import AlreadyExists

if TYPE_CHECKING:
    from securefed.domain.study import Study
    from securefed.wiring import OpenSite

_OWNER, _REVIEWER, _SCIENTIST = AccountId("olivia"), AccountId("ravi"), AccountId("dana")
_EPSILON, _DELTA = Decimal(3), Decimal("1e-6")
_REASON = Line("Demonstration")


@dataclass(frozen=True, kw_only=True)
class Walked:
    """One site at the end of the demonstration."""

    site: "OpenSite"
    plan: ReviewPlan
    state: RequestState


def demo(
    keep: Annotated[
        Path | None,
        typer.Option("--keep", help="Keep the sites in this folder to explore them."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Walk a study over three example sites on this machine, up to its approval.

    Example: securefed demo --keep demo
    """
    with ExitStack() as stack:
        folder = (
            _new_folder(keep) if keep else Path(stack.enter_context(tempfile.TemporaryDirectory()))
        )
        walked = _walk(folder)
        where = f"\n\nThe sites are kept in {folder}." if keep else ""
        answer(
            as_json,
            "demo",
            {
                "study": to_plain(walked[0].plan.request.study),
                "sites": [_document(one) for one in walked],
            },
            f"{plan_text(walked[0].plan)}\n\n{_summary(walked)}{where}",
            f"securefed budget show --site {walked[0].site.folder.root}"
            if keep
            else "read README.md",
        )


def _new_folder(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise AlreadyExists(
            f"The folder cannot be made: {error.strerror}", where=str(folder)
        ) from error
    return folder


def _walk(folder: Path) -> list[Walked]:
    from securefed import wiring
    from securefed.config import load_study

    study = load_study(wiring.shipped_file("sites/study.toml"))
    wiring.new_key(folder / "dana.key", _SCIENTIST)
    wiring.new_key(folder / "ravi.key", _REVIEWER)
    return [_walk_site(folder, study, part.site) for part in study.participants]


def _walk_site(folder: Path, study: "Study", name: SiteId) -> Walked:
    with working(f"{name}: founding the site, registering data, granting an allowance"):
        site = _prepare(folder, name)
    with working(f"{name}: filing the request, drawing up its plan, approving it"):
        request = _file(folder, study, site)
        plan = site.party.plan(request)
        reviewer = site.acting(_REVIEWER, folder / "ravi.key", _REASON)
        if plan.verdict is not Verdict.REFUSE:
            site.party.approve(request, plan.digest, reviewer)
    return Walked(site=site, plan=plan, state=site.party.register().request(request).state)


def _prepare(folder: Path, name: SiteId) -> "OpenSite":
    from securefed import wiring
    from securefed.steps import prepare_site

    description = wiring.shipped_file(f"sites/{name}")
    settings = wiring.load_site(description / "site.toml")
    site = wiring.init_site(folder / name, name, settings.title, _OWNER)
    ledger, owner = site.party.ledger, site.acting(_OWNER, None, _REASON)
    prepare_site.adopt_policy(ledger, wiring.find_policy("baseline"), owner)
    for who, role in ((_SCIENTIST, Role.SCIENTIST), (_REVIEWER, Role.REVIEWER)):
        key = wiring.load_signer(folder / f"{who}.key").key
        prepare_site.admit_account(ledger, Account(account=who, key=key, roles=(role,)), owner)
    card = site.add_data(description / "dataset.toml", owner)
    asked = prepare_site.AllowanceAsked(dataset=card.dataset, epsilon=_EPSILON, delta=_DELTA)
    prepare_site.grant_allowance(ledger, asked, owner)
    return site


def _file(folder: Path, study: "Study", site: "OpenSite") -> RequestId:
    from securefed import wiring
    from securefed.steps.submit_request import write_request

    ledger, signer = site.party.ledger, wiring.load_signer(folder / "dana.key")
    return site.party.receive(write_request(study, ledger.site, _SCIENTIST, signer, ledger.now()))


def _summary(walked: list[Walked]) -> str:
    rows = [
        (
            one.plan.site,
            str(one.plan.card.units),
            shown(one.plan.loss.epsilon),
            str(one.plan.loss.delta),
            one.plan.verdict,
            one.state,
            str(one.site.party.ledger.register().head.size),
        )
        for one in walked
    ]
    return table(("site", "units", "ε", "δ", "verdict", "request", "ledger entries"), rows, "")


def _document(walked: Walked) -> Plain:
    return {
        "name": walked.plan.site,
        "records": walked.plan.card.records,
        "request": walked.plan.request.request,
        "plan": walked.plan.digest,
        "loss": to_plain(walked.plan.loss),
        "verdict": walked.plan.verdict,
        "state": walked.state,
        "checkpoint": walked.site.party.checkpoint().note(),
    }
