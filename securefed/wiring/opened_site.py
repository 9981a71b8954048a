"""Opens a site's folder: its ledger, its keys, its settings, and the party that works in it."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from securefed.adapters.ed25519_keys import PooledChecker, load_key, verify
from securefed.adapters.site_folder import (
    FolderShelf,
    KeptFigures,
    SeenCheckpoints,
    SiteFolder,
    find_whereabouts,
    forget_whereabouts,
    keep_checkpoint,
    keep_mock,
    kept_checkpoint,
    note_whereabouts,
    whereabouts_of,
)
from securefed.adapters.sqlite_store import create_ledger, open_ledger
from securefed.adapters.this_machine import SystemClock, ThisMachine
from securefed.config import (
    ServeSettings,
    SiteSettings,
    load_card,
    load_site,
    site_template,
)
from securefed.domain.canonical import digest_of
from securefed.domain.check import Check
from securefed.domain.checkpoint import Checkpoint
from securefed.domain.identifiers import AccountId, DatasetId, Digest, Line, Name, SiteId
from securefed.domain.site import Account, DataCard, Role, Site
from securefed.errors import NotAllowedHere, NotFound
from securefed.parties.site import SiteParty
from securefed.parties.witness import OwnLedger, PartyWitness
from securefed.ports import LedgerStore
from securefed.steps.check_data import DataPlaces
from securefed.steps.check_site import check_site
from securefed.steps.keep_ledger import SiteLedger
from securefed.steps.make_mock import mock_text
from securefed.steps.measure_data import measured_card
from securefed.steps.prepare_site import Acting, erase_data, register_data
from securefed.steps.verify_ledger import Auditing, LedgerReport, verify_ledger
from securefed.steps.vouch_checkpoint import newest_checkpoint
from securefed.wiring.basics import accountant, meter, new_key


@dataclass(frozen=True, kw_only=True)
class OpenSite:
    """A site's folder and the party that works in it."""

    folder: SiteFolder
    settings: SiteSettings
    party: SiteParty

    def only_owner(self) -> AccountId:
        """The account that acts when none is named."""
        owners = self.party.ledger.register().owners()
        if len(owners) != 1:
            raise NotAllowedHere("This site has several owners: say who acts with --as")
        return owners[0]

    def acting(self, account: AccountId, key: Path | None, reason: Line) -> Acting:
        """A person about to decide, with their key from the folder or from elsewhere."""
        signer = load_key(key or self.folder.account_key(account))
        return Acting(account=account, signer=signer, reason=reason)

    def add_data(self, file: Path, by: Acting) -> DataCard:
        """Registers the dataset that a file describes, and notes where it lies."""
        draft = load_card(file)
        known = self.party.ledger.register().last_card(draft.dataset)
        version = 1 if known is None else known.version + 1
        noted = self.folder.whereabouts(draft.dataset)
        mock = draft.mock or keep_mock(noted, version, mock_text(draft.mock_plan))
        card = measured_card(draft, mock, version, meter())
        register_data(self.party.ledger, card, by)
        note_whereabouts(noted, whereabouts_of(draft.data, mock, draft.folders))
        return card

    def erase_data(self, dataset: DatasetId, by: Acting) -> tuple[str, ...]:
        """Ends a dataset and forgets where it lies; says what is left there. Again is no harm."""
        noted = self.folder.whereabouts(dataset)
        if dataset not in self.party.ledger.register().erased:
            erase_data(self.party.ledger, dataset, by)
        left = find_whereabouts(noted).readable if noted.exists() else ()
        asked = self.party.ledger.register().asked_of(dataset)
        kept = [path for request in asked for path in self.folder.all_kept_of(request)]
        forget_whereabouts(noted, kept)
        return left

    def checks(self) -> list[Check]:
        """Everything about this site that can be checked by reading it."""
        return check_site(self.party.ledger, self.places, meter())

    def keep(self, offered: Checkpoint) -> Checkpoint:
        """Holds the ledger against a checkpoint from now on, unless a newer one is kept."""
        self.party.ledger.check_contains(offered)
        path = self.folder.kept_checkpoint
        newest = newest_checkpoint(kept_checkpoint(path), offered)
        keep_checkpoint(path, newest)
        return newest

    def witness(self) -> PartyWitness:
        """What signs others' checkpoints in this site's name."""
        ledger = self.party.ledger
        own = OwnLedger(newest=ledger.checkpoint, contains=ledger.check_contains, keep=self.keep)
        signer, shelf = load_key(self.folder.site_key), SeenCheckpoints(self.folder.seen)
        return PartyWitness(Name(self.settings.site), signer, verify, own, shelf)

    def seen(self, of: SiteId) -> Checkpoint:
        """What this site signed last of another's ledger, or of a custodian's log."""
        shelf = SeenCheckpoints(self.folder.seen).seen().values()
        found = [one for one in (note.checked(verify) for note in shelf) if one.site == of]
        if not found:
            raise NotFound(
                f"The site has signed no checkpoint of {of}", where=str(self.folder.seen)
            )
        return max(found, key=lambda one: one.head.size)

    def verified(self) -> LedgerReport:
        """The ledger, verified from its first entry."""
        auditing = Auditing(checker=PooledChecker(), accountant=accountant())
        return verify_ledger(self.party.ledger, auditing)

    def places(self, dataset: DatasetId) -> DataPlaces:
        """Where a dataset lies on this machine."""
        lies = find_whereabouts(self.folder.whereabouts(dataset))
        folders = tuple(Path(folder) for folder in lies.folders)
        return DataPlaces(data=Path(lies.data), mock=Path(lies.mock), folders=folders)


def open_site(root: Path) -> OpenSite:
    """The site in a folder."""
    folder = SiteFolder(root).existing()
    return _opened(folder, load_site(folder.settings), open_ledger(folder.ledger))


def init_site(
    root: Path,
    site: SiteId,
    title: Line,
    owner: AccountId,
    serve: ServeSettings | None = None,
    assets: Path | None = None,
) -> OpenSite:
    """A new site: its folder, keys, and the first entry of its ledger. If it fails, nothing."""
    folder = SiteFolder(root)
    with folder.created():
        return _founded(folder, site, title, owner, site_template(site, title, serve, assets))


def _founded(
    folder: SiteFolder, site: SiteId, title: Line, owner: AccountId, settings: str
) -> OpenSite:
    folder.settings.write_text(settings, encoding="utf-8")
    site_key = new_key(folder.site_key, site)
    owner_key = new_key(folder.account_key(owner), owner)
    opened = _opened(folder, load_site(folder.settings), create_ledger(folder.ledger))
    opened.party.found(
        Site(site=site, title=title, key=site_key),
        Account(account=owner, key=owner_key, roles=(Role.OWNER,)),
    )
    return opened


@cache
def _edition(probe: ThisMachine) -> Digest:
    machine = probe.machine()
    return digest_of("edition", (machine.package_digest + machine.libraries_digest).encode())


def _opened(folder: SiteFolder, settings: SiteSettings, store: LedgerStore) -> OpenSite:
    signer = load_key(folder.site_key)
    kept = kept_checkpoint(folder.kept_checkpoint)
    ledger = SiteLedger(settings.site, store, signer, verify, SystemClock(), kept)
    fresh, here = accountant(), ThisMachine()
    party = SiteParty(
        ledger=ledger,
        accountant=fresh,
        kept_figures=KeptFigures(folder.figures, fresh, lambda: _edition(here)),
        probe=ThisMachine(settings.runner.python, settings.runner.walls),
        shelf=FolderShelf(folder.plans),
    )
    return OpenSite(folder=folder, settings=settings, party=party)
