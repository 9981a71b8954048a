"""A site seals only what is privatized, only these values, and only where protection was proved."""

import dataclasses
from collections.abc import Iterator

import numpy as np
import pytest

from securefed.adapters.ed25519_keys import verify
from securefed.aggregation.described import values_digest
from securefed.aggregation.grid import Values
from securefed.domain.identifiers import Digest, Signature
from securefed.domain.protection import SignedProof
from securefed.domain.study import Suite
from securefed.domain.update import PrivatizedUpdate, Seal
from securefed.errors import (
    NotFound,
    ProtectionUnproven,
    SealForeign,
    SignatureInvalid,
    UpdateUnusable,
)
from securefed.steps.prove_protection import prove_protection
from securefed.steps.seal_update import SiteSealer, seal_update
from tests.aggregation.round_of_sites import privatized, seeded, signer, site
from tests.steps.sealed_round import SealedRound, new_sealer, sealed_round


def proof_of(one: SealedRound, *held: str) -> SignedProof:
    return prove_protection(one.files, one.announced, one.tools(*held))


def parts(
    one: SealedRound,
    values: Values,
    update: PrivatizedUpdate,
    proof: SignedProof,
    **changes: object,
) -> Iterator[bytes]:
    usual = {
        "site": site(0),
        "signer": signer(0),
        "verify": verify,
        "new_sealer": new_sealer,
        "draw": seeded(1),
    }
    return seal_update(update, values, one.announced, proof, **{**usual, **changes})


@pytest.mark.parametrize("suite", [Suite.MASK, Suite.BFV_MASK])
def test_what_is_sealed_is_taken_by_the_coordinator(suite: Suite) -> None:
    one = sealed_round(2, suite)
    values = one.values(0)
    one.collecting().receive(site(0), parts(one, values, privatized(values), proof_of(one)))
    assert list(one.collecting().state.delivered) == [site(0)]


def test_values_that_are_not_those_of_the_update_are_not_sealed() -> None:
    one = sealed_round(2)
    values, proof = one.values(0), proof_of(one)
    other = values.copy()
    other[-1] += np.float32(1e-6)
    with pytest.raises(UpdateUnusable, match="not those of the update"):
        parts(one, other, privatized(values), proof)
    with pytest.raises(UpdateUnusable):
        parts(one, values[:-1], privatized(values), proof)


def test_the_digest_is_of_all_values_in_a_row() -> None:
    values = np.arange((1 << 20) + 5, dtype=np.float32)
    assert values_digest(values) == privatized(values).values
    assert values_digest(values.reshape(-1)[::-1]) == privatized(values[::-1].copy()).values


def test_a_failed_or_foreign_or_forged_proof_lets_nobody_seal() -> None:
    one = sealed_round(2)
    values = one.values(0)
    update = privatized(values)
    with pytest.raises(ProtectionUnproven, match="no-secret-key"):
        parts(one, values, update, proof_of(one, "OpeningKey"))
    with pytest.raises(ProtectionUnproven, match="another round"):
        parts(one, values, update, proof_of(sealed_round(3)))
    sound = proof_of(sealed_round(2))
    with pytest.raises(SignatureInvalid):
        parts(one, values, update, dataclasses.replace(sound, signature=Signature("0" * 128)))


def test_a_site_seals_under_its_own_name_and_key_only() -> None:
    one = sealed_round(2)
    values, proof = one.values(0), proof_of(one)
    with pytest.raises(SealForeign, match="another key"):
        parts(one, values, privatized(values), proof, site=site(1))
    with pytest.raises(NotFound):
        parts(one, values, privatized(values), proof, site=site(7))


@pytest.mark.parametrize("suite", [Suite.MASK, Suite.BFV_MASK])
def test_without_its_masks_nothing_is_sealed(suite: Suite) -> None:
    one = sealed_round(2, suite)
    values, proof = one.values(0), proof_of(one)

    def bare(seal: Seal, name: object) -> SiteSealer:
        return dataclasses.replace(new_sealer(seal, site(0)), masks=())

    def unnamed(seal: Seal, name: object) -> SiteSealer:
        return dataclasses.replace(new_sealer(seal, site(0)), once=None)

    for wrong in (bare, unnamed):
        with pytest.raises(SealForeign, match="masks"):
            parts(one, values, privatized(values), proof, new_sealer=wrong)


def test_another_layout_is_not_sealed() -> None:
    one = sealed_round(2)
    values = one.values(0)
    other = dataclasses.replace(privatized(values), layout=Digest("sha256:" + "9" * 64))
    with pytest.raises(SealForeign, match="layout"):
        parts(one, values, other, proof_of(one))
