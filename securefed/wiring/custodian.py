"""The composition root of custodians: a folder becomes a party, and a party a service.

Like `wiring`, it alone opens the adapters, each when it is first needed: looking at a custodian's
log loads neither numpy nor FastAPI, and a custodian for masks never loads TenSEAL.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from securefed.adapters.custodian_folder import CustodianFolder, StudyKeyFiles
from securefed.adapters.ed25519_keys import create_key, load_key, verify
from securefed.adapters.site_folder import SeenCheckpoints, keep_checkpoint, kept_checkpoint
from securefed.adapters.sqlite_store import create_ledger, open_ledger
from securefed.adapters.this_machine import SystemClock, SystemEntropy
from securefed.domain.checkpoint import Checkpoint
from securefed.domain.custody_log import CustodyEntry
from securefed.domain.identifiers import Digest, ExchangeKey, Name, PublicKey
from securefed.domain.key_card import Holds, KeyCard
from securefed.domain.records import from_bytes
from securefed.errors import KeyUnsafe, LedgerBroken
from securefed.parties.custodian import CustodianParty, NewKey
from securefed.parties.witness import OwnLedger, PartyWitness
from securefed.ports import Clock, LedgerStore, Signer
from securefed.steps.keep_custody import CustodyLog
from securefed.steps.open_round import StudyKey
from securefed.steps.vouch_checkpoint import newest_checkpoint

if TYPE_CHECKING:
    from securefed.adapters.custodian_http.client import CustodianClient
    from securefed.adapters.custodian_http.serving import Listening as Listening


@dataclass(frozen=True, kw_only=True)
class OpenCustodian:
    """A custodian's folder and the party that works in it."""

    folder: CustodianFolder
    party: CustodianParty

    def serve(self, listening: "Listening", ready: Callable[[str], None]) -> None:
        """Answers requests until it is told to end."""
        from securefed.adapters.custodian_http.service import Patience, service
        from securefed.adapters.custodian_http.serving import run_service
        from securefed.adapters.custodian_http.signed_request import RequestGuard

        self.party.check()
        guard = RequestGuard(self.party.signer.key, verify, SystemClock())
        run_service(service(self.party, guard, self.folder.passing, Patience()), listening, ready)


def init_custodian(root: Path, custodian: Name, holds: Holds) -> OpenCustodian:
    """A new custodian: its folder, its signing key, and the first entry of its log."""
    folder = CustodianFolder(root)
    folder.create()
    signer = create_key(folder.own_key, f"custodian {custodian}")
    opened = _opened(folder, custodian, create_ledger(folder.log), signer, SystemClock())
    opened.party.found(holds)
    return opened


def open_custodian(root: Path) -> OpenCustodian:
    """The custodian in a folder, its log replayed and checked."""
    folder = CustodianFolder(root).existing()
    signer, store = load_key(folder.own_key), open_ledger(folder.log)
    opened = _opened(folder, _named(store), store, signer, SystemClock())
    opened.party.log.register()
    return opened


def custodian_client(
    address: str, custodian: PublicKey, signer: Signer, authority: Path | None = None
) -> "CustodianClient":
    """The coordinator's way to a custodian."""
    from securefed.adapters.custodian_http.client import Caller, CustodianClient

    caller = Caller(signer=signer, verify=verify, clock=SystemClock(), entropy=SystemEntropy())
    return CustodianClient(address, custodian, caller, authority)


def listening(
    host: str, port: int, certificate: Path | None, certificate_key: Path | None
) -> "Listening":
    """Where a custodian listens."""
    from securefed.adapters.custodian_http.serving import Listening

    return Listening(host=host, port=port, certificate=certificate, certificate_key=certificate_key)


def _opened(
    folder: CustodianFolder, custodian: Name, store: LedgerStore, signer: Signer, clock: Clock
) -> OpenCustodian:
    log = CustodyLog(
        custodian,
        store,
        signer,
        verify,
        clock,
        keep=lambda head: keep_checkpoint(folder.kept_checkpoint, head),
        kept=kept_checkpoint(folder.kept_checkpoint),
    )
    files = StudyKeyFiles(folder)
    party = CustodianParty(
        log=log,
        signer=signer,
        verify=verify,
        cabinet=files,
        make=_new_study_key,
        load=lambda card: _study_key(files, card),
        witnessing=_witness(folder, log, signer),
    )
    return OpenCustodian(folder=folder, party=party)


def _witness(folder: CustodianFolder, log: CustodyLog, signer: Signer) -> PartyWitness:
    def keep(offered: Checkpoint) -> None:
        newest = newest_checkpoint(kept_checkpoint(folder.cosigned), offered)
        keep_checkpoint(folder.cosigned, newest)

    own = OwnLedger(newest=log.checkpoint, contains=log.check_contains, keep=keep)
    return PartyWitness(log.custodian, signer, verify, own, SeenCheckpoints(folder.seen))


def _named(store: LedgerStore) -> Name:
    """Who the first entry says that the custodian is; replaying checks it."""
    first = next(iter(store.entries()), None)
    if first is None:
        raise LedgerBroken("The log has no first entry")
    return from_bytes(CustodyEntry, first.data).custodian


def _new_study_key(holds: Holds) -> NewKey:
    if holds is Holds.MASK:
        from securefed.adapters.masking.study_key import new_mask_study_key

        key, secret = new_mask_study_key()
        return NewKey(holds=key, secret=secret, public=b"")
    from securefed.adapters.tenseal_sealing.study_key import new_lattice_key

    digest, secret, public = new_lattice_key()
    return NewKey(holds=digest, secret=secret, public=public)


def _study_key(files: StudyKeyFiles, card: KeyCard) -> StudyKey:
    if isinstance(card.key, ExchangeKey):
        from securefed.adapters.masking.study_key import MaskStudyKey

        return MaskStudyKey.from_file(files.secret(card), card.key)
    from securefed.adapters.tenseal_sealing.study_key import LatticeStudyKey

    if not isinstance(card.key, Digest):
        raise KeyUnsafe("A key card has neither a lattice key nor a key for masks")
    return LatticeStudyKey.from_files(files.secret(card), files.public(card), card.key)
