"""Calls a site's PySyft over HTTP or TLS, signed by a person's own key, which stays where it is.

Nobody logs in: the site knows the public key from its ledger, and each call carries a signature.
The key also signs requests and proofs, so that a call is refused here if its bytes could ever be
read as one of those. A CA that is named is the only one that is trusted; the environment's proxies
and CAs are not asked; answers are bounded and must be signed by the site that was met first.
"""

import json
from pathlib import Path
from typing import Any, Final

import requests

from securefed.adapters.syft_site.connections import Connections
from securefed.adapters.syft_site.pysyft import (
    UID,
    ServerIdentity,
    SignedSyftAPICall,
    SyftAPICall,
    SyftError,
    SyftException,
    SyftSuccess,
    SyftVerifyKey,
    deserialize,
    serialize,
)
from securefed.domain.canonical import prefixed
from securefed.domain.door import CALL_PATH, METADATA_PATH
from securefed.errors import ErrandGarbled, LoginRefused, SiteUnreachable
from securefed.ports import Signer

_SECONDS: Final = 120
_LONGEST_ANSWER: Final = 2**24
_PREFIX: Final = prefixed("x", b"").partition(b"x")[0]


class CallFailed(Exception):
    """PySyft refused a call. Never leaves this adapter; its text is the site's."""


class Calls:
    """A site, as one person calls it. Any number of threads may call at once."""

    def __init__(self, host: str, port: int, signer: Signer, authority: Path | None) -> None:
        self.where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._base = f"{'https' if authority else 'http'}://{self.where}"
        self._verify = str(authority) if authority else True
        self._signer = signer
        self._connections = Connections()
        self.key = SyftVerifyKey.from_string(signer.key.removeprefix("ed25519:"))
        self.identity = self._met()

    def call(self, path: str, **given: Any) -> Any:
        """What a service of the site returns."""
        call = SyftAPICall(server_uid=self.identity.server_id, path=path, args=[], kwargs=given)
        body = self._exchanged("POST", CALL_PATH, serialize(self._signed(serialize(call))))
        found = self._read(body)
        if isinstance(found, SyftError):
            raise CallFailed(found.message)
        return found.value if isinstance(found, SyftSuccess) else found

    def close(self) -> None:
        """Ends the connections, which a site that is stopping would otherwise wait for."""
        self._connections.close()

    def _signed(self, content: bytes) -> SignedSyftAPICall:
        if content.startswith(_PREFIX):
            raise ErrandGarbled("The call could be read as another signed document")
        signature = bytes.fromhex(self._signer.sign(content))
        return SignedSyftAPICall(
            credentials=self.key, serialized_message=content, signature=signature
        )

    def _met(self) -> ServerIdentity:
        try:
            told = json.loads(self._exchanged("GET", METADATA_PATH, None))
            return ServerIdentity(
                server_name=told["name"],
                server_id=UID.from_string(told["id"]),
                verify_key=SyftVerifyKey.from_string(told["verify_key"]),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise self._no_site() from error

    def _read(self, body: bytes) -> Any:
        try:
            answer = deserialize(body)
            if answer.credentials == self.identity.verify_key and answer.is_valid:
                return deserialize(answer.serialized_message).data
        # PySyft's reader fails in as many ways as there are types.
        except (AttributeError, LookupError, TypeError, ValueError, SyftException) as error:
            raise self._no_site() from error
        raise SiteUnreachable("The answer is not signed by the site", where=self.where)

    def _exchanged(self, method: str, path: str, body: bytes | None) -> bytes:
        try:
            with (
                self._connections.lent() as session,
                session.request(
                    method,
                    self._base + path,
                    data=body,
                    headers={"Accept-Encoding": "identity"},
                    verify=self._verify,
                    allow_redirects=False,
                    timeout=_SECONDS,
                    stream=True,
                ) as answer,
            ):
                content: bytes = answer.raw.read(_LONGEST_ANSWER + 1, decode_content=False)
                return self._accepted(answer.status_code, content)
        except requests.exceptions.SSLError as error:
            raise SiteUnreachable(
                "The CA does not vouch for this site", where=self.where
            ) from error
        except (requests.RequestException, OSError) as error:
            raise self._no_site() from error

    def _accepted(self, status: int, content: bytes) -> bytes:
        if status == requests.codes.forbidden:
            raise LoginRefused("The site does not let this key in", where=self.where)
        if status != requests.codes.ok or len(content) > _LONGEST_ANSWER:
            raise self._no_site()
        return content

    def _no_site(self) -> SiteUnreachable:
        return SiteUnreachable("The site did not answer as a site does", where=self.where)
