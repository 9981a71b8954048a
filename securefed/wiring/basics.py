"""What commands work with besides a site: keys, clock, accountants, policies, shipped files."""

from decimal import Decimal
from pathlib import Path

from securefed.adapters.ed25519_keys import create_key, load_key
from securefed.adapters.request_files import read_request_file as read_request_file
from securefed.adapters.request_files import write_request_file as write_request_file
from securefed.adapters.this_machine import SystemClock
from securefed.config import (
    load_policy,
)
from securefed.domain.check import Check
from securefed.domain.identifiers import PublicKey
from securefed.domain.policy import Policy
from securefed.domain.privacy import Mechanism, PrivacyLoss
from securefed.errors import NotFound
from securefed.ports import Accountant, Clock, DataMeter, SecondAccountant, Signer


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


def find_policy(name: str) -> Policy:
    """A policy that comes with securefed, by name, or one in a file."""
    return load_policy(Path(name) if Path(name).suffix else shipped_file(f"policies/{name}.toml"))


def shipped_file(name: str) -> Path:
    """A file that comes with securefed: beside the package in a checkout, inside it otherwise."""
    package = Path(__file__).parent.parent
    for path in (package / "shipped" / name, package.parent / name):
        if path.exists():
            return path
    raise NotFound(f"securefed comes with no {name}")
