"""Checkpoints of a study's parties, brought from each to all others by the coordinator.

Two calls a party and round: it shows its newest checkpoint, and takes in what others signed of the
one before; then it signs those of the others. Promises that a party which is away, lies or refuses
is said and left out, and holds nobody up; that only valid signatures are kept and passed on; and
that the coordinator keeps the newest checkpoint of each, so that it can show it, too.
"""

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Thread

from securefed.domain.checkpoint import Checkpoint, parse_checkpoint
from securefed.domain.identifiers import Name, PublicKey, SiteId
from securefed.domain.ledger import Verify
from securefed.domain.witnessing import MOST_NOTES, KeyedNote, Witnessed
from securefed.errors import CheckpointInvalid, LedgerRolledBack, SecurefedError

_AT_ONCE = 32


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A party: what it is called, the key that it has by the federation's file, a way to ask."""

    name: Name
    key: PublicKey
    ask: Callable[[tuple[KeyedNote, ...]], Witnessed]


@dataclass(frozen=True, kw_only=True)
class Kept:
    """Where the coordinator keeps checkpoints, by whose they are."""

    of: Callable[[Name], Checkpoint | None]
    keep: Callable[[Checkpoint], None]


@dataclass
class _Newest:
    """A party's newest checkpoint, with the signatures under it so far."""

    party: Shown
    checkpoint: Checkpoint
    signed: list[Checkpoint] = field(default_factory=list)


class CheckpointExchange:
    """The exchange of one study. `said` is told of what is wrong, and with whom."""

    def __init__(
        self,
        parties: Sequence[Shown],
        verify: Verify,
        kept: Kept,
        said: Callable[[int, Name, SecurefedError], None],
    ) -> None:
        self._parties, self._verify, self._kept = parties, verify, kept
        self._said_of, self._round = said, 0
        self._beside: Thread | None = None

    def begin(self, number: int, absent: Collection[str], ended: Callable[[], None]) -> None:
        """Exchanges in a thread of its own, once the exchange before is over."""

        def work() -> None:
            self.exchange(number, absent)
            ended()

        self.wait()
        self._beside = Thread(target=work, name="exchange")
        self._beside.start()

    def wait(self) -> None:
        """Returns when nothing is exchanged any more."""
        if self._beside is not None:
            self._beside.join()

    def exchange(self, number: int, absent: Collection[str] = ()) -> None:
        """Has everybody who is here sign the newest checkpoints of all others, after a round."""
        self._round = number
        here = [one for one in self._parties if one.name not in absent]
        if len(here) < 2:
            return
        with ThreadPoolExecutor(min(len(here), _AT_ONCE)) as pool:
            shown = [one for one in pool.map(self._newest, here) if one is not None]
            list(pool.map(lambda place: self._signed(place, shown), range(len(shown))))
        for one in shown:
            made = one.checkpoint
            for checkpoint in one.signed:
                made = made.joined(checkpoint)
            try:
                self._kept.keep(made)
            except SecurefedError as error:
                self._said(one.party.name, error)

    def deliver(self) -> None:
        """Brings each what others signed of it last, which the next exchange would do."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(self._newest, self._parties))

    def _said(self, name: Name, error: SecurefedError) -> None:
        self._said_of(self._round, name, error)

    def _newest(self, party: Shown) -> _Newest | None:
        kept = self._kept.of(party.name)
        brought = [] if kept is None else [KeyedNote(key=party.key, note=kept.note())]
        answer = self._asked(party, tuple(brought))
        if answer is None:
            return None
        try:
            return _Newest(party, self._checked(party, answer.own, kept))
        except SecurefedError as error:
            self._said(party.name, error)
            return None

    def _checked(self, party: Shown, own: KeyedNote, kept: Checkpoint | None) -> Checkpoint:
        checkpoint = own.checked(self._verify)
        if (own.key, checkpoint.site) != (party.key, SiteId(party.name)):
            raise CheckpointInvalid(f"{party.name} shows the checkpoint of {checkpoint.site}")
        head = checkpoint.head
        if kept is not None and (head.size < kept.head.size or _forks(checkpoint, kept)):
            raise LedgerRolledBack(
                f"{party.name} shows {head.size} entries, and showed {kept.head.size} before, "
                "or others"
            )
        bare = checkpoint.among(party.key, (), self._verify)
        return bare.joined(kept) if kept is not None and kept.head == head else bare

    def _signed(self, place: int, shown: Sequence[_Newest]) -> None:
        """Has one party sign what all others show, or as many of those who follow it as one call
        brings: what it costs a party does not grow with their number."""
        by, following = shown[place], [*shown[place + 1 :], *shown[:place]]
        others = {one.party.key: one for one in following[:MOST_NOTES]}
        notes = tuple(KeyedNote(key=key, note=one.checkpoint.note()) for key, one in others.items())
        answer = self._asked(by.party, notes)
        for note in () if answer is None else answer.signed:
            if note.key in others:
                others[note.key].signed += self._by(by.party, note, others[note.key].checkpoint)

    def _by(self, party: Shown, note: KeyedNote, brought: Checkpoint) -> list[Checkpoint]:
        try:
            checkpoint = parse_checkpoint(note.note)
            if checkpoint.head != brought.head:
                raise CheckpointInvalid(f"{party.name} signed something else than it was shown")
            found = checkpoint.among(note.key, [(party.name, party.key)], self._verify)
            if not found.vouched_by(party.name, party.key, self._verify):
                raise CheckpointInvalid(f"{party.name} did not sign the checkpoint")
        except SecurefedError as error:
            self._said(party.name, error)
            return []
        return [found]

    def _asked(self, party: Shown, notes: tuple[KeyedNote, ...]) -> Witnessed | None:
        try:
            answer = party.ask(notes)
        except SecurefedError as error:
            self._said(party.name, error)
            return None
        names = {one.key: one.name for one in self._parties}
        for one in answer.refused:
            what = f"{party.name} refuses the checkpoint of {names.get(one.key, 'somebody')}"
            self._said(party.name, CheckpointInvalid(f"{what}: {one.code}: {one.what}"))
        return answer


def _forks(checkpoint: Checkpoint, kept: Checkpoint) -> bool:
    return checkpoint.head.size == kept.head.size and checkpoint.head != kept.head
