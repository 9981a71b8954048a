"""Builds a PySyft datasite over a site's folder, by hand, with nothing listening and no guests.

Promises a fixed UID and key, the folder for everything that is stored, no job queue, no outgoing
mail, and that a caller without an account is refused before anybody can call. Does not serve it.
"""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from securefed.adapters.syft_site.identity import Identity
from securefed.adapters.syft_site.pysyft import (
    UID,
    AuthedServiceContext,
    Datasite,
    OnDiskBlobStorageClientConfig,
    OnDiskBlobStorageConfig,
    ServiceRole,
    SQLiteDBConfig,
    SyftAPICall,
    SyftException,
    SyftSigningKey,
    check_environment,
)
from securefed.errors import GuestsAdmitted, StorageFailed

# Above the largest call that the door lets in, so that values stay in the database, which forgets
# them when told to; PySyft keeps what it once put into blob storage for ever.
_BLOB_FROM_MIB = 16


@dataclass(frozen=True, kw_only=True)
class Root:
    """The first owner, as PySyft knows them. Only read when the folder's database is new."""

    name: str
    email: str
    password: str

    def __repr__(self) -> str:
        """Without the password, which would end up in a log."""
        return f"Root(name={self.name!r}, email={self.email!r})"


def build_datasite(folder: Path, name: str, identity: Identity, root: Root) -> Datasite:
    """The datasite of a folder; made there where there is none yet."""
    check_environment()
    database, blobs = folder / "db", folder / "blob"
    try:
        for each in (database, blobs):
            each.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise StorageFailed(f"Cannot write: {error.strerror}", where=str(folder)) from error
    with _quietly():
        datasite = Datasite(
            name=name,
            id=UID.from_string(identity.uid),
            signing_key=SyftSigningKey.from_string(identity.seed),
            root_username=root.name,
            root_email=root.email,
            root_password=root.password,
            deployment_type="remote",
            server_side_type="high",
            processes=1,
            # With a consumer, PySyft opens an unauthenticated port on every interface.
            n_consumers=0,
            db_config=SQLiteDBConfig(path=database, filename="site.db"),
            blob_storage_config=OnDiskBlobStorageConfig(
                client_config=OnDiskBlobStorageClientConfig(base_directory=blobs),
                min_blob_size=_BLOB_FROM_MIB,
            ),
        )
        _turn_guests_away(datasite)
    return datasite


def _turn_guests_away(datasite: Datasite) -> None:
    # Straight at the service: a call through the datasite would cache the setting as it was.
    context = AuthedServiceContext(
        server=datasite, credentials=datasite.verify_key, role=ServiceRole.ADMIN
    )
    datasite.services.settings.update(context, allow_guest_sessions=False, signup_enabled=False)
    call = SyftAPICall(server_uid=datasite.id, path="dataset.get_all", args=[], kwargs={})
    try:
        datasite.handle_api_call(call.sign(SyftSigningKey.generate()))
    except SyftException:
        return
    raise GuestsAdmitted("PySyft answered a caller without an account")


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """PySyft prints the database's path, sets the root logger's level and warns about itself."""
    root = logging.getLogger()
    level = root.level
    # It logs the start of its key's hash as critical.
    logging.getLogger("syft").setLevel(logging.CRITICAL + 1)
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            yield
    finally:
        root.setLevel(level)
