"""Receiving the sealed updates of one attempt into the coordinator's files.

An update is written to the disk as it comes, within the length that its seal demands, then checked
from its first byte to its last, and only then kept. Its signed word is written last: an update with
no word was never received. Promises that a crash loses nothing that was acknowledged; that what is
refused is noted with its reason and hinders nobody else; that a site counts once. After a restart
the words, signatures and chunk digests are checked again; the chunks are, when they are added.
"""

from collections.abc import Iterable
from dataclasses import replace
from itertools import count
from threading import Lock
from typing import BinaryIO

from securefed.aggregation.adding import Contribution, NewAdder
from securefed.aggregation.frames import DIGEST_BYTES, body_digest
from securefed.aggregation.lengths import bounded, update_lengths
from securefed.aggregation.sealed_file import CheckedUpdate, check_update, update_header
from securefed.aggregation.shape import shape_of
from securefed.domain.collection import Announced, Collection, Manifest, Refusal, refusal_of
from securefed.domain.identifiers import SiteId
from securefed.domain.ledger import Verify
from securefed.domain.records import from_bytes, to_bytes
from securefed.domain.update import SignedUpdate
from securefed.errors import (
    IntegrityError,
    NotFound,
    SealForeign,
    SealInvalid,
    SecondRoster,
)
from securefed.ports import RoundFiles
from securefed.steps.round_names import AttemptNames, attempts_in

_LARGEST_RECORD = 1 << 21


def announce(files: RoundFiles, announced: Announced) -> None:
    """Fixes what an attempt is for; refuses another roster, and a round whose sum is closed."""
    seal = announced.seal
    own = AttemptNames(seal.attempt)
    there = files.names()
    for attempt in attempts_in(there):
        names = AttemptNames(attempt)
        found = from_bytes(Announced, _content(files.opener(names.announced)()))
        if (found.seal.study, found.seal.round) != (seal.study, seal.round):
            raise SealForeign("These files are of another round")
        if attempt == seal.attempt:
            if found != announced:
                raise SecondRoster(f"Attempt {attempt} was announced otherwise")
        elif attempt > seal.attempt:
            raise SecondRoster(f"Attempt {attempt} has replaced attempt {seal.attempt}")
        elif names.manifest in there or names.sum in there:
            raise SecondRoster(f"The sum of attempt {attempt} is closed")
    if own.announced not in there:
        files.put(own.announced, [to_bytes(announced)])


class Collecting:
    """An attempt that is open for updates. Several threads may hand in updates at once."""

    def __init__(
        self, files: RoundFiles, announced: Announced, verify: Verify, new_adder: NewAdder
    ) -> None:
        announce(files, announced)
        self.files = files
        self.announced = announced
        self.names = AttemptNames(announced.seal.attempt)
        self.new_adder = new_adder
        self._verify = verify
        self._shape = shape_of(announced.seal)
        self._lock = Lock()
        self._arriving = count()
        self._state = self._loaded()

    @property
    def state(self) -> Collection:
        """Who delivered and who was refused."""
        return self._state

    def receive(self, site: SiteId, parts: Iterable[bytes]) -> int:
        """Takes a site's file in, and says how many of its values were cut to the seal's reach, by
        the site's word; raises why it is refused, which is noted."""
        if site not in self.announced.sites:
            raise SealForeign(f"The roster does not name the site {site}")
        draft = self.names.arriving(site, next(self._arriving))
        try:
            self.files.put(draft, bounded(parts, *update_lengths(self.announced.seal, site)))
            with self.files.opener(draft)() as file:
                checked = self._checked(site, file)
            self._keep(draft, checked)
            return checked.signed.update.saturated
        except IntegrityError as error:
            with self._lock:
                self._note(refusal_of(site, error))
            raise
        finally:
            self.files.remove(draft)

    def close(self) -> Manifest:
        """Lets nothing more in; refuses below the quorum, or when another attempt was announced."""
        with self._lock:
            announce(self.files, self.announced)
            closed = self._state.closing()
            self.files.put(self.names.manifest, [to_bytes(closed.manifest)])
            self._state = closed
            return closed.manifest

    def reopen_without(self, refusal: Refusal) -> None:
        """Puts out a site whose file has changed, before any sum was made; opens up again."""
        with self._lock:
            self.files.remove(self.names.word(refusal.site))
            self.files.remove(self.names.manifest)
            self._note(refusal)
            self._state = self._state.without(refusal).reopened()

    def contribution(self, signed: SignedUpdate) -> Contribution:
        """Where a received update lies."""
        site = signed.update.site
        header = update_header(self.announced.seal, site, signed.update.once)
        return Contribution(
            site=site,
            header=to_bytes(header),
            file=self.files.opener(self.names.update(site)),
            digests=self.files.opener(self.names.digests(site)),
        )

    def _checked(self, site: SiteId, file: BinaryIO) -> CheckedUpdate:
        seal, roster = self.announced.seal, self.announced.roster
        check = self.new_adder(self._shape).check
        checked = check_update(file, seal, roster, self._verify, check)
        if checked.signed.update.site != site:
            raise SealForeign(f"{site} sent an update of {checked.signed.update.site}")
        return checked

    def _keep(self, draft: str, checked: CheckedUpdate) -> None:
        site = checked.signed.update.site
        with self._lock:
            after = self._state.with_update(checked.signed)
            if after is self._state:
                return
            self.files.move(draft, self.names.update(site))
            self.files.put(self.names.digests(site), checked.digests)
            self.files.put(self.names.word(site), [to_bytes(checked.signed)])
            self._state = after

    def _note(self, refusal: Refusal) -> None:
        self.files.put(self.names.refused(refusal.site), [to_bytes(refusal)])
        self._state = self._state.with_refusal(refusal)

    # --- after a restart -------------------------------------------------------------------------

    def _loaded(self) -> Collection:
        there = set(self.files.names())
        summed = self.names.sum in there
        state = Collection(announced=self.announced)
        for name in sorted(there):
            if self.names.is_arriving(name):
                self.files.remove(name)
        for site in self.announced.sites:
            if self.names.refused(site) in there:
                stored = _content(self.files.opener(self.names.refused(site))())
                state = state.with_refusal(from_bytes(Refusal, stored))
            if self.names.word(site) in there:
                state = self._with_kept(state, site, summed=summed)
        if summed:
            return replace(state, closed=True)
        # A manifest whose sites are not all sound any more is made anew when the sum is closed.
        if self.names.manifest in there:
            if state.enough:
                return state.closing()
            self.files.remove(self.names.manifest)
        return state

    def _with_kept(self, state: Collection, site: SiteId, *, summed: bool) -> Collection:
        try:
            return state.with_update(self._kept(site, summed=summed))
        except (IntegrityError, NotFound) as error:
            refusal = refusal_of(site, error)
            self.files.put(self.names.refused(site), [to_bytes(refusal)])
            self.files.remove(self.names.word(site))
            return state.with_refusal(refusal)

    def _kept(self, site: SiteId, *, summed: bool) -> SignedUpdate:
        signed = from_bytes(SignedUpdate, _content(self.files.opener(self.names.word(site))()))
        signed.check(self.announced.seal, self.announced.roster, self._verify)
        if signed.update.site != site:
            raise SealForeign(f"The word of {site} is by {signed.update.site}")
        # Once the sum is there, the updates themselves are gone.
        if not summed:
            with self.files.opener(self.names.digests(site))() as file:
                digests = [file.read(DIGEST_BYTES) for _ in range(self._shape.chunks)]
            if body_digest(digests) != signed.update.body:
                raise SealInvalid("The digests of the update's chunks have changed")
        return signed


def _content(file: BinaryIO) -> bytes:
    with file:
        return file.read(_LARGEST_RECORD)
