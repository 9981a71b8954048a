"""The composition root of the exchange of checkpoints in a study's run."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from securefed.adapters.ed25519_keys import verify
from securefed.adapters.site_folder import keep_checkpoint, kept_checkpoint
from securefed.domain.checkpoint import Checkpoint
from securefed.domain.identifiers import Name, SiteId, StudyId
from securefed.domain.witnessing import KeyedNote, Witness, Witnessed
from securefed.errors import ErrandGarbled, SecurefedError, StorageFailed
from securefed.parties.checkpoint_exchange import CheckpointExchange, Kept, Shown
from securefed.parties.study_tools import Member, Noted
from securefed.wiring.remote import Ways

if TYPE_CHECKING:
    from securefed.adapters.custodian_http.client import CustodianClient


def checkpoint_exchange(
    study: StudyId,
    members: Sequence[Member],
    custodians: Sequence["CustodianClient"],
    ways: Ways,
    folder: Path,
    note: Callable[[Noted], None],
) -> CheckpointExchange:
    """The exchange among a study's sites and custodians; checkpoints are kept in the folder."""
    keys = {one.key: name for name, one in ways.federation.custodians.items()}
    parties = [
        Shown(name=Name(one.site), key=ways.federation.site(one.site).key, ask=partial(_asked, one))
        for one in members
    ]
    parties += [
        Shown(name=Name(keys[one.key]), key=one.key, ask=partial(one.witness, study))
        for one in custodians
    ]
    sites = {str(one.site) for one in members}

    def said(number: int, name: Name, error: SecurefedError) -> None:
        site = SiteId(name) if str(name) in sites else None
        words = str(error) if site is not None else f"{name}: {error}"
        note(Noted(round=number, site=site, part=Name(error.code), words=words))

    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise StorageFailed(f"Cannot make it: {error.strerror}", where=str(folder)) from error
    return CheckpointExchange(parties, verify, _kept(folder), said)


def _kept(folder: Path) -> Kept:
    def path(name: str) -> Path:
        return folder / f"{name}.checkpoint"

    def keep(checkpoint: Checkpoint) -> None:
        keep_checkpoint(path(checkpoint.site), checkpoint)

    return Kept(of=lambda name: kept_checkpoint(path(name)), keep=keep)


def _asked(member: Member, notes: tuple[KeyedNote, ...]) -> Witnessed:
    answer = member.remote.ask(member.request, Witness(notes=notes))
    if not isinstance(answer, Witnessed):
        raise ErrandGarbled("The site did not answer with checkpoints", where=member.site)
    return answer
