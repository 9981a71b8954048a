"""A checkpoint: three lines that pin a ledger, and signatures under them.

    securefed.ledger/hospital-a
    42
    8sT0…=

    — securefed.ledger/hospital-a Az3b…=

The text is the origin, the number of entries and the hash of the last; the signatures follow the
C2SP signed-note format, so other tools can check them. A person can paste it into an e-mail.
Parties who have co-signed a checkpoint can show later that a ledger was rewritten or cut short.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from securefed.domain.identifiers import Digest, PublicKey, Signature, SiteId
from securefed.domain.ledger import Head, Verify
from securefed.errors import CheckpointInvalid, SecurefedError

_ORIGIN = "securefed.ledger/"
_COSIGNER = "securefed.cosigner/"
_ED25519 = b"\x01"
# C2SP allows more; what is pasted into an e-mail or a terminal had better be plain.
_SIGNER_NAME = re.compile(r"[A-Za-z0-9._/:-]{1,200}", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class NoteSignature:
    """Who signed, four bytes of whose key, and the signature."""

    name: str
    key_hint: str
    signature: Signature

    def __post_init__(self) -> None:
        if not _SIGNER_NAME.fullmatch(self.name):
            raise CheckpointInvalid(f"{self.name[:80]!a} is not the name of a signer")

    def line(self) -> str:
        """The signature as it stands under a checkpoint."""
        blob = base64.b64encode(bytes.fromhex(self.key_hint + self.signature)).decode("ascii")
        return f"— {self.name} {blob}"


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A site's ledger at one moment, with whoever vouches for it."""

    site: SiteId
    head: Head
    signatures: tuple[NoteSignature, ...] = ()

    @property
    def text(self) -> str:
        """The three lines that are signed."""
        hash_bytes = bytes.fromhex(self.head.hash.removeprefix("sha256:"))
        hash_line = base64.b64encode(hash_bytes).decode("ascii")
        return f"{_ORIGIN}{self.site}\n{self.head.size}\n{hash_line}\n"

    @property
    def signed(self) -> bytes:
        """What every signature is over."""
        return self.text.encode("ascii")

    def note(self) -> str:
        """The text and its signatures, as it is printed and sent."""
        return self.text + "\n" + "".join(one.line() + "\n" for one in self.signatures)

    @property
    def names_its_site(self) -> bool:
        """Whether a signature stands there in the site's name, valid or not."""
        return any(one.name == _ORIGIN + self.site for one in self.signatures)

    def by_site(self, key: PublicKey, signature: Signature) -> "Checkpoint":
        """The checkpoint with its origin's signature."""
        return self._with(_ORIGIN + self.site, key, signature)

    def cosigned(self, who: str, key: PublicKey, signature: Signature) -> "Checkpoint":
        """The checkpoint with another party's signature."""
        return self._with(_COSIGNER + who, key, signature)

    def vouched_by_site(self, key: PublicKey, verify: Verify) -> bool:
        """Whether the site's own signature is there and valid."""
        return self._vouched(_ORIGIN + self.site, key, verify)

    def vouched_by(self, who: str, key: PublicKey, verify: Verify) -> bool:
        """Whether the named party's signature is there and valid."""
        return self._vouched(_COSIGNER + who, key, verify)

    def among(
        self, key: PublicKey, others: Iterable[tuple[str, PublicKey]], verify: Verify
    ) -> "Checkpoint":
        """The checkpoint with its origin's signature and the valid ones of these, and no other."""
        known = [(_ORIGIN + self.site, key), *((_COSIGNER + who, one) for who, one in others)]
        kept: dict[str, NoteSignature] = {}
        for one in self.signatures:
            if any(self._by(one, name, signer, verify) for name, signer in known):
                kept.setdefault(one.name, one)
        return replace(self, signatures=tuple(kept.values()))

    @property
    def cosigners(self) -> tuple[str, ...]:
        """The names under the checkpoint that are not its origin's."""
        names = (one.name for one in self.signatures)
        return tuple(one.removeprefix(_COSIGNER) for one in names if one.startswith(_COSIGNER))

    def joined(self, other: "Checkpoint") -> "Checkpoint":
        """The same head with the signatures of both."""
        more = tuple(one for one in other.signatures if one not in self.signatures)
        return replace(self, signatures=(*self.signatures, *more))

    def _with(self, name: str, key: PublicKey, signature: Signature) -> "Checkpoint":
        one = NoteSignature(name=name, key_hint=_key_hint(name, key), signature=signature)
        others = tuple(other for other in self.signatures if other.name != name)
        return replace(self, signatures=(*others, one))

    def _vouched(self, name: str, key: PublicKey, verify: Verify) -> bool:
        return any(self._by(one, name, key, verify) for one in self.signatures)

    def _by(self, one: NoteSignature, name: str, key: PublicKey, verify: Verify) -> bool:
        named = one.name == name and one.key_hint == _key_hint(name, key)
        return named and verify(key, self.signed, one.signature)


def parse_checkpoint(note: str) -> Checkpoint:
    """The checkpoint of its printed form; refuses every other text."""
    try:
        text, _, below = note.partition("\n\n")
        origin, size, hash_line = text.split("\n")
        hash_bytes = base64.b64decode(hash_line, validate=True)
        checkpoint = Checkpoint(
            site=SiteId(origin.removeprefix(_ORIGIN)),
            head=Head(size=int(size), hash=Digest("sha256:" + hash_bytes.hex())),
            signatures=tuple(_signature(line) for line in below.splitlines()),
        )
    except (ValueError, binascii.Error, SecurefedError) as error:
        raise CheckpointInvalid(f"Not a checkpoint: {error}") from error
    if checkpoint.note() != note:
        raise CheckpointInvalid("The text is not as a checkpoint is written")
    return checkpoint


def _signature(line: str) -> NoteSignature:
    dash, name, blob = line.split(" ")
    if dash != "—":
        raise ValueError("a signature line begins with a long dash")
    raw = base64.b64decode(blob, validate=True)
    return NoteSignature(name=name, key_hint=raw[:4].hex(), signature=Signature(raw[4:].hex()))


def _key_hint(name: str, key: PublicKey) -> str:
    """The key id of C2SP signed-note: it tells keys apart, and proves nothing."""
    raw = bytes.fromhex(key.removeprefix("ed25519:"))
    return hashlib.sha256(name.encode("ascii") + b"\n" + _ED25519 + raw).hexdigest()[:8]
