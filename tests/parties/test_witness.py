"""What parties sign of each other's ledgers, and what a liar among them does not get."""

from dataclasses import dataclass, field, replace

import pytest

from securefed.adapters.memory import MemoryKeys, MemorySeen
from securefed.domain.canonical import digest_of
from securefed.domain.checkpoint import Checkpoint, parse_checkpoint
from securefed.domain.errand import answer_text, errand_text, read_answer, read_errand
from securefed.domain.identifiers import Name, SiteId
from securefed.domain.ledger import Head
from securefed.domain.witnessing import (
    LONGEST_NOTE,
    MOST_NOTES,
    MOST_SEEN,
    KeyedNote,
    Witness,
    Witnessed,
)
from securefed.errors import (
    CheckpointInvalid,
    LedgerRolledBack,
    NotInThisState,
    SiteUnreachable,
    StorageFailed,
)
from securefed.parties.checkpoint_exchange import CheckpointExchange, Kept, Shown
from securefed.parties.witness import OwnLedger, PartyWitness
from tests.office import Office
from tests.world import REVIEWER

NAMES = ("hospital-a", "hospital-b", "registry")
KEYS = MemoryKeys()


@dataclass
class Party:
    """A party with a ledger of which only heads are there: entry n has the hash of n and `tale`."""

    name: str
    size: int = 3
    tale: str = ""
    seen: MemorySeen = field(default_factory=MemorySeen)
    kept: list[Checkpoint] = field(default_factory=list)
    away: bool = False
    asked: int = 0
    keys: MemoryKeys = KEYS

    def __post_init__(self) -> None:
        self.signer = self.keys.signer(self.name)
        own = OwnLedger(newest=self.newest, contains=self.contains, keep=self.kept.append)
        name = Name(self.name)
        self.witness = PartyWitness(name, self.signer, self.keys.verify, own, self.seen)

    def newest(self) -> Checkpoint:
        return self.at(self.size)

    def at(self, size: int) -> Checkpoint:
        hash = digest_of("test-entry", f"{self.name} {size} {self.tale}".encode())
        found = Checkpoint(site=SiteId(self.name), head=Head(size=size, hash=hash))
        return found.by_site(self.signer.key, self.signer.sign(found.signed))

    def note(self, size: int | None = None) -> KeyedNote:
        return KeyedNote(key=self.signer.key, note=self.at(size or self.size).note())

    def contains(self, checkpoint: Checkpoint) -> None:
        if (
            checkpoint.head.size > self.size
            or self.at(checkpoint.head.size).head != checkpoint.head
        ):
            raise LedgerRolledBack("It is none of it")

    def ask(self, notes: tuple[KeyedNote, ...]) -> Witnessed:
        self.asked += 1
        if self.away:
            raise SiteUnreachable("No site answers", where=self.name)
        sent = read_errand(errand_text(Witness(notes=notes)))
        assert isinstance(sent, Witness)
        answer = read_answer(answer_text(self.witness.ask(sent.notes)))
        assert isinstance(answer, Witnessed)
        return answer


@dataclass
class Study:
    """Three parties, and what the coordinator keeps and says."""

    parties: dict[str, Party] = field(default_factory=lambda: {one: Party(one) for one in NAMES})
    kept: dict[str, Checkpoint] = field(default_factory=dict)
    said: list[tuple[int, str, str]] = field(default_factory=list)

    def exchange(self) -> CheckpointExchange:
        shown = [
            Shown(name=Name(one.name), key=one.signer.key, ask=one.ask)
            for one in self.parties.values()
        ]
        kept = Kept(of=self.kept.get, keep=lambda one: self.kept.update({one.site: one}))
        return CheckpointExchange(
            shown,
            KEYS.verify,
            kept,
            lambda number, name, error: self.said.append((number, name, error.code)),
        )


def test_everybody_signs_what_all_others_show() -> None:
    study = Study()
    exchange = study.exchange()
    exchange.finish(1)
    for name, party in study.parties.items():
        others = set(NAMES) - {name}
        assert set(study.kept[name].cosigners) == others
        assert set(party.kept[-1].cosigners) == others
        assert {one.checked(KEYS.verify).site for one in party.seen.notes.values()} == others
        for one in party.seen.notes.values():
            assert parse_checkpoint(one.note).vouched_by(name, party.signer.key, KEYS.verify)
    assert not study.said


def test_a_round_later_each_has_signed_and_a_round_later_it_is_brought() -> None:
    study = Study()
    exchange = study.exchange()
    for number in range(1, 4):
        exchange.pass_on(number)
        if number == 1:
            assert not any(one.cosigners for one in study.kept.values())
        for party in study.parties.values():
            assert party.asked == number
            party.size += 2
    for party in study.parties.values():
        assert [one.head.size for one in party.kept] == [3]
        assert len(party.kept[0].cosigners) == 2
    assert {one.head.size for one in study.kept.values()} == {7}
    assert not study.said


def test_what_is_finished_is_signed_to_the_end_whatever_was_passed_on() -> None:
    study = Study()
    exchange = study.exchange()
    for number in (1, 2):
        exchange.pass_on(number)
        for party in study.parties.values():
            party.size += 2
    exchange.finish(3)
    for name, party in study.parties.items():
        assert [one.head.size for one in party.kept] == [3, 7]
        assert all(len(one.cosigners) == 2 for one in party.kept)
        assert study.kept[name] == party.kept[-1]
    another = study.exchange()
    another.finish(3)
    assert all(len(one.cosigners) == 2 for one in study.kept.values())
    assert not study.said


def test_who_goes_back_between_two_rounds_gets_no_signature() -> None:
    study = Study()
    exchange = study.exchange()
    exchange.pass_on(1)
    liar = study.parties["hospital-a"]
    liar.size = 2
    exchange.pass_on(2)
    exchange.pass_on(3)
    assert (2, "hospital-a", "ledger-rolled-back") in study.said
    assert {one[1] for one in study.said} == {"hospital-a"}
    assert study.kept["hospital-a"].head.size == 3
    for name in ("hospital-b", "registry"):
        held = study.parties[name].seen.notes[liar.signer.key]
        assert held.checked(KEYS.verify).head.size == 3


def test_a_ledger_that_went_back_or_forks_is_refused_by_all_and_said() -> None:
    for tale, size in (("", 2), ("another", 3)):
        study = Study()
        study.exchange().finish(1)
        liar = study.parties["hospital-a"]
        liar.size, liar.tale = size, tale
        study.exchange().finish(2)
        assert ("hospital-a", "ledger-rolled-back") in {one[1:] for one in study.said}
        assert study.kept["hospital-a"].head.size == 3
        for name in ("hospital-b", "registry"):
            answer = study.parties[name].ask((liar.note(),))
            assert [one.code for one in answer.refused] == ["ledger-rolled-back"]
            held = study.parties[name].seen.notes[liar.signer.key]
            assert held.checked(KEYS.verify).head.size == 3
            assert not answer.signed


def test_who_is_away_is_said_and_holds_nobody_up() -> None:
    study = Study()
    study.parties["registry"].away = True
    study.exchange().finish(4)
    assert study.said == [(4, "registry", "site-unreachable")]
    assert study.kept["hospital-a"].cosigners == ("hospital-b",)
    study.exchange().finish(5, {"hospital-a", "registry"})
    assert len(study.said) == 1


def test_signatures_that_are_not_theirs_go_nowhere() -> None:
    study = Study()
    liar, victim = study.parties["hospital-b"], study.parties["hospital-a"]

    def ask(notes: tuple[KeyedNote, ...]) -> Witnessed:
        honest = Party.ask(liar, notes)
        stranger = KEYS.signer("stranger")
        forged = [
            parse_checkpoint(one.note).among(one.key, (), KEYS.verify) for one in honest.signed
        ]
        signed = [
            KeyedNote(
                key=victim.signer.key,
                note=one.cosigned("hospital-b", stranger.key, stranger.sign(one.signed)).note(),
            )
            for one in forged
        ]
        return replace(honest, signed=tuple(signed))

    liar.ask = ask  # type: ignore[method-assign] # it lies
    exchange = study.exchange()
    exchange.finish(1)
    assert study.kept["hospital-a"].cosigners == ("registry",)
    assert victim.kept[-1].cosigners == ("registry",)
    assert {one[1:] for one in study.said} == {("hospital-b", "checkpoint-invalid")}


def test_another_ones_checkpoint_is_not_shown_as_ones_own() -> None:
    study = Study()
    liar, victim = study.parties["hospital-b"], study.parties["hospital-a"]
    shown = Witnessed(own=victim.note(), signed=(), refused=())
    liar.ask = lambda notes: shown  # type: ignore[method-assign] # it lies
    study.exchange().finish(1)
    assert study.said == [(1, "hospital-b", "checkpoint-invalid")]
    assert "hospital-b" not in study.kept


def test_nobody_is_made_to_keep_what_its_ledger_does_not_hold() -> None:
    party, other = Party("hospital-a"), Party("hospital-b")
    ahead = KeyedNote(key=party.signer.key, note=party.at(9).note())
    assert [one.code for one in party.ask((ahead,)).refused] == ["ledger-rolled-back"]
    assert not party.kept
    under_other_key = replace(party.note(), key=other.signer.key)
    fake = Checkpoint(site=SiteId("hospital-a"), head=party.newest().head)
    fake = fake.by_site(other.signer.key, other.signer.sign(fake.signed))
    named = KeyedNote(key=other.signer.key, note=fake.note())
    codes = [one.code for one in party.ask((under_other_key, named)).refused]
    assert codes == ["checkpoint-invalid"] * 2
    assert not party.seen.notes


def test_a_note_leaves_with_two_signatures_whatever_was_under_it() -> None:
    party, other = Party("hospital-a"), Party("hospital-b")
    stranger = KEYS.signer("stranger")
    crowded = other.newest()
    for number in range(3):
        name = f"stranger-{number}"
        crowded = crowded.cosigned(name, stranger.key, stranger.sign(crowded.signed))
    (signed,) = party.ask((KeyedNote(key=other.signer.key, note=crowded.note()),)).signed
    assert parse_checkpoint(signed.note).cosigners == ("hospital-a",)


def test_what_is_remembered_and_brought_is_bounded() -> None:
    party = Party("hospital-a")
    with pytest.raises(CheckpointInvalid):
        Witness(notes=(party.note(),) * (MOST_NOTES + 1))
    with pytest.raises(CheckpointInvalid):
        KeyedNote(key=party.signer.key, note="x" * (LONGEST_NOTE + 1))
    for number in range(MOST_SEEN):
        one = Party(f"site-{number}")
        party.seen.notes[one.signer.key] = one.note()
    late = party.ask((Party("site-late").note(),))
    assert [one.code for one in late.refused] == ["checkpoint-invalid"]
    assert party.ask((Party("site-7", size=4).note(),)).signed


def test_in_a_large_study_each_signs_as_many_as_one_call_brings() -> None:
    names = [f"site-{number}" for number in range(MOST_NOTES + 6)]
    study = Study(parties={one: Party(one) for one in names})
    study.exchange().finish(1)
    assert not study.said
    assert {len(one.cosigners) for one in study.kept.values()} == {MOST_NOTES - 1}
    assert {len(one.seen.notes) for one in study.parties.values()} == {MOST_NOTES - 1}


def test_a_full_disk_is_no_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    party = Party("hospital-a")

    def full(_note: KeyedNote) -> None:
        raise StorageFailed("Cannot write")

    monkeypatch.setattr(party.seen, "keep", full)
    with pytest.raises(StorageFailed):
        party.witness.ask((Party("hospital-b").note(),))


def test_a_refusal_is_counted_at_the_door() -> None:
    office = Office()
    request, other = office.approved(), Party("hospital-b", keys=office.world.keys)
    answer = office.ask(request, Witness(notes=(other.note(), other.note(2))))
    assert isinstance(answer, Witnessed)
    assert [one.key for one in answer.signed] == [other.signer.key]
    assert office.refused == ["ledger-rolled-back"]
    assert answer.own.checked(office.world.keys.verify).head == office.ledger.register().head


def test_nothing_is_exchanged_in_a_study_that_was_not_approved() -> None:
    office = Office()
    request = office.world.file(office.party)
    with pytest.raises(NotInThisState):
        office.ask(request, Witness(notes=()))
    plan = office.party.plan(request)
    office.party.approve(request, plan.digest, office.world.acting(REVIEWER))
    assert office.ask(request, Witness(notes=()))
    office.party.revoke(request, office.world.acting())
    with pytest.raises(NotInThisState):
        office.ask(request, Witness(notes=()))
