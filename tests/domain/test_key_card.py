"""Registrations and key cards: what an owner can agree to, and whose card counts."""

from dataclasses import replace
from datetime import timedelta

import pytest

from securefed.adapters.ed25519_keys import Ed25519Signer, verify
from securefed.domain.identifiers import Digest, Name, Signature
from securefed.domain.key_card import Holds, KeyCard, SignedCard
from securefed.domain.records import from_bytes, to_bytes
from securefed.domain.study import Suite
from securefed.errors import ConfigInvalid, NumberInvalid, SecurefedError, SignatureInvalid
from tests.adapters.sealing.parties import COORDINATOR, mask_key
from tests.custody import START, STUDY, Custody

SIGNER = Ed25519Signer(b"k" * 32)


def card(**changes: object) -> KeyCard:
    fields = {
        "custodian": Name("registry"),
        "signer": SIGNER.key,
        "study": STUDY,
        "number": 1,
        "first_round": 1,
        "lattice": None,
        "mask": mask_key(0).public,
        "until": START + timedelta(days=1),
    }
    return KeyCard(**{**fields, **changes})


def test_a_card_counts_with_its_custodians_signature_only() -> None:
    made = card()
    signed = SignedCard(card=made, signature=SIGNER.sign(made.signed))
    assert from_bytes(SignedCard, to_bytes(signed)) == signed
    assert signed.check(SIGNER.key, verify) == made
    for wrong in (
        replace(signed, card=replace(made, first_round=2)),
        replace(signed, signature=Signature("0" * 128)),
    ):
        with pytest.raises(SignatureInvalid):
            wrong.check(SIGNER.key, verify)
    with pytest.raises(SignatureInvalid):
        signed.check(COORDINATOR.key, verify)


def test_a_card_is_of_one_key() -> None:
    digest = Digest("sha256:" + "1" * 64)
    assert card().holds is Holds.MASK
    assert card(lattice=digest, mask=None).key == digest
    for mask, lattice in ((None, None), (mask_key(0).public, digest)):
        with pytest.raises(ConfigInvalid, match="lattice key or of a key for masks"):
            card(mask=mask, lattice=lattice)


@pytest.mark.parametrize(
    ("changes", "error", "match"),
    [
        ({"quorum": 1}, NumberInvalid, "quorum"),
        ({"quorum": 4}, NumberInvalid, "quorum"),
        ({"sites": ()}, NumberInvalid, "sites"),
        ({"suites": ()}, ConfigInvalid, "at least one"),
        ({"suites": (Suite.MASK, Suite.BFV_MASK)}, ConfigInvalid, "in order"),
        ({"rounds": 0}, NumberInvalid, "rounds"),
        ({"parameters": 0}, NumberInvalid, "parameters"),
    ],
)
def test_no_owner_can_agree_to_this(changes: dict, error: type[SecurefedError], match: str) -> None:
    with pytest.raises(error, match=match):
        Custody().registration(**changes)


def test_nobody_is_two_in_a_study() -> None:
    custody = Custody()
    one, two, _ = custody.registration().sites
    for sites in ((two, one), (one, one), (one, replace(two, key=one.key))):
        with pytest.raises(ConfigInvalid):
            custody.registration(sites=sites)
    with pytest.raises(ConfigInvalid, match="site and the coordinator"):
        custody.registration(coordinator=one.key)
