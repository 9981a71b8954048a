"""The witness in each party: signs what it sees of others' ledgers, and remembers it.

Promises that the newest head of each ledger it signed is on its disk before the signature leaves;
that a head which is shorter than one it signed, or another one of the same size, is refused and
said; and that what others bring never changes its own ledger: a checkpoint of its own is kept only
where its ledger contains it, with those signatures whose keys it has seen.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Protocol

from securefed.domain.checkpoint import Checkpoint
from securefed.domain.identifiers import Name, PublicKey, Sentence, SiteId
from securefed.domain.ledger import Verify
from securefed.domain.witnessing import MOST_SEEN, KeyedNote, RefusedNote, Witnessed
from securefed.errors import CheckpointInvalid, EnvironmentFault, SecurefedError
from securefed.ports import Signer
from securefed.steps.vouch_checkpoint import signed_note


class WitnessShelf(Protocol):
    """Where a party keeps what it saw of others, by key."""

    def seen(self) -> Mapping[PublicKey, KeyedNote]:
        """The newest of each."""
        ...

    def keep(self, note: KeyedNote) -> None:
        """Replaces what was kept of one key; it is on the disk when this returns."""
        ...


@dataclass(frozen=True, kw_only=True)
class OwnLedger:
    """A party's own ledger or log: its head, signed; `contains` refuses what is none of it, and
    `keep` holds it against a checkpoint from now on."""

    newest: Callable[[], Checkpoint]
    contains: Callable[[Checkpoint], None]
    keep: Callable[[Checkpoint], object]


class PartyWitness:
    """One party's witness. Any thread may ask."""

    def __init__(
        self, name: Name, signer: Signer, verify: Verify, own: OwnLedger, shelf: WitnessShelf
    ) -> None:
        self._name, self._signer, self._verify = name, signer, verify
        self._own, self._shelf = own, shelf
        self._asking = Lock()

    def ask(self, brought: tuple[KeyedNote, ...]) -> Witnessed:
        """Takes in checkpoints, and shows the newest one of its own."""
        signed, refused = list[KeyedNote](), list[RefusedNote]()
        with self._asking:
            seen = dict(self._shelf.seen())
            for note in brought:
                try:
                    signed += self._taken(note, seen)
                except EnvironmentFault:
                    raise
                except SecurefedError as error:
                    what = Sentence(" ".join(str(error).split())[: Sentence.longest])
                    refused.append(RefusedNote(key=note.key, code=Name(error.code), what=what))
        own = KeyedNote(key=self._signer.key, note=self._own.newest().note())
        return Witnessed(own=own, signed=tuple(signed), refused=tuple(refused))

    def _taken(self, note: KeyedNote, seen: dict[PublicKey, KeyedNote]) -> list[KeyedNote]:
        checkpoint = note.checked(self._verify)
        if note.key == self._signer.key:
            self._own.contains(checkpoint)
            self._own.keep(self._by_known(checkpoint, seen))
            return []
        if checkpoint.site == SiteId(self._name):
            raise CheckpointInvalid(f"The checkpoint of {self._name} is not signed by it")
        before = seen.get(note.key)
        if before is None and len(seen) >= MOST_SEEN:
            raise CheckpointInvalid(f"{MOST_SEEN} ledgers are seen already, which is the most")
        made = signed_note(note, before, self._name, self._signer, self._verify)
        self._shelf.keep(made)
        seen[note.key] = made
        return [made]

    def _by_known(self, checkpoint: Checkpoint, seen: Mapping[PublicKey, KeyedNote]) -> Checkpoint:
        """The checkpoint with its own signature and those of parties that were seen, too."""
        known = [(one.checked(self._verify).site, key) for key, one in seen.items()]
        return checkpoint.among(self._signer.key, known, self._verify)
