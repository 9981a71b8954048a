"""Whether the rounds of several ledgers and custodians' logs are the same rounds.

Each ledger and log has replayed by itself. Here they are held against each other: a sealed round
that a site committed has a self-test that passed, signed by the coordinator that was approved; a
round that a custodian opened was opened for sites that committed it, under the seal that their
self-test names; and all custodians opened it for the same sites. What nobody logged is not found:
two custodians that agree to open outside of their logs leave no trace here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from securefed.domain.custody import CustodyRegister, RoundOpened, StudyCustody
from securefed.domain.hold import Hold
from securefed.domain.identifiers import PublicKey, SiteId, StudyId
from securefed.domain.protection import Proof
from securefed.domain.register import Register
from securefed.domain.round import Round, RoundState
from securefed.domain.study import Suite
from securefed.errors import EvidenceInvalid


@dataclass(frozen=True, kw_only=True)
class Shown:
    """The ledgers and logs that replayed, by site and by custodian's key."""

    sites: Mapping[SiteId, Register]
    logs: Mapping[PublicKey, CustodyRegister]


def sealed_rounds(register: Register) -> Iterator[tuple[Hold, Round]]:
    """The committed attempts whose updates were sealed."""
    for book in register.books.values():
        for hold in book.holds.values():
            if hold.request.study.sealing.suite is not Suite.NONE:
                for attempt in hold.rounds.values():
                    if attempt.state is RoundState.COMMITTED:
                        yield hold, attempt


def check_proofs(register: Register) -> int:
    """Refuses a sealed round without a self-test that passed; how many there are."""
    checked = 0
    for hold, attempt in sealed_rounds(register):
        proof = register.proofs.get(attempt.id)
        if proof is None:
            raise EvidenceInvalid(f"{attempt.id} was committed without a self-test")
        if proof.failed:
            raise EvidenceInvalid(f"{attempt.id} was committed though its self-test failed")
        if proof.coordinator != hold.request.study.sealing.coordinator:
            raise EvidenceInvalid(f"{attempt.id}: the self-test is another coordinator's")
        checked += 1
    return checked


def check_released(register: Register) -> int:
    """Refuses a committed round that names nothing that it released; how many there are."""
    rounds = [
        attempt
        for book in register.books.values()
        for hold in book.holds.values()
        for attempt in hold.rounds.values()
        if attempt.state is RoundState.COMMITTED
    ]
    for attempt in rounds:
        if not attempt.released:
            raise EvidenceInvalid(f"{attempt.id} was committed and names no release")
    return len(rounds)


def check_openings(study: StudyId, shown: Shown, *, whole: bool) -> int:
    """Refuses openings of a study that do not fit its sites' rounds; how many there are.

    `whole` says that every custodian and every site that was opened for must be shown."""
    custodies = _custodies(study, shown, whole=whole)
    proofs = {name: _proofs(register, study) for name, register in shown.sites.items()}
    first: dict[int, RoundOpened] = {}
    for custody in custodies:
        _check_keys(custody, shown)
        for number, opened in custody.opened.items():
            if opened.turn in custody.failed:
                continue
            same = first.setdefault(number, opened)
            if (same.seal, same.roster, same.sites) != (opened.seal, opened.roster, opened.sites):
                raise EvidenceInvalid(f"{opened.turn}: custodians opened it for different sites")
            for site in opened.sites:
                if site in proofs:
                    _check_opened(opened, site, proofs[site])
                elif whole:
                    raise EvidenceInvalid(f"{opened.turn}: {site} took part and is not shown")
    return len(first)


def missing_custodians(study: StudyId, shown: Shown) -> set[PublicKey]:
    """The custodians that approved plans name, and whose logs are not shown."""
    named = {
        key
        for register in shown.sites.values()
        for hold, _ in sealed_rounds(register)
        if hold.request.study.study == study
        for key in hold.request.study.sealing.custodians
    }
    return named - shown.logs.keys()


def _custodies(study: StudyId, shown: Shown, *, whole: bool) -> list[StudyCustody]:
    if whole and (missing := missing_custodians(study, shown)):
        raise EvidenceInvalid(f"The log of the custodian {min(missing).short()} is not shown")
    return [log.studies[study] for log in shown.logs.values() if study in log.studies]


def _check_keys(custody: StudyCustody, shown: Shown) -> None:
    registration = custody.registration
    for one in registration.sites:
        register = shown.sites.get(one.site)
        if register is not None and register.site.key != one.key:
            raise EvidenceInvalid(f"A custodian knows {one.site} by another key")
    for register in shown.sites.values():
        for hold, attempt in sealed_rounds(register):
            sealing = hold.request.study.sealing
            mine = hold.request.study.study == registration.study
            if mine and sealing.coordinator != registration.coordinator:
                raise EvidenceInvalid(f"{attempt.id}: a custodian knows another coordinator")


def _check_opened(opened: RoundOpened, site: SiteId, proofs: list[Proof]) -> None:
    turn = opened.turn
    wanted = (turn.round, turn.attempt, opened.seal)
    if wanted not in [(one.round, one.attempt, one.seal) for one in proofs]:
        raise EvidenceInvalid(f"{turn}: {site} committed no round under the seal that was opened")


def _proofs(register: Register, study: StudyId) -> list[Proof]:
    return [
        register.proofs[attempt.id]
        for hold, attempt in sealed_rounds(register)
        if hold.request.study.study == study and attempt.id in register.proofs
    ]
