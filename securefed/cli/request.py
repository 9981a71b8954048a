"""`securefed request`: read what is asked of a site, and decide."""

from pathlib import Path
from typing import Annotated

import typer

from securefed.cli.options import HERE, ActAs, KeyFile, Reason, SiteDir, acting, open_site
from securefed.cli.output import AsJson, answer, table, working
from securefed.cli.plan_view import approve_command, changes_text, plan_text
from securefed.domain.canonical import Plain
from securefed.domain.identifiers import Digest, RequestId
from securefed.domain.plan import ReviewPlan
from securefed.domain.records import to_plain
from securefed.domain.register import FiledRequest
from securefed.domain.sheet import moment

app = typer.Typer(no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The request, like cr-7f3a90b1c2d4.")]


@app.command("receive")
def receive(
    file: Annotated[Path, typer.Argument(help="The signed request that a data scientist sent.")],
    site: SiteDir = HERE,
    as_json: AsJson = False,
) -> None:
    """File a signed request. Nothing runs: it waits for a decision.

    Example: securefed request receive readmission.hospital-a.request.json
    """
    from securefed.wiring import basics

    request = open_site(site).party.receive(basics.read_request_file(file))
    answer(
        as_json,
        "request-filed",
        {"request": request},
        f"Filed as {request}.",
        f"securefed request plan {request}",
    )


@app.command("list")
def list_requests(site: SiteDir = HERE, as_json: AsJson = False) -> None:
    """Show every request and where it stands.

    Example: securefed request list
    """
    filed = open_site(site).party.register().requests
    rows = [_row(name, one) for name, one in filed.items()]
    headings = ("request", "study", "by", "state", "filed", "expires")
    answer(
        as_json,
        "requests",
        {"requests": [dict(zip(headings, row, strict=True)) for row in rows]},
        table(headings, rows, "No request has been filed."),
    )


@app.command("show")
def show(
    name: Name,
    site: SiteDir = HERE,
    diff: Annotated[bool, typer.Option("--diff", help="Only what changed.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show a request and its decisions; with --diff, what changed since the last approved one.

    Example: securefed request show cr-7f3a90b1c2d4 --diff
    """
    party, request = open_site(site).party, RequestId(name)
    if diff:
        plan = party.plan(request)
        changes = {"earlier": plan.earlier, "changes": [to_plain(one) for one in plan.changes]}
        answer(as_json, "request-changes", {"request": name, **changes}, changes_text(plan))
        return
    filed = party.register().request(request)
    approvals = [f"{one.by} at {moment(one.at)}: {one.reason}" for one in filed.approvals]
    answer(
        as_json,
        "request",
        {
            "request": name,
            "state": filed.state,
            "reason": filed.reason,
            "asked": to_plain(filed.signed.request),
            "approvals": [
                {
                    "by": one.by,
                    "at": to_plain(one.at),
                    "plan": one.plan_digest,
                    "reason": one.reason,
                }
                for one in filed.approvals
            ],
        },
        "\n".join(
            [
                f"{name} is {filed.state}" + (f": {filed.reason}" if filed.reason else ""),
                *(f"  approved by {line}" for line in approvals),
            ]
        ),
        f"securefed request plan {name}",
    )


@app.command("plan")
def plan(name: Name, site: SiteDir = HERE, as_json: AsJson = False) -> None:
    """Print the review plan: everything that approving would allow, and its digest.

    Example: securefed request plan cr-7f3a90b1c2d4
    """
    party, request = open_site(site).party, RequestId(name)
    with working("Drawing up the plan"):
        drawn = party.plan(request)
    state = party.register().request(request).state
    answer(as_json, "review-plan", plan_document(drawn), plan_text(drawn, state))


@app.command("approve")
def approve(
    name: Name,
    digest: Annotated[str, typer.Option("--plan", help="The digest of the plan that you read.")],
    site: SiteDir = HERE,
    by: ActAs = None,
    key: KeyFile = None,
    reason: Reason = "Approved as planned",
    as_json: AsJson = False,
) -> None:
    """Approve exactly the plan with this digest.

    Example: securefed request approve cr-7f3a90b1c2d4 --plan sha256:9b1c…
    """
    opened, request = open_site(site), RequestId(name)
    opened.party.approve(request, Digest(digest), acting(opened, by, key, reason))
    filed = opened.party.register().request(request)
    given, wanted = len(filed.approvals), filed.approvals[0].plan.reviewers
    answer(
        as_json,
        "approval",
        {"request": name, "state": filed.state, "approvals": given, "needed": wanted},
        f"{name} is {filed.state}; {given} of {wanted} approvals.",
        "securefed budget show" if given == wanted else f"another reviewer runs: {_again(filed)}",
    )


@app.command("deny")
def deny(
    name: Name,
    reason: Reason,
    site: SiteDir = HERE,
    by: ActAs = None,
    key: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Say no to a pending request. It stays in the ledger and can't be approved any more.

    Example: securefed request deny cr-7f3a90b1c2d4 --reason "Purpose is unclear"
    """
    opened = open_site(site)
    opened.party.deny(RequestId(name), acting(opened, by, key, reason))
    answer(as_json, "denial", {"request": name}, f"{name} is denied.", "securefed request list")


@app.command("revoke")
def revoke(
    name: Name,
    reason: Reason,
    site: SiteDir = HERE,
    by: ActAs = None,
    key: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """End an approval at once. What its rounds have spent stays spent; the rest is free again.

    Example: securefed request revoke cr-7f3a90b1c2d4 --reason "Contract ended"
    """
    opened = open_site(site)
    opened.party.revoke(RequestId(name), acting(opened, by, key, reason))
    answer(as_json, "revocation", {"request": name}, f"{name} is revoked.", "securefed budget show")


def plan_document(drawn: ReviewPlan) -> dict[str, Plain]:
    """A plan as JSON: the plan as it is signed, and its digest."""
    return {"request": drawn.request.request, "digest": drawn.digest, "plan": to_plain(drawn)}


def _row(name: RequestId, filed: FiledRequest) -> tuple[str, ...]:
    asked = filed.signed.request
    return (
        name,
        asked.study.study,
        asked.requester,
        filed.state,
        moment(asked.filed_at),
        moment(asked.expires_at),
    )


def _again(filed: FiledRequest) -> str:
    return approve_command(filed.approvals[0].plan) + " --as NAME --key FILE"
