"""A review plan on a terminal: the sheet's rows in two columns, and how to approve it."""

import shutil
import textwrap

from securefed.domain.findings import Verdict
from securefed.domain.plan import Change, ReviewPlan
from securefed.domain.request import RequestState
from securefed.domain.sheet import Row, heading, plan_sheet

_LABEL = 14


def plan_text(
    plan: ReviewPlan, state: RequestState = RequestState.PENDING, width: int | None = None
) -> str:
    """The whole plan, and what can be done about it in this state."""
    columns = width or min(120, shutil.get_terminal_size((100, 24)).columns)
    rows = [_row(row, columns) for row in plan_sheet(plan)]
    return "\n".join(
        [heading(plan), f"plan {plan.digest}", "", *rows, "", how_to_decide(plan, state)]
    )


def changes_text(plan: ReviewPlan) -> str:
    """Only what differs from the last plan approved for this study."""
    if plan.earlier is None:
        return f"No earlier plan of the study {plan.request.study.study} was approved here."
    lines = [_change(one) for one in plan.changes] or ["nothing"]
    return "\n".join([f"Changed since {plan.earlier}:", *(f"  {line}" for line in lines)])


def how_to_decide(plan: ReviewPlan, state: RequestState) -> str:
    """The command that approves exactly this plan, or why there is none."""
    name = plan.request.request
    if state is RequestState.APPROVED:
        return (
            f'This is the approved plan. Revoke with: securefed request revoke {name} --reason "…"'
        )
    if state.closed:
        return f"The request is {state}: nothing can be decided about it any more."
    if plan.verdict is Verdict.REFUSE:
        return (
            f"The policy refuses this: only another policy can allow it. Deny with: {_deny(name)}"
        )
    return f"Approve with: {approve_command(plan)}\nDeny with:    {_deny(name)}"


def approve_command(plan: ReviewPlan) -> str:
    """The command that approves exactly this plan."""
    return f"securefed request approve {plan.request.request} --plan {plan.digest}"


def _deny(name: str) -> str:
    return f'securefed request deny {name} --reason "…"'


def _change(change: Change) -> str:
    return f"{change.what}: {change.before} → {change.after}"


def _row(row: Row, columns: int) -> str:
    indent = " " * _LABEL
    wrapped = [
        piece
        for line in row.lines
        for piece in textwrap.wrap(
            line,
            columns - _LABEL,
            subsequent_indent="  ",
            break_on_hyphens=False,
            break_long_words=False,
            replace_whitespace=False,
        )
    ]
    first, *rest = wrapped
    return "\n".join([row.label.ljust(_LABEL) + first, *(indent + piece for piece in rest)])
