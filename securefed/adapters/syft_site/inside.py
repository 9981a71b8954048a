"""Calls PySyft's services as the site's first owner, within the site's process.

A call goes the way that every call goes, with its role, its checks and its own database session;
only the network and the door are left out. What PySyft raises is told as a failure of the site,
with its class and no word of its text, which may hold what a data scientist sent.
"""

from collections.abc import Iterable
from typing import Any

from securefed.adapters.syft_site.pysyft import (
    UID,
    AuthedServiceContext,
    Datasite,
    ServiceRole,
    SyftAPICall,
    SyftError,
    SyftException,
    SyftSuccess,
)
from securefed.errors import StorageFailed


class Inside:
    """The owner's way into a datasite."""

    def __init__(self, datasite: Datasite) -> None:
        self.datasite = datasite

    @property
    def context(self) -> AuthedServiceContext:
        """For the few services that only PySyft's own code calls."""
        return AuthedServiceContext(
            server=self.datasite, credentials=self.datasite.verify_key, role=ServiceRole.ADMIN
        )

    def call(self, path: str, **given: Any) -> Any:
        """What a service returns."""
        call = SyftAPICall(server_uid=self.datasite.id, path=path, args=[], kwargs=given)
        signed = call.sign(self.datasite.signing_key)
        try:
            found = self.datasite.handle_api_call_with_unsigned_result(signed)
        except SyftException as error:
            raise failed(path, error) from None
        if isinstance(found, SyftError):
            raise failed(path, found)
        return found.value if isinstance(found, SyftSuccess) else found

    def forget(self, objects: Iterable[UID]) -> None:
        """Removes objects for good; what PySyft calls deleting keeps a part of them."""
        stash = self.datasite.services.action.stash
        with stash.sessionmaker() as session, session.begin():
            for uid in objects:
                session.execute(stash.table.delete().where(stash.table.c.id == uid))


def failed(path: str, error: object) -> StorageFailed:
    """The error for something that PySyft did not do."""
    return StorageFailed(f"PySyft did not do '{path}': {type(error).__name__}")
