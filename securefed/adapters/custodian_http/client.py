"""The coordinator's side: asks a custodian for its key cards and for the opening of sums.

Promises that nothing is believed without the signature of the custodian whose key was given from
elsewhere, that an answer is for the request that was sent, and that no more of it is taken than the
round can have. Holds no secret but the coordinator's signing key.
"""

import hashlib
import http.client
import json
import ssl
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from securefed.adapters.custodian_http.announcement import Announcement, body_parts
from securefed.adapters.custodian_http.answers import (
    LARGEST_TRAILER,
    Cards,
    Proved,
    SignedAnswer,
    largest_answer,
    read_words,
    record_of,
)
from securefed.adapters.custodian_http.signed_request import RequestLine, signed_headers
from securefed.aggregation.chunks import Words
from securefed.aggregation.shape import shape_of
from securefed.domain.checkpoint import Checkpoint, parse_checkpoint
from securefed.domain.identifiers import Digest, ExchangeKey, PublicKey, StudyId
from securefed.domain.key_card import KeyCard, SignedCard
from securefed.domain.ledger import Verify
from securefed.domain.records import to_bytes
from securefed.domain.update import Roster, Seal
from securefed.domain.witnessing import KeyedNote, Witness, Witnessed
from securefed.errors import (
    CheckpointInvalid,
    ConfigInvalid,
    CustodianUnreachable,
    CustodyRefused,
    SealInvalid,
    SecurefedError,
    StorageFailed,
    all_errors,
)
from securefed.ports import Clock, Entropy, Signer

_LARGEST_DOCUMENT = 1 << 20
_LARGEST_ANSWER = 1 << 21
_PART = 1 << 18
# Who is there takes a connection at once; opening a large sum takes minutes.
_CONNECT_S, _WAIT_S = 10.0, 300.0


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who asks, and what the asking works with."""

    signer: Signer
    verify: Verify
    clock: Clock
    entropy: Entropy


class CustodianClient:
    """One custodian, at an address, with the key that it must answer with."""

    def __init__(
        self, address: str, custodian: PublicKey, caller: Caller, authority: Path | None = None
    ) -> None:
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
            raise ConfigInvalid(f"{address!a} is not the address of a custodian")
        self._address = address
        self._host, self._port = parts.hostname, parts.port
        self._tls = None
        if parts.scheme == "https":
            self._tls = ssl.create_default_context(cafile=authority)
        self.key = custodian
        self.caller = caller

    def cards(self, study: StudyId) -> tuple[KeyCard, ...]:
        """The study's key cards, each with its signature checked."""
        return tuple(one.card for one in self.signed_cards(study))

    def signed_cards(self, study: StudyId) -> tuple[SignedCard, ...]:
        """The same with their signatures, for those who check them again."""
        found = record_of(Cards, self._document(f"/studies/{study}/cards")).cards
        cards = [one.check(self.key, self.caller.verify) for one in found]
        if any(card.study != study for card in cards):
            raise CustodyRefused(f"The custodian gave key cards of another study than {study}")
        return found

    def public_key(self, study: StudyId) -> bytes:
        """The newest lattice key's bytes; its digest is in its card, and is compared by the user
        of the key."""
        return self._document(f"/studies/{study}/public-key")

    def checkpoint(self) -> Checkpoint:
        """The head of the custodian's log, signed by it."""
        try:
            found = parse_checkpoint(self._document("/checkpoint").decode("utf-8"))
        except UnicodeDecodeError as error:
            raise CheckpointInvalid("The answer is not text in UTF-8") from error
        if not found.vouched_by_site(self.key, self.caller.verify):
            raise CheckpointInvalid("The checkpoint is not signed by the custodian")
        return found

    def witness(self, study: StudyId, notes: tuple[KeyedNote, ...]) -> Witnessed:
        """Shows it others' checkpoints; they come back with its signature, and its own with them.

        Signatures under checkpoints are checked by whoever relies on them."""
        body = to_bytes(Witness(notes=notes))
        path = f"/studies/{study}/checkpoints"
        line = self._signed_line(path, [body])
        headers = signed_headers(line, self.caller.signer)
        with self._connected() as connection, tempfile.TemporaryFile() as file:
            _send(connection, path, iter([body]), headers)
            _copy(_answered(connection), file, _LARGEST_ANSWER)
            file.seek(0)
            answer = record_of(Witnessed, file.read())
        if answer.own.key != self.key:
            raise CheckpointInvalid("The checkpoint is not the custodian's own")
        return answer

    def custodian(self, study: StudyId, round_number: int) -> "StudyCustodian":
        """The custodian of a round."""
        fitting = [one for one in self.cards(study) if one.first_round <= round_number]
        if not fitting:
            raise CustodyRefused(f"No key of {study} is for round {round_number}")
        return StudyCustodian(self, fitting[-1])

    def post(self, path: str, announcement: Announcement, file: BinaryIO, most: int) -> "Answered":
        """Sends a sum; the answer, as long as it is not longer than it can be."""
        line = self._line(path, announcement, file)
        headers = signed_headers(line, self.caller.signer)
        with ExitStack() as closing:
            answer = closing.enter_context(tempfile.TemporaryFile())
            with self._connected() as connection:
                _send(connection, path, body_parts(announcement, file), headers)
                _copy(_answered(connection), answer, most)
            answer.seek(0)
            closing.pop_all()
            return Answered(asked=line.digest, file=answer)

    def _line(self, path: str, announcement: Announcement, file: BinaryIO) -> RequestLine:
        return self._signed_line(path, body_parts(announcement, file))

    def _signed_line(self, path: str, parts: Iterable[bytes]) -> RequestLine:
        running, length = hashlib.sha256(), 0
        for part in parts:
            running.update(part)
            length += len(part)
        return RequestLine(
            custodian=self.key,
            method="POST",
            path=path,
            at=self.caller.clock.now(),
            once=Digest("sha256:" + self.caller.entropy.token().hex()),
            length=length,
            body=Digest("sha256:" + running.hexdigest()),
        )

    def _document(self, path: str) -> bytes:
        with self._connected() as connection, tempfile.TemporaryFile() as file:
            connection.request("GET", path)
            _copy(_answered(connection), file, _LARGEST_DOCUMENT)
            file.seek(0)
            return file.read()

    @contextmanager
    def _connected(self) -> Iterator[http.client.HTTPConnection]:
        if self._tls is None:
            connection = http.client.HTTPConnection(self._host, self._port, timeout=_CONNECT_S)
        else:
            connection = http.client.HTTPSConnection(
                self._host, self._port, timeout=_CONNECT_S, context=self._tls
            )
        try:
            connection.connect()
            connection.sock.settimeout(_WAIT_S)
            yield connection
        except (OSError, http.client.HTTPException) as error:
            what = f"The custodian does not answer: {type(error).__name__}"
            raise CustodianUnreachable(what, where=self._address) from error
        finally:
            connection.close()


@dataclass(frozen=True, kw_only=True)
class Answered:
    """An answer that came whole, and the request that it must name."""

    asked: Digest
    file: BinaryIO


class StudyCustodian:
    """A custodian of one round, as the coordinator calls it."""

    def __init__(self, client: CustodianClient, card: KeyCard) -> None:
        self._client = client
        self.card = card

    @property
    def holds(self) -> Digest | ExchangeKey:
        """Which key of a seal it has."""
        return self.card.key

    def open(self, seal: Seal, roster: Roster, file: BinaryIO) -> Iterator[Words]:
        """Opens a round's sum: the words, all of them checked before the first is given out."""
        said = Announcement(seal=seal, roster=roster, expected=None)
        shape, client = shape_of(seal), self._client
        path = f"/studies/{self.card.study}/openings"
        answered = client.post(path, said, file, largest_answer(shape))
        with answered.file:
            asked, verify = answered.asked, client.caller.verify
            yield from read_words(answered.file, asked, shape, client.key, verify)

    def prove(self, seal: Seal, roster: Roster, file: BinaryIO, expected: Digest) -> bool:
        """Whether a canary's sum opens to words of this digest."""
        said = Announcement(seal=seal, roster=roster, expected=expected)
        path = f"/studies/{self.card.study}/canaries"
        answered = self._client.post(path, said, file, LARGEST_TRAILER)
        with answered.file:
            signed = record_of(SignedAnswer, answered.file.read())
        answer = signed.check(self._client.key, self._client.caller.verify)
        if not isinstance(answer, Proved) or answer.asked != answered.asked:
            raise SealInvalid("The answer is for another request")
        return answer.proved


def _send(
    connection: http.client.HTTPConnection,
    path: str,
    parts: Iterator[bytes],
    headers: dict[str, str],
) -> None:
    try:
        connection.request("POST", path, body=parts, headers=headers)
    except (BrokenPipeError, ConnectionResetError):
        # It refused before it read everything. Why, it has said, if anything can still be read.
        return


def _answered(connection: http.client.HTTPConnection) -> http.client.HTTPResponse:
    """The answer; a refusal as the error that it names."""
    response = connection.getresponse()
    if response.status == http.client.OK:
        return response
    raise _refusal(response.read(_LARGEST_DOCUMENT))


def _refusal(said: bytes) -> SecurefedError:
    known = {one.code: one for one in all_errors()}
    try:
        document = json.loads(said)
        code, what = str(document["error"]["code"]), str(document["error"]["what"])
    except (ValueError, LookupError, TypeError):
        return CustodianUnreachable("What answers at the address is no custodian")
    kind = known.get(code, CustodianUnreachable)
    return kind("The custodian says: " + "".join(one for one in what if one.isprintable())[:300])


def _copy(response: http.client.HTTPResponse, file: BinaryIO, most: int) -> None:
    total = 0
    while part := response.read(_PART):
        total += len(part)
        if total > most:
            raise SealInvalid("The custodian's answer is longer than it can be")
        try:
            file.write(part)
        except OSError as error:
            raise StorageFailed(f"Cannot keep the answer: {error.strerror}") from error
    if response.length:
        raise CustodianUnreachable("The answer ended too early")
