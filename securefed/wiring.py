"""The composition root: the only module that opens adapters, each when it is first needed.

Everything else is handed what it works with. A command that only prints help imports none of this.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from securefed.adapters.ed25519_keys import PooledChecker, create_key, load_key, verify
from securefed.adapters.request_files import read_request_file, write_request_file
from securefed.adapters.site_folder import (
    FolderShelf,
    KeptFigures,
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
    CardDraft,
    ServeSettings,
    SiteSettings,
    load_card,
    load_policy,
    load_site,
    site_template,
)
from securefed.domain.canonical import digest_of
from securefed.domain.check import Check
from securefed.domain.checkpoint import Checkpoint
from securefed.domain.identifiers import AccountId, DatasetId, Digest, Line, PublicKey, SiteId
from securefed.domain.policy import Policy
from securefed.domain.privacy import Mechanism, PrivacyLoss
from securefed.domain.site import Account, DataCard, Role, Site
from securefed.domain.study import Participant, Study
from securefed.errors import NotAllowedHere, NotFound
from securefed.parties.site import SiteParty
from securefed.ports import Accountant, Clock, DataMeter, LedgerStore, SecondAccountant, Signer
from securefed.steps.check_data import DataPlaces
from securefed.steps.check_site import check_site
from securefed.steps.keep_ledger import SiteLedger
from securefed.steps.make_mock import mock_text
from securefed.steps.measure_data import measured_card
from securefed.steps.prepare_site import Acting, erase_data, register_data
from securefed.steps.verify_ledger import Auditing, LedgerReport, verify_ledger
from securefed.steps.vouch_checkpoint import newest_checkpoint

if TYPE_CHECKING:
    from securefed.adapters.opacus_training.trial import Tried as Tried


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
        forget_whereabouts(noted, [self.folder.kept_of(request) for request in asked])
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

    def verified(self) -> LedgerReport:
        """The ledger, verified from its first entry."""
        auditing = Auditing(checker=PooledChecker(), accountant=accountant())
        return verify_ledger(self.party.ledger, auditing)

    def places(self, dataset: DatasetId) -> DataPlaces:
        """Where a dataset lies on this machine."""
        lies = find_whereabouts(self.folder.whereabouts(dataset))
        folders = tuple(Path(folder) for folder in lies.folders)
        return DataPlaces(data=Path(lies.data), mock=Path(lies.mock), folders=folders)


class _Odometer:
    """The accountant, loaded when a figure is first asked for: it brings numpy and scipy."""

    def loss(self, mechanisms: tuple[Mechanism, ...], delta: Decimal) -> PrivacyLoss:
        from securefed.adapters.odometer import Odometer

        return Odometer().loss(mechanisms, delta)

    def profile(
        self, mechanisms: tuple[Mechanism, ...], epsilons: tuple[Decimal, ...]
    ) -> tuple[Decimal, ...]:
        from securefed.adapters.odometer import Odometer

        return Odometer().profile(mechanisms, epsilons)

    def divergence(self, mechanisms: tuple[Mechanism, ...], order: int) -> Decimal:
        from securefed.adapters.odometer import Odometer

        return Odometer().divergence(mechanisms, order)


def accountant() -> Accountant:
    """What derives ε for reports and plans."""
    return _Odometer()


def second_accountant() -> SecondAccountant:
    """What the accountant is compared with; it brings torch."""
    from securefed.adapters.opacus_training.prv import OpacusPrv

    return OpacusPrv()


def machine_checks() -> list[Check]:
    """What this machine can and can't do."""
    from securefed.adapters.this_machine.checks import check_machine

    return check_machine()


def clock() -> Clock:
    """The machine's clock."""
    return SystemClock()


def meter() -> DataMeter:
    """What measures data files."""
    from securefed.adapters.data_files import FileMeter

    return FileMeter()


def new_key(path: Path, label: str) -> PublicKey:
    """A new private key in a file of its own; says its public half."""
    return create_key(path, label).key


def load_signer(path: Path) -> Signer:
    """A private key from its file."""
    return load_key(path)


def open_site(root: Path) -> OpenSite:
    """The site in a folder."""
    folder = SiteFolder(root).existing()
    return _opened(folder, load_site(folder.settings), open_ledger(folder.ledger))


def init_site(
    root: Path, site: SiteId, title: Line, owner: AccountId, serve: ServeSettings | None = None
) -> OpenSite:
    """A new site: its folder, keys, and the first entry of its ledger. If it fails, nothing."""
    folder = SiteFolder(root)
    with folder.created():
        return _founded(folder, site, title, owner, site_template(site, title, serve))


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


def find_policy(name: str) -> Policy:
    """A policy that comes with securefed, by name, or one in a file."""
    return load_policy(Path(name) if Path(name).suffix else shipped_file(f"policies/{name}.toml"))


def try_study(
    study: Study,
    part: Participant,
    own_code: bytes | None,
    draft: CardDraft,
    assets: Path | None,
    on_step: Callable[[int], None],
) -> "Tried":
    """A study at one site, on the mock of the dataset that a draft describes."""
    from securefed.adapters.opacus_training.trial import try_study as tried
    from securefed.recipes.files.opening import open_source
    from securefed.recipes.fit import check_fit
    from securefed.recipes.registry import recipe_for

    recipe = recipe_for(study.recipe, assets, own_code)
    check_fit(recipe, draft.columns)
    with TemporaryDirectory() as folder:
        file = draft.mock or keep_mock(Path(folder) / "tried.json", 1, mock_text(draft.mock_plan))
        with open_source(file, draft.columns, draft.unit) as mock:
            return tried(study, part, recipe, mock, on_step)


def fetch_model(name: str, revision: str, folder: Path, hub: str | None) -> Digest:
    """A model from a hub, in a new folder; says the folder's digest."""
    from securefed.recipes.pretrained.fetching import fetch_model as fetched

    return fetched(name, revision, folder, hub)


def model_digest(folder: Path) -> Digest:
    """The digest of a model's folder."""
    from securefed.recipes.pretrained.manifest import manifest_digest

    return manifest_digest(folder)


def shipped_file(name: str) -> Path:
    """A file that comes with securefed: beside the package in a checkout, inside it otherwise."""
    package = Path(__file__).parent
    for path in (package / "shipped" / name, package.parent / name):
        if path.exists():
            return path
    raise NotFound(f"securefed comes with no {name}")


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


__all__ = [
    "OpenSite",
    "init_site",
    "load_signer",
    "load_site",
    "new_key",
    "open_site",
    "read_request_file",
    "write_request_file",
]
