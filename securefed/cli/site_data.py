"""`securefed site make-mock | erase-data | pause | resume`: data before and after a study.

Each decision is one entry of the ledger, which a serving site follows by itself.
"""

from pathlib import Path
from typing import Annotated

import typer

from securefed.cli.options import HERE, ActAs, KeyFile, Reason, SiteDir, acting, open_site
from securefed.cli.output import AsJson, answer, write_text
from securefed.domain.identifiers import DatasetId
from securefed.errors import AlreadyExists

NeededReason = Annotated[str, typer.Option("--reason", help="Why, for the ledger.")]


def make_mock(
    file: Annotated[Path, typer.Argument(help="The dataset.toml that describes the data.")],
    out: Annotated[Path, typer.Option("--out", help="The new file, which ends with .csv.")],
    as_json: AsJson = False,
) -> None:
    """Write the mock that the site would make up, to look at it before anything is registered.

    It is made from the description alone: columns, ranges and values. No data is read.

    Example: securefed site make-mock dataset.toml --out mock.csv
    """
    from securefed.config import load_card
    from securefed.steps.make_mock import mock_text

    draft = load_card(file)
    if out.exists():
        raise AlreadyExists("The file exists already", where=str(out))
    write_text(out, mock_text(draft.mock_plan))
    answer(
        as_json,
        "mock",
        {"dataset": draft.dataset, "file": str(out), "records": draft.mock_plan.records},
        f"{out}: {draft.mock_plan.records} made-up records. Nothing of the data is in it.",
        f"securefed site add-data {file}",
    )


def erase_data(
    dataset: Annotated[str, typer.Argument(help="The dataset to withdraw.")],
    reason: NeededReason,
    site: SiteDir = HERE,
    by: ActAs = None,
    key: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Withdraw a dataset: its requests end, nothing reads it again, and its budget stays spent.

    The site forgets where the data lie. The file itself is yours, and you delete it.

    Example: securefed site erase-data admissions --reason "The agreement ended"
    """
    opened, name = open_site(site), DatasetId(dataset)
    left = opened.erase_data(name, acting(opened, by, key, reason))
    lines = "".join(f"\n  {place}" for place in left)
    answer(
        as_json,
        "data-erased",
        {"dataset": name, "left": list(left)},
        f"{name} is erased at {opened.settings.site}. These files are yours, and are left:{lines}",
        "securefed request list",
    )


def pause(
    site: SiteDir = HERE,
    by: ActAs = None,
    key: KeyFile = None,
    reason: Reason = "Paused by the owner",
    as_json: AsJson = False,
) -> None:
    """Let no round begin and no request be filed. Rounds that have begun go on.

    To end one of them, revoke its request.

    Example: securefed site pause --reason "Maintenance"
    """
    from securefed.steps.prepare_site import pause_site

    opened = open_site(site)
    pause_site(opened.party.ledger, acting(opened, by, key, reason))
    answer(
        as_json,
        "site-paused",
        {"site": opened.settings.site, "paused": True},
        f"{opened.settings.site} is paused.",
        "securefed site resume",
    )


def resume(
    site: SiteDir = HERE,
    by: ActAs = None,
    key: KeyFile = None,
    reason: Reason = "Resumed by the owner",
    as_json: AsJson = False,
) -> None:
    """End a pause.

    Example: securefed site resume
    """
    from securefed.steps.prepare_site import resume_site

    opened = open_site(site)
    resume_site(opened.party.ledger, acting(opened, by, key, reason))
    answer(
        as_json,
        "site-resumed",
        {"site": opened.settings.site, "paused": False},
        f"{opened.settings.site} is no longer paused.",
        "securefed request list",
    )
