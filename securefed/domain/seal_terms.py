"""What an attempt must be sealed for, as it follows from the study that owners approved.

The coordinator makes an attempt's seal with `announce`; every site makes the same one again and
compares, so nothing of a seal is taken from a peer. Promises that whoever can open is named in the
study, that the site is in the roster under its own key and weight, and that the study's coordinator
signed the self-test. What a site cannot know is whether another site's key is that site's own: the
custodians know it, from their registration, and open nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from securefed.domain.collection import Announced
from securefed.domain.errand import Attempt, Protection
from securefed.domain.identifiers import Digest, PublicKey, SiteId
from securefed.domain.key_card import Holds, KeyCard, SignedCard
from securefed.domain.ledger import Verify
from securefed.domain.protection import SignedProof
from securefed.domain.round import RoundId
from securefed.domain.study import Study, Suite
from securefed.domain.update import Roster, Seal
from securefed.domain.weighting import CappedUnits, Weighting
from securefed.errors import NotFound, ProtectionUnproven, SealForeign, SumIncomplete


@dataclass(frozen=True, kw_only=True)
class Here:
    """The site that is asked, as it knows itself. `units` are those of its data card."""

    site: SiteId
    key: PublicKey
    units: int
    now: datetime


def announce(
    study: Study, turn: Attempt, roster: Roster, cards: Sequence[SignedCard], layout: Digest
) -> Announced:
    """What the coordinator announces. Its cards are those that the custodians publish."""
    study.sealing.expect_openable()
    _check_roster(study, turn.round, roster)
    keys = _keys_for(study, turn.round, [one.card for one in cards])
    seal = _seal(study, turn, roster, keys, quorum=study.minimum_sites, layout=layout)
    return Announced(seal=seal, roster=roster)


def expect_protection(
    study: Study, id: RoundId, protection: Protection, here: Here, verify: Verify
) -> None:
    """Refuses what the approved study does not say, before the attempt is reserved. Two things come
    later: a self-test that failed is recorded before it refuses, and the layout is held against the
    update's own as it is sealed."""
    study.sealing.expect_openable()
    if study.sealing.suite is Suite.NONE:
        raise ProtectionUnproven("The approved study seals nothing", where=str(id))
    seal, roster = protection.announced.seal, protection.announced.roster
    _check_roster(study, id.round, roster)
    _check_own_line(study.sealing.weighting, roster, here)
    if seal.quorum < study.minimum_sites:
        raise SumIncomplete(
            f"A quorum of {seal.quorum} is below the study's {study.minimum_sites}", where=str(id)
        )
    published = [one.check(one.card.signer, verify) for one in protection.cards]
    keys = _keys_for(study, id.round, published)
    # A site whose attempt failed does the next one for the same announcement: the attempt of a
    # seal is that of its announcement.
    turn = Attempt(round=id.round, attempt=seal.attempt)
    own = _seal(study, turn, roster, keys, quorum=seal.quorum, layout=seal.layout)
    own.expect(seal)
    for key in keys:
        key.expect(seal, here.now)
    if seal.encrypted != (protection.lattice is not None):
        raise SealForeign(f"The suite {seal.suite} and the lattice key's file do not agree")
    _check_proof(study, protection.proof, seal, verify)


def _seal(
    study: Study,
    turn: Attempt,
    roster: Roster,
    keys: tuple[KeyCard, ...],
    *,
    quorum: int,
    layout: Digest,
) -> Seal:
    return Seal(
        study=study.study,
        round=turn.round,
        attempt=turn.attempt,
        roster=roster.digest,
        contributors=len(roster.contributors),
        quorum=quorum,
        suite=study.sealing.suite,
        bits=study.sealing.bits,
        key=next((one.lattice for one in keys if one.lattice is not None), None),
        custodians=tuple(one.mask for one in keys if one.mask is not None),
        layout=layout,
        parameters=study.model.parameters,
        tally=study.sealing.tally,
        bound=study.sealing.update_bound,
        reach=study.sealing.reach,
    )


def _check_roster(study: Study, round: int, roster: Roster) -> None:
    """Only sites that the study asks in the round, and none that weighs more than any may."""
    asked = set(study.sites_of(round))
    for one in roster.contributors:
        if one.site not in asked:
            raise SumIncomplete(f"The study {study.study} does not ask {one.site} in round {round}")
        if one.weight > _heaviest(study.sealing.weighting):
            raise SumIncomplete(f"{one.site} weighs {one.weight}, more than the study allows")
    if len(roster.contributors) < study.minimum_sites:
        raise SumIncomplete(f"The study {study.study} needs {study.minimum_sites} sites in a round")


def _heaviest(weighting: Weighting) -> int:
    return weighting.cap if isinstance(weighting, CappedUnits) else 1


def _check_own_line(weighting: Weighting, roster: Roster, here: Here) -> None:
    try:
        own = roster.contributor(here.site)
    except NotFound as error:
        raise SealForeign(error.what) from error
    if own.key != here.key:
        raise SealForeign(f"The roster names another key for {here.site} than its own")
    if own.weight != weighting.weight(here.units):
        raise SealForeign(f"The roster names another weight for {here.site} than the study says")


def _keys_for(study: Study, round: int, published: Sequence[KeyCard]) -> tuple[KeyCard, ...]:
    """Each custodian's key for a round, in the study's order of custodians."""
    for one in published:
        if one.signer not in study.sealing.custodians:
            raise SealForeign(f"The study names no custodian {one.signer.short()}")
        if one.study != study.study:
            raise SealForeign(f"A key of {one.custodian} is for another study")
    keys = tuple(_newest(one, round, published) for one in study.sealing.custodians)
    lattice = sum(one.holds is Holds.LATTICE for one in keys)
    suite = study.sealing.suite
    wanted = 0 if suite is Suite.MASK else 1
    if lattice != wanted or (suite is Suite.BFV) != (len(keys) == lattice):
        raise SealForeign(f"The custodians' keys are not those that the suite {suite} needs")
    return keys


def _newest(signer: PublicKey, round: int, published: Sequence[KeyCard]) -> KeyCard:
    """The custodian's rule: a round belongs to the newest key whose first round it has reached."""
    fitting = [one for one in published if one.signer == signer and one.first_round <= round]
    if not fitting:
        raise SealForeign(f"No key of the custodian {signer.short()} is for round {round}")
    newest = max(fitting, key=lambda one: one.number)
    if any(one.number == newest.number and one != newest for one in fitting):
        raise SealForeign(f"The custodian {signer.short()} published two keys {newest.number}")
    return newest


def _check_proof(study: Study, tested: SignedProof, seal: Seal, verify: Verify) -> None:
    proof = tested.proof
    if proof.coordinator != study.sealing.coordinator:
        raise ProtectionUnproven("The self-test is not the study's coordinator's")
    tested.check(verify)
    of = (proof.study, proof.round, proof.attempt, proof.seal)
    if of != (seal.study, seal.round, seal.attempt, seal.digest):
        raise ProtectionUnproven("The self-test was made for another round")
