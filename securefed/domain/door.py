"""What a site's door lets through to PySyft: pure decisions over a request that is not trusted yet.

Everything that is not named here is refused: another path, another service, another kind of
account, a call that does not wait for its answer. PySyft checks roles itself; this list is the
second lock, and the only one for what PySyft offers to everybody (its environment, its peers).
Nothing here reads bytes or asks for the time.
"""

from dataclasses import dataclass, field
from enum import StrEnum

MIB = 1024 * 1024


class Reason(StrEnum):
    """Why a request was refused. The ledger counts these; it never keeps what was sent."""

    PATH = "path"
    SERVICE = "service"
    NOT_BLOCKING = "not-blocking"
    OTHER_SITE = "other-site"
    CALLER = "caller"
    SIGNATURE = "signature"
    FORM = "form"
    TOO_LARGE = "too-large"
    TOO_SLOW = "too-slow"
    TOO_MANY = "too-many"


# The only role that calls over the network. An owner works on the site's own machine.
CALLER_ROLE = "data-scientist"

API = "/api/v2"
CALL_PATH = f"{API}/api_call"
METADATA_PATH = f"{API}/metadata"

# Method and path, and the largest body: who the site is, and calls. Nobody logs in, since each call
# is signed with a key that the ledger names. Not registration, the password's reset, the list of
# services, or the proxying of streams between servers.
ROUTES: dict[tuple[str, str], int] = {
    ("GET", METADATA_PATH): 0,
    ("POST", CALL_PATH): 4 * MIB,
}

# Each service that a data scientist or the coordinator calls, and what for.
SERVICES: dict[str, str] = {
    "user.get_current_user": "the client asks whose key it has",
    "dataset.get_all": "finds the datasets, and the owner's reference asset that a request names",
    "code.request_code_execution": "submits code and asks for its approval, in one call",
    "code.get_by_service_func_name": "finds one's own request again",
    "code_status.get_by_uid": "what became of one's own request",
    "action.set": "hands over the small arguments of a call",
    "code.call": "runs the approved function",
    "action.get": "fetches the small result of a call, or a mock",
}

# The types that those calls consist of, as PySyft names them on the wire. No tensor, table or
# archive is among them: what decompresses or loads a library never reaches PySyft's reader.
WIRE_TYPES = frozenset(
    {
        *("NoneType", "bool", "int", "float", "str", "bytes", "list", "tuple", "dict", "type"),
        *("UID", "SyftVerifyKey", "nacl_verify_key", "ServerIdentity"),
        *("SubmitUserCode", "Matches", "UserOwned"),
        *("inspect_Signature", "inspect_Parameter", "inspect_ParameterKind"),
        *("AnyActionObject", "TwinMode"),
    }
)


@dataclass(frozen=True, kw_only=True)
class Refused:
    """A refusal: the reason, and a sentence for whoever knocked."""

    reason: Reason
    what: str


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call as its bytes say, before PySyft has seen it."""

    service: str
    blocking: bool
    site: str
    types: frozenset[str] = field(default_factory=frozenset)


def refused_route(method: str, path: str) -> Refused | None:
    """Whether nothing at this path is for anybody outside."""
    if (method, path) in ROUTES:
        return None
    return Refused(reason=Reason.PATH, what="This site does not answer at this path.")


def refused_size(method: str, path: str, size: int) -> Refused | None:
    """Whether a body, as declared or as read so far, is larger than its path takes."""
    largest = ROUTES[method, path]
    if size <= largest:
        return None
    return Refused(reason=Reason.TOO_LARGE, what=f"This path takes at most {largest} bytes.")


def refused_caller(role: str | None) -> Refused | None:
    """Whether a key belongs to nobody here, or to somebody who does not work over the network."""
    if role == CALLER_ROLE:
        return None
    return Refused(reason=Reason.CALLER, what="Only this site's data scientists call over HTTP.")


def refused_call(call: Call, site: str) -> Refused | None:
    """Whether a call is none of those that a data scientist makes."""
    if not call.blocking:
        what = "Calls wait for their answer here; nothing is queued."
        return Refused(reason=Reason.NOT_BLOCKING, what=what)
    if call.site != site:
        return Refused(reason=Reason.OTHER_SITE, what="The call is for another site.")
    if call.service not in SERVICES:
        return Refused(reason=Reason.SERVICE, what="This service is not offered over HTTP.")
    if not call.types <= WIRE_TYPES:
        return Refused(reason=Reason.FORM, what="The call carries a type that is not taken.")
    return None


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How fast one address may go: so many a second, and so many at once after a pause."""

    each_second: float
    at_once: int


@dataclass(frozen=True, kw_only=True)
class Allowed:
    """What is left of an address's pace at a moment."""

    left: float
    at: float


def paced(before: Allowed | None, now: float, pace: Pace) -> Allowed | None:
    """What is left after one more request now; None where it is one too many."""
    if before is None:
        return Allowed(left=pace.at_once - 1, at=now)
    grown = before.left + max(0.0, now - before.at) * pace.each_second
    left = min(float(pace.at_once), grown) - 1
    return None if left < 0 else Allowed(left=left, at=now)
