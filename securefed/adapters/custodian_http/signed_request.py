"""A request's signed line: who asks which custodian for what, with which body, when.

Promises that a request counts for one custodian, method, path and body, once, and within two
minutes. Those that came are remembered for as long as they would count, and a custodian that starts
accepts none from before, so a restart forgets nothing that matters. It keeps nothing secret: over a
network there is TLS for that.
"""

import base64
import binascii
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from securefed.domain.canonical import prefixed
from securefed.domain.identifiers import Digest, PublicKey, Signature
from securefed.domain.ledger import Verify
from securefed.domain.numbers import count
from securefed.domain.records import from_bytes, record_digest, to_bytes
from securefed.errors import IntegrityError, RequestRefused, UsageError
from securefed.ports import Clock, Signer

REQUEST_KIND = "custodian-request"
LINE_HEADER = "securefed-request"
SIGNATURE_HEADER = "securefed-signature"
WINDOW = timedelta(minutes=2)


@dataclass(frozen=True, kw_only=True)
class RequestLine:
    """What a request is, in one signed line."""

    custodian: PublicKey
    method: str
    path: str
    at: datetime
    once: Digest
    length: int
    body: Digest

    def __post_init__(self) -> None:
        count("bytes of the body", self.length)

    @property
    def digest(self) -> Digest:
        """What the answer names."""
        return record_digest(REQUEST_KIND, self)

    @property
    def signed(self) -> bytes:
        """What the coordinator signs."""
        return prefixed(REQUEST_KIND, to_bytes(self))


def signed_headers(line: RequestLine, signer: Signer) -> dict[str, str]:
    """The headers of a signed request."""
    return {
        LINE_HEADER: base64.b64encode(to_bytes(line)).decode("ascii"),
        SIGNATURE_HEADER: signer.sign(line.signed),
        "content-length": str(line.length),
        "content-type": "application/octet-stream",
    }


class RequestGuard:
    """Lets a request through once, if it is for this custodian and signed by the right key."""

    def __init__(self, custodian: PublicKey, verify: Verify, clock: Clock) -> None:
        self._custodian = custodian
        self._verify = verify
        self._clock = clock
        self._started = clock.now()
        self._seen: dict[Digest, datetime] = {}
        self._lock = threading.Lock()

    def admit(
        self, method: str, path: str, headers: Mapping[str, str], signer: PublicKey
    ) -> RequestLine:
        """The signed line of a request; refuses one that is not right in every part."""
        line, signature = _parsed(headers)
        if not self._verify(signer, line.signed, signature):
            raise RequestRefused("The request is not signed by the study's coordinator")
        if (line.custodian, line.method, line.path) != (self._custodian, method, path):
            raise RequestRefused("The request was signed for something else")
        if headers.get("content-length") != str(line.length):
            raise RequestRefused("The body does not have the length that was signed")
        self._remember(line)
        return line

    def _remember(self, line: RequestLine) -> None:
        now = self._clock.now()
        if abs(now - line.at) > WINDOW or line.at < self._started:
            raise RequestRefused(
                f"The request is of {line.at:%H:%M:%S}Z, and it is {now:%H:%M:%S}Z"
            )
        with self._lock:
            self._seen = {one: at for one, at in self._seen.items() if abs(now - at) <= WINDOW}
            if line.once in self._seen:
                raise RequestRefused("The request came before")
            self._seen[line.once] = line.at


def _parsed(headers: Mapping[str, str]) -> tuple[RequestLine, Signature]:
    try:
        stored = base64.b64decode(headers.get(LINE_HEADER, ""), validate=True)
        return from_bytes(RequestLine, stored), Signature(headers.get(SIGNATURE_HEADER, ""))
    except (ValueError, binascii.Error, IntegrityError, UsageError) as error:
        raise RequestRefused("The request has no signed line") from error
