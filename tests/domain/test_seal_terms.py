"""A site seals for what was approved and for nothing else, whichever part somebody changes."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from securefed.adapters.ed25519_keys import Ed25519Signer, verify
from securefed.domain.collection import Announced
from securefed.domain.errand import Attempt, Protection
from securefed.domain.identifiers import (
    Digest,
    ExchangeKey,
    Name,
    PublicKey,
    RequestId,
    SiteId,
    StudyId,
)
from securefed.domain.key_card import KeyCard, SignedCard
from securefed.domain.protection import Check, CheckResult, Proof, SignedProof
from securefed.domain.round import RoundId
from securefed.domain.seal_terms import Here, announce, expect_protection
from securefed.domain.study import Sealing, Study, Suite
from securefed.domain.update import Contributor, Roster, Seal
from securefed.domain.weighting import CappedUnits
from securefed.errors import (
    ConfigInvalid,
    CustodyRefused,
    ProtectionUnproven,
    SealForeign,
    SecurefedError,
    SignatureInvalid,
    SumIncomplete,
)
from tests.world import START, World, digest

LAYOUT = digest("layout")
SITES = ("hospital-a", "hospital-b", "hospital-c")
SIGNERS = {name: Ed25519Signer(name.encode().ljust(32)) for name in SITES}
COORDINATOR, STRANGER = Ed25519Signer(b"c" * 32), Ed25519Signer(b"x" * 32)
LATTICE, *MASKS = (Ed25519Signer(one * 32) for one in (b"l", b"m", b"n"))
HOLDERS = {
    Suite.BFV: [LATTICE],
    Suite.MASK: MASKS,
    Suite.BFV_MASK: [LATTICE, *MASKS],
}
UNITS = 10_000
SEALED = sorted(HOLDERS)


def card(holder: Ed25519Signer, number: int = 1, first: int = 1, **changes: object) -> SignedCard:
    """A key that a custodian published."""
    made = f"{holder.key} {number}"
    fields = {
        "custodian": Name("registry"),
        "signer": holder.key,
        "study": StudyId("readmission"),
        "number": number,
        "first_round": first,
        "lattice": digest(made) if holder is LATTICE else None,
        "mask": None
        if holder is LATTICE
        else ExchangeKey("x25519:" + digest(made).removeprefix("sha256:")),
        "until": START + timedelta(days=30),
    }
    one = KeyCard(**{**fields, **changes})
    return SignedCard(card=one, signature=holder.sign(one.signed))


def roster(*names: str, weight: int = 1) -> Roster:
    """The sites of these names."""
    return Roster(
        contributors=tuple(
            Contributor(site=SiteId(name), key=SIGNERS[name].key, weight=weight) for name in names
        )
    )


def proved(seal: Seal, /, signer: Ed25519Signer = COORDINATOR, **changes: object) -> SignedProof:
    """The coordinator's word that a seal's self-test passed."""
    fields = {
        "study": seal.study,
        "round": seal.round,
        "attempt": seal.attempt,
        "seal": seal.digest,
        "canary": digest("canary"),
        "coordinator": signer.key,
        "results": tuple(CheckResult(check=one, passed=True) for one in Check),
    }
    proof = Proof(**{**fields, **changes})
    return SignedProof(proof=proof, signature=signer.sign(proof.signed))


@dataclass
class Case:
    """An attempt as an honest coordinator announces it; a test changes a part of it."""

    suite: Suite = Suite.BFV_MASK

    def __post_init__(self) -> None:
        world = World(sites=SITES)
        self.study: Study = replace(
            world.whole_study(),
            sealing=Sealing(
                suite=self.suite,
                update_bound=Decimal(2),
                reach=Decimal("0.5"),
                bits=12,
                tally=0,
                weighting=world.weighting,
                coordinator=COORDINATOR.key,
                custodians=tuple(sorted(one.key for one in HOLDERS[self.suite])),
            ),
        )
        self.id = RoundId(request=RequestId("cr-" + "0" * 12), round=3, attempt=2)
        self.cards = [card(one) for one in HOLDERS[self.suite]]
        self.roster = roster(*SITES)
        self.here = Here(
            site=SiteId("hospital-a"),
            key=SIGNERS["hospital-a"].key,
            units=UNITS,
            now=START,
        )
        self.signer = COORDINATOR

    def sealing(self, **changes: object) -> None:
        """Changes what the study says of sealing."""
        self.study = replace(self.study, sealing=replace(self.study.sealing, **changes))

    def announced(self) -> Announced:
        """What the coordinator announces."""
        turn = Attempt(round=self.id.round, attempt=self.id.attempt)
        return announce(self.study, turn, self.roster, self.cards, LAYOUT)

    def protection(self, announced: Announced | None = None) -> Protection:
        """What is brought to the site, with a proof for this seal."""
        announced = announced or self.announced()
        return Protection(
            announced=announced,
            proof=proved(announced.seal, self.signer),
            cards=tuple(self.cards),
            lattice=digest("file") if announced.seal.encrypted else None,
        )

    def expect(self, protection: Protection | None = None) -> None:
        """What the site does."""
        brought = protection or self.protection()
        expect_protection(self.study, self.id, brought, self.here, verify)


@pytest.mark.parametrize("suite", SEALED)
def test_what_is_announced_is_what_a_site_expects(suite: Suite) -> None:
    case = Case(suite)
    seal = case.announced().seal
    assert (seal.suite, seal.bits, seal.quorum) == (suite, 12, case.study.minimum_sites)
    case.expect()


def test_masks_stand_in_the_order_of_the_studys_custodians() -> None:
    case = Case()
    by_signer = {one.card.signer: one.card for one in case.cards}
    named = [by_signer[one].mask for one in case.study.sealing.custodians]
    assert case.announced().seal.custodians == tuple(one for one in named if one is not None)
    case.cards.reverse()
    case.expect()


def test_a_larger_quorum_is_the_coordinators_to_ask_for() -> None:
    case, made = Case(), Case().announced()
    case.expect(case.protection(replace(made, seal=replace(made.seal, quorum=3))))
    with pytest.raises(SumIncomplete, match="below the study's 2"):
        case.expect(case.protection(replace(made, seal=replace(made.seal, quorum=1))))


EXCHANGE = ExchangeKey("x25519:" + "7" * 64)
OTHER: dict[str, st.SearchStrategy[object]] = {
    "study": st.just(StudyId("other")),
    "round": st.integers(1, 10**6),
    "suite": st.sampled_from(SEALED),
    "bits": st.sampled_from((8, 16)),
    "key": st.just(digest("other key")),
    "custodians": st.sampled_from([(EXCHANGE,), (EXCHANGE, ExchangeKey("x25519:" + "8" * 64))]),
    "parameters": st.integers(1, 10**6),
    "tally": st.integers(0, 2**14),
    "bound": st.decimals("0.1", "1000", places=3),
    "reach": st.decimals("0.1", "1000", places=3),
}


@given(st.sampled_from(SEALED), st.data())
def test_no_field_of_a_seal_can_be_another(suite: Suite, data: st.DataObject) -> None:
    """With a fitting proof: the coordinator itself is the liar here."""
    case = Case(suite)
    made = case.announced()
    name = data.draw(st.sampled_from(sorted(OTHER)))
    value = data.draw(OTHER[name])
    if value == getattr(made.seal, name):
        return
    try:
        changed = replace(made, seal=replace(made.seal, **{name: value}))
    except ConfigInvalid:
        return  # no seal at all: its suite and keys contradict each other
    with pytest.raises(SealForeign, match=name):
        case.expect(case.protection(changed))


def test_every_field_of_a_seal_is_changed_above_or_bound_to_the_roster() -> None:
    names = {one.name for one in dataclasses.fields(Seal)}
    # The layout is held against the update's own, as that is sealed.
    assert names == OTHER.keys() | {"attempt", "roster", "contributors", "quorum", "layout"}


Change = Callable[[Case], None]
SHORTER = roster("hospital-b", "hospital-c")


def own(**changes: object) -> Change:
    """The site's own line is another."""

    def change(case: Case) -> None:
        first, *others = case.roster.contributors
        case.roster = Roster(contributors=(replace(first, **changes), *others))

    return change


def everybody(weight: int) -> Change:
    """All sites weigh so much."""
    return lambda case: setattr(case, "roster", roster(*SITES, weight=weight))


def stranger_in_roster(case: Case) -> None:
    line = Contributor(site=SiteId("hospital-x"), key=STRANGER.key, weight=1)
    case.roster = Roster(contributors=(*case.roster.contributors, line))


@pytest.mark.parametrize(
    ("change", "wrong", "said"),
    [
        (lambda case: setattr(case, "roster", SHORTER), SealForeign, "does not name the site"),
        (own(key=STRANGER.key), SealForeign, "another key for hospital-a"),
    ],
)
def test_the_site_is_in_the_roster_as_itself(
    change: Change, wrong: type[SecurefedError], said: str
) -> None:
    case = Case()
    change(case)
    with pytest.raises(wrong, match=said):
        case.expect()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (stranger_in_roster, "does not ask hospital-x in round 3"),
        (own(weight=2), "more than the study allows"),
        (everybody(2), "more than the study allows"),
        (lambda case: setattr(case, "roster", roster("hospital-a")), "needs 2 sites"),
    ],
)
def test_a_roster_that_the_study_does_not_allow(change: Change, said: str) -> None:
    case, honest = Case(), Case().announced()
    change(case)
    with pytest.raises(SumIncomplete, match=said):
        case.announced()
    found = case.roster
    seal = replace(
        honest.seal,
        roster=found.digest,
        contributors=len(found.contributors),
        quorum=min(2, len(found.contributors)),
    )
    with pytest.raises(SumIncomplete, match=said):
        case.expect(case.protection(Announced(seal=seal, roster=found)))


def test_a_roster_has_only_the_sites_that_are_drawn_for_the_round() -> None:
    case, everybody = Case(), Case().protection()
    case.study = replace(case.study, combining=replace(case.study.combining, sites_per_round=2))
    asked = case.study.sites_of(3)
    (left_out,) = set(SITES) - set(asked)
    for make in (case.announced, lambda: case.expect(everybody)):
        with pytest.raises(SumIncomplete, match=f"does not ask {left_out} in round 3"):
            make()
    case.roster = roster(*asked)
    case.here = replace(case.here, site=asked[0], key=SIGNERS[asked[0]].key)
    case.expect()


@given(cap=st.integers(1, 2 * UNITS), weight=st.integers(1, 3 * UNITS))
def test_a_site_counts_by_its_units_up_to_the_studys_cap(cap: int, weight: int) -> None:
    case = Case()
    case.sealing(weighting=CappedUnits(cap=cap))
    case.roster = roster(*SITES, weight=min(weight, cap))
    if min(weight, cap) == min(UNITS, cap):
        case.expect()
    else:
        with pytest.raises(SealForeign, match="another weight for hospital-a"):
            case.expect()


# --- keys ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"study": StudyId("other")}, SealForeign),
        ({"first_round": 4}, SealForeign),
        ({"until": START - timedelta(seconds=1)}, CustodyRefused),
    ],
)
def test_a_key_is_of_this_study_for_this_round_and_not_over(
    place: int, change: dict, wrong: type[SecurefedError]
) -> None:
    case, holder = Case(), HOLDERS[Suite.BFV_MASK][place]
    brought = case.protection()
    cards = [*case.cards[:place], card(holder, **change), *case.cards[place + 1 :]]
    with pytest.raises(wrong):
        case.expect(replace(brought, cards=tuple(cards)))


@pytest.mark.parametrize("place", range(3))
def test_no_custodian_is_left_out_and_none_is_put_in(place: int) -> None:
    case = Case()
    brought = case.protection()
    fewer = (*case.cards[:place], *case.cards[place + 1 :])
    for cards, said in (
        (fewer, "No key of the custodian"),
        ((*fewer, card(STRANGER)), "names no custodian"),
        ((*case.cards, card(STRANGER)), "names no custodian"),
    ):
        with pytest.raises(SealForeign, match=said):
            case.expect(replace(brought, cards=cards))


@pytest.mark.parametrize("place", range(3))
def test_a_card_counts_with_its_custodians_signature_only(place: int) -> None:
    case = Case()
    brought = case.protection()
    one = replace(case.cards[place].card, until=START + timedelta(days=3000))
    forged = SignedCard(card=one, signature=STRANGER.sign(one.signed))
    cards = (*case.cards[:place], forged, *case.cards[place + 1 :])
    with pytest.raises(SignatureInvalid):
        case.expect(replace(brought, cards=cards))


@pytest.mark.parametrize("holder", HOLDERS[Suite.BFV_MASK])
def test_a_key_that_was_replaced_is_sealed_for_no_more(holder: Ed25519Signer) -> None:
    case = Case()
    old = case.protection()
    newer, later = card(holder, number=2, first=3), card(holder, number=3, first=4)
    case.cards += [newer, later]
    case.expect()
    with pytest.raises(SealForeign):
        case.expect(replace(old, cards=tuple(case.cards)))


def test_a_custodian_has_one_key_of_a_number() -> None:
    case = Case()
    case.cards.append(card(LATTICE, lattice=digest("another")))
    with pytest.raises(SealForeign, match="two keys 1"):
        case.announced()


@pytest.mark.parametrize("suite", SEALED)
def test_the_custodians_hold_what_the_suite_needs(suite: Suite) -> None:
    for holders in ([LATTICE], [MASKS[0]], MASKS, [LATTICE, MASKS[0]]):
        case = Case(suite)
        case.sealing(custodians=tuple(sorted(one.key for one in holders)))
        case.cards = [card(one) for one in holders]
        lattice = LATTICE in holders
        masks = len(holders) - lattice
        if (lattice, masks > 0) == (suite is not Suite.MASK, suite is not Suite.BFV):
            case.expect()
        else:
            with pytest.raises((SealForeign, ConfigInvalid)):
                case.expect()


@pytest.mark.parametrize("suite", SEALED)
def test_the_lattice_keys_file_is_there_where_the_suite_has_one(suite: Suite) -> None:
    case = Case(suite)
    brought = case.protection()
    other: Digest | None = digest("file") if brought.lattice is None else None
    with pytest.raises(SealForeign, match="lattice key's file"):
        case.expect(replace(brought, lattice=other))


# --- the self-test -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"study": StudyId("other")},
        {"round": 4},
        {"attempt": 1},
        {"seal": digest("other seal")},
        {"coordinator": STRANGER.key},
    ],
    ids=str,
)
def test_a_self_test_is_for_this_attempt(change: dict) -> None:
    case = Case()
    brought = case.protection()
    other = proved(brought.announced.seal, **change)
    with pytest.raises(ProtectionUnproven):
        case.expect(replace(brought, proof=other))


def test_a_self_test_is_the_studys_coordinators() -> None:
    case = Case()
    case.signer = STRANGER
    with pytest.raises(ProtectionUnproven, match="not the study's coordinator's"):
        case.expect()
    brought = case.protection()
    honest = proved(brought.announced.seal)
    forged = replace(honest, signature=STRANGER.sign(honest.proof.signed))
    with pytest.raises(SignatureInvalid):
        case.expect(replace(brought, proof=forged))


@pytest.mark.parametrize("check", Check)
def test_a_self_test_that_failed_is_let_through_to_be_recorded_and_never_passes(
    check: Check,
) -> None:
    case = Case()
    brought = case.protection()
    results = tuple(CheckResult(check=one, passed=one is not check) for one in Check)
    failed = replace(brought, proof=proved(brought.announced.seal, results=results))
    case.expect(failed)
    with pytest.raises(ProtectionUnproven, match=check):
        failed.proof.proof.expect_passed(failed.announced.seal)


@pytest.mark.parametrize("change", [{"coordinator": None}, {"custodians": ()}], ids=str)
def test_a_study_that_nobody_can_open_is_not_run(change: dict) -> None:
    case = Case()
    brought = case.protection()
    case.sealing(**change)
    with pytest.raises(ConfigInvalid, match="no sum could be opened"):
        case.expect(brought)
    with pytest.raises(ConfigInvalid, match="no sum could be opened"):
        case.announced()


def test_a_study_in_the_clear_seals_nothing() -> None:
    case = Case()
    brought = case.protection()
    case.sealing(suite=Suite.NONE, coordinator=None, custodians=())
    with pytest.raises(ProtectionUnproven, match="seals nothing"):
        case.expect(brought)


def test_another_sites_request_is_no_permission() -> None:
    case = Case()
    brought = case.protection()
    case.here = replace(case.here, site=SiteId("hospital-b"), key=PublicKey(STRANGER.key))
    with pytest.raises(SealForeign, match="another key for hospital-b"):
        case.expect(brought)


def test_an_announcement_serves_every_attempt_of_a_site_at_its_round() -> None:
    case = Case()
    brought = case.protection()
    case.id = replace(case.id, attempt=case.id.attempt + 5)
    case.expect(brought)
