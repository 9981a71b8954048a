"""Updates as descriptions: what a roster, a seal and a manifest refuse."""

from dataclasses import replace
from decimal import Decimal

import pytest

from securefed.adapters.ed25519_keys import verify
from securefed.domain.identifiers import Digest, ExchangeKey
from securefed.domain.records import from_bytes, to_bytes
from securefed.domain.study import Suite
from securefed.domain.update import (
    LARGEST_ROSTER,
    Contributor,
    PrivatizedUpdate,
    Roster,
    Seal,
    SealedSum,
    SealedUpdate,
    SignedUpdate,
)
from securefed.errors import (
    ConfigInvalid,
    IdentifierInvalid,
    NotFound,
    NumberInvalid,
    SealForeign,
    SealInvalid,
    SumIncomplete,
)
from tests.aggregation.round_of_sites import (
    CUSTODIAN,
    KEY,
    LAYOUT,
    roster,
    seal,
    signer,
    site,
)

ROSTER = roster(3, (5, 20, 10))
SEAL = seal(ROSTER, quorum=2)


def signed(number: int, wanted: Seal = SEAL, **changes: object) -> SignedUpdate:
    fields = {
        "seal": wanted.digest,
        "site": site(number),
        "once": CUSTODIAN,
        "chunks": 1,
        "chunk_bytes": 8,
        "body": LAYOUT,
        "saturated": 0,
    }
    update = SealedUpdate(**{**fields, **changes})
    return SignedUpdate(update=update, signature=signer(number).sign(update.signed))


def complete(*numbers: int, **changes: object) -> SealedSum:
    fields = {
        "seal": SEAL.digest,
        "updates": tuple(signed(number) for number in numbers),
        "chunks": 1,
        "chunk_bytes": 8,
        "body": LAYOUT,
    }
    return SealedSum(**{**fields, **changes})


def test_a_roster_knows_its_sites_and_weights() -> None:
    assert ROSTER.heaviest == 20
    assert ROSTER.contributor(site(2)).weight == 10
    assert complete(0, 2).weight(ROSTER) == 15
    with pytest.raises(NotFound, match="does not name the site site-0007"):
        ROSTER.contributor(site(7))


@pytest.mark.parametrize("order", [(), (1, 0), (0, 0)])
def test_a_rosters_sites_are_sorted_and_each_stands_once(order: tuple[int, ...]) -> None:
    with pytest.raises(ConfigInvalid, match="sorted by name"):
        Roster(contributors=tuple(ROSTER.contributors[number] for number in order))


def test_a_key_signs_for_one_site_only() -> None:
    first, second, _ = ROSTER.contributors
    with pytest.raises(ConfigInvalid, match="same key"):
        Roster(contributors=(first, replace(second, key=first.key)))


def test_a_roster_has_a_largest_size() -> None:
    contributors = tuple(
        Contributor(site=site(number), key=f"ed25519:{number:064x}", weight=1)
        for number in range(LARGEST_ROSTER + 1)
    )
    assert Roster(contributors=contributors[:-1]).heaviest == 1
    with pytest.raises(NumberInvalid, match="sites in a roster"):
        Roster(contributors=contributors)


@pytest.mark.parametrize("weight", [0, -1, True, 1.5])
def test_a_weight_is_a_whole_number_above_zero(weight: object) -> None:
    with pytest.raises(NumberInvalid):
        replace(ROSTER.contributors[0], weight=weight)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"suite": Suite.NONE, "key": None, "custodians": ()}, "under the suite none"),
        ({"bits": 11}, "11 bits a value"),
        ({"key": KEY}, "encryption key do not agree"),
        ({"suite": Suite.BFV_MASK}, "encryption key do not agree"),
        ({"custodians": ()}, "mask custodians do not agree"),
        ({"suite": Suite.BFV, "key": KEY}, "mask custodians do not agree"),
        ({"custodians": (CUSTODIAN, CUSTODIAN)}, "stands twice"),
    ],
)
def test_a_seal_that_contradicts_itself_is_refused(changes: dict[str, object], reason: str) -> None:
    with pytest.raises(ConfigInvalid, match=reason):
        replace(SEAL, **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"quorum": 4},
        {"quorum": 0},
        {"contributors": LARGEST_ROSTER + 1},
        {"round": 0},
        {"parameters": 0},
        {"bound": Decimal("NaN")},
        {"reach": Decimal(0)},
        {"reach": 0.5},
    ],
)
def test_a_seals_numbers_are_exact_and_in_range(changes: dict[str, object]) -> None:
    with pytest.raises(NumberInvalid):
        replace(SEAL, **changes)


@pytest.mark.parametrize("norm", [Decimal(-1), Decimal("Infinity"), 1.0])
def test_a_norm_is_an_exact_number(norm: object) -> None:
    with pytest.raises(NumberInvalid):
        PrivatizedUpdate(layout=LAYOUT, parameters=3, values=LAYOUT, norm=norm)


@pytest.mark.parametrize("record", [ROSTER, SEAL, signed(0), complete(0, 1)])
def test_records_come_back_from_their_bytes(record: Roster | Seal) -> None:
    assert from_bytes(type(record), to_bytes(record)) == record


def test_another_seal_is_refused_by_the_names_of_its_fields() -> None:
    SEAL.expect(replace(SEAL))
    with pytest.raises(SealForeign, match="for another attempt, layout"):
        SEAL.expect(replace(SEAL, attempt=2, layout=KEY))


def test_an_exchange_key_is_one_of_x25519() -> None:
    for text in ("ed25519:" + "0" * 64, "x25519:" + "0" * 63, "x25519:" + "G" * 64):
        with pytest.raises(IdentifierInvalid):
            ExchangeKey(text)


def test_a_signed_update_counts_for_its_site_seal_and_roster() -> None:
    signed(1).check(SEAL, ROSTER, verify)
    with pytest.raises(SealForeign, match="roster is not the one"):
        signed(1).check(SEAL, roster(3), verify)
    with pytest.raises(SealForeign, match="does not name the site site-0005"):
        signed(5).check(SEAL, ROSTER, verify)
    with pytest.raises(SealForeign, match="sealed for another round"):
        signed(1, replace(SEAL, round=9)).check(SEAL, ROSTER, verify)
    with pytest.raises(SealInvalid, match="does not fit its suite"):
        signed(1, once=None).check(SEAL, ROSTER, verify)
    with pytest.raises(SealInvalid, match="more saturated values"):
        signed(1, saturated=1001).check(SEAL, ROSTER, verify)
    with pytest.raises(SealInvalid, match="signature of site-0001"):
        replace(signed(1), signature=signer(2).sign(b"")).check(SEAL, ROSTER, verify)


def test_a_sum_is_complete_with_its_quorum_each_site_once() -> None:
    complete(0, 2).check(SEAL, ROSTER, verify)
    with pytest.raises(SumIncomplete, match="1 sites are below the quorum of 2"):
        complete(2).check(SEAL, ROSTER, verify)
    for numbers in ((0, 0), (2, 0)):
        with pytest.raises(SumIncomplete, match="twice in the sum, or they are not sorted"):
            complete(*numbers).check(SEAL, ROSTER, verify)
    with pytest.raises(SealForeign, match="sum is sealed for another round"):
        complete(0, 1, seal=Digest(KEY)).check(SEAL, ROSTER, verify)
    with pytest.raises(SealInvalid, match="another shape than the sum"):
        complete(0, 1, chunk_bytes=16).check(SEAL, ROSTER, verify)
    strange = (signed(0), signed(7))
    with pytest.raises(SealForeign, match="does not name the site site-0007"):
        complete(updates=strange).check(SEAL, ROSTER, verify)
