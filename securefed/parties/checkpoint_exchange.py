"""Checkpoints of a study's parties, brought from each to all others by the coordinator.

One call a party and round: it shows its newest checkpoint, signs what the others showed in the
round before, and takes in what they signed of its own. After the last round everybody signs the
newest of all. Promises that a party which is away, lies or refuses is said and left out, and holds
nobody up; that only valid signatures are kept and passed on; and that the coordinator keeps the
newest checkpoint of each, so that it can show it, too.
"""

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Thread
from typing import TypeVar

from securefed.domain.checkpoint import Checkpoint, parse_checkpoint
from securefed.domain.identifiers import Name, PublicKey, SiteId
from securefed.domain.ledger import Verify
from securefed.domain.witnessing import MOST_NOTES, KeyedNote, Witnessed
from securefed.errors import CheckpointInvalid, LedgerRolledBack, SecurefedError

T = TypeVar("T")
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
        # What others signed of a party's checkpoint, until it is brought to it.
        held = ((one.name, kept.of(one.name)) for one in parties)
        self._ripe = {name: one for name, one in held if one is not None and one.cosigners}
        self._beside: Thread | None = None

    def begin(self, number: int, absent: Collection[str], ended: Callable[[], None]) -> None:
        """Passes on in a thread of its own."""

        def work() -> None:
            self.pass_on(number, absent)
            ended()

        self._beside = Thread(target=work, name="exchange")
        self._beside.start()

    @property
    def busy(self) -> bool:
        """Whether something is passed on just now, as where a party does not answer."""
        return self._beside is not None and self._beside.is_alive()

    def wait(self) -> None:
        """Returns when nothing is exchanged any more."""
        if self._beside is not None:
            self._beside.join()

    def pass_on(self, number: int, absent: Collection[str] = ()) -> None:
        """Asks everybody who is here once, with what was shown before."""
        here = self._here(number, absent)
        before = [(one, self._kept.of(one.name)) for one in here]
        shown = [_Newest(one, kept) for one, kept in before if kept is not None]

        def passed(party: Shown) -> _Newest | None:
            return self._answered(party, _following(party, shown))

        newest = self._all(passed, here)
        self._keep(shown, newest)

    def finish(self, number: int, absent: Collection[str] = ()) -> None:
        """Has everybody who is here sign the newest checkpoints of all others, after a study's last
        round, and brings each what was signed of its own."""
        self.wait()
        here = self._here(number, absent)
        shown = self._all(self._newest, here)
        again = self._all(
            lambda one: self._answered(one.party, _following(one.party, shown)), shown
        )
        self._keep(shown, [*shown, *again])
        self._all(self._newest, [one.party for one in again])

    def _here(self, number: int, absent: Collection[str]) -> list[Shown]:
        self._round = number
        return [one for one in self._parties if one.name not in absent]

    def _all(self, ask: Callable[[T], _Newest | None], asked: Sequence[T]) -> list[_Newest]:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return [one for one in pool.map(ask, asked) if one is not None]

    def _keep(self, shown: Sequence[_Newest], newest: Sequence[_Newest]) -> None:
        """Keeps the newest checkpoints, and what was signed of those that were shown."""
        for one in shown:
            if one.signed:
                made = one.checkpoint
                for checkpoint in one.signed:
                    made = made.joined(checkpoint)
                self._ripe[one.party.name] = made
        for one in newest:
            made, ripe = one.checkpoint, self._ripe.get(one.party.name)
            if ripe is not None and ripe.head == made.head:
                made = made.joined(ripe)
            try:
                self._kept.keep(made)
            except SecurefedError as error:
                self._said(one.party.name, error)

    def _said(self, name: Name, error: SecurefedError) -> None:
        self._said_of(self._round, name, error)

    def _newest(self, party: Shown) -> _Newest | None:
        return self._answered(party, ())

    def _answered(self, party: Shown, following: Sequence[_Newest]) -> _Newest | None:
        """What a party shows, when it is brought what was signed of its own, and has signed what
        those show that follow it."""
        own = self._ripe.get(party.name)
        brought = [] if own is None else [KeyedNote(key=party.key, note=own.note())]
        others = {one.party.key: one for one in following}
        brought += [KeyedNote(key=key, note=one.checkpoint.note()) for key, one in others.items()]
        answer = self._asked(party, tuple(brought))
        if answer is None:
            return None
        self._ripe.pop(party.name, None)
        for note in answer.signed:
            if note.key in others:
                others[note.key].signed += self._by(party, note, others[note.key].checkpoint)
        try:
            return _Newest(party, self._checked(party, answer.own))
        except SecurefedError as error:
            self._said(party.name, error)
            return None

    def _checked(self, party: Shown, own: KeyedNote) -> Checkpoint:
        kept = self._kept.of(party.name)
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


def _following(party: Shown, shown: Sequence[_Newest]) -> Sequence[_Newest]:
    """The others, from those that follow a party on: as many as one call brings beside its own, so
    what it costs a party does not grow with their number."""
    ordered = sorted(shown, key=lambda one: one.party.name)
    later = [one for one in ordered if one.party.name > party.name]
    earlier = [one for one in ordered if one.party.name < party.name]
    return [*later, *earlier][: MOST_NOTES - 1]


def _forks(checkpoint: Checkpoint, kept: Checkpoint) -> bool:
    return checkpoint.head.size == kept.head.size and checkpoint.head != kept.head
