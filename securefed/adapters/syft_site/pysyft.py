"""Every part of PySyft that is used, imported here once and without its noise.

Importing PySyft warns hundreds of times about its own use of other libraries, hangs a handler on
the root logger and may take a site's key, identity and mode from environment variables. Those
variables are refused before the import; warnings are silent during the import alone; the root
logger is put back as it was. Nothing of PySyft is replaced.
"""

import logging
import os
import warnings
from typing import Any

from securefed.errors import ServingUnsafe

# Read by PySyft at import or at the start of a server, each against what the site has chosen.
_FORBIDDEN = (
    *("SERVER_PRIVATE_KEY", "SERVER_UID", "DEV_MODE", "TRACING", "IGNORE_TLS_ERRORS"),
    *("CONTAINER_HOST", "SYFT_WORKER", "NETWORK_REGISTRY_JSON", "DEFAULT_WORKER_POOL_IMAGE"),
)


def check_environment() -> None:
    """Refuses a variable that would change whose site this is, or whom it talks to."""
    found = [name for name in _FORBIDDEN if name in os.environ]
    if found:
        raise ServingUnsafe("PySyft would obey the environment", where=", ".join(found))


check_environment()
_root = logging.getLogger()
_before = (_root.level, list(_root.handlers))
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from syft.client.api import ServerIdentity, SignedSyftAPICall, SyftAPICall
    from syft.client.datasite_client import DatasiteClient
    from syft.serde.deserialize import _deserialize
    from syft.serde.recursive import recursive_scheme
    from syft.serde.recursive_primitives import iterable_schema, kv_iterable_schema
    from syft.serde.serialize import _serialize
    from syft.server.credentials import SyftSigningKey, SyftVerifyKey
    from syft.server.datasite import Datasite
    from syft.server.routes import make_routes
    from syft.server.uvicorn import get_lifetime
    from syft.service.action.action_object import ActionObject
    from syft.service.action.action_permissions import ActionObjectPermission, ActionPermission
    from syft.service.code.user_code import (
        SubmitUserCode,
        UserCode,
        UserCodeStatus,
        parse_user_code,
    )
    from syft.service.context import AuthedServiceContext
    from syft.service.dataset.dataset import Contributor, CreateAsset, CreateDataset
    from syft.service.policy.policy import (
        Matches,
        MixedInputPolicy,
        SingleExecutionExactOutput,
        UserOwned,
    )
    from syft.service.request.request import RequestStatus
    from syft.service.response import SyftError, SyftSuccess
    from syft.service.user.user import User
    from syft.service.user.user_roles import ServiceRole
    from syft.store.blob_storage.on_disk import (
        OnDiskBlobStorageClientConfig,
        OnDiskBlobStorageConfig,
    )
    from syft.store.db.sqlite import SQLiteDBConfig
    from syft.types.errors import SyftException
    from syft.types.uid import UID
_root.setLevel(_before[0])
_root.handlers[:] = _before[1]


def serialize(value: Any) -> bytes:
    """A value as PySyft sends it."""
    return bytes(_serialize(value, to_bytes=True))


def inline(value: Any) -> ActionObject:
    """A value as an argument of a call, whole within it and not in a storage of its own."""
    made = ActionObject.from_obj(value)
    made.syft_action_saved_to_blob_store = False
    return made


def deserialize(content: bytes) -> Any:
    """What PySyft makes of bytes; only for what comes from a site that a client trusts."""
    return _deserialize(content, from_bytes=True)


__all__ = [
    "UID",
    "ActionObjectPermission",
    "ActionPermission",
    "AuthedServiceContext",
    "Contributor",
    "CreateAsset",
    "CreateDataset",
    "Datasite",
    "DatasiteClient",
    "Matches",
    "MixedInputPolicy",
    "OnDiskBlobStorageClientConfig",
    "OnDiskBlobStorageConfig",
    "RequestStatus",
    "SQLiteDBConfig",
    "ServerIdentity",
    "ServiceRole",
    "SignedSyftAPICall",
    "SingleExecutionExactOutput",
    "SubmitUserCode",
    "SyftAPICall",
    "SyftError",
    "SyftException",
    "SyftSigningKey",
    "SyftSuccess",
    "SyftVerifyKey",
    "User",
    "UserCode",
    "UserCodeStatus",
    "UserOwned",
    "check_environment",
    "deserialize",
    "get_lifetime",
    "inline",
    "iterable_schema",
    "kv_iterable_schema",
    "make_routes",
    "parse_user_code",
    "recursive_scheme",
    "serialize",
]
