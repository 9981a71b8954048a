"""A round's self-test: each check passes where protection runs, and fails where it does not."""

import dataclasses
import io
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import pytest

from securefed.adapters.ed25519_keys import verify
from securefed.adapters.memory_round import MemoryFiles
from securefed.adapters.tenseal_sealing.adding import BfvAdder
from securefed.adapters.tenseal_sealing.keys import OpeningKey
from securefed.aggregation.chunks import Words
from securefed.aggregation.opening import Held
from securefed.aggregation.shape import shape_of
from securefed.domain.identifiers import Digest, SiteId
from securefed.domain.protection import Check, SignedProof
from securefed.domain.study import Suite
from securefed.domain.update import Roster, Seal
from securefed.errors import ProtectionUnproven, SecurefedError
from securefed.steps.make_canary import make_canary
from securefed.steps.prove_protection import Tools, prove_protection
from securefed.steps.seal_update import SiteSealer
from tests.adapters.sealing.parties import mask_key, opening_key
from tests.steps.sealed_round import InProcess, SealedRound, new_sealer, sealed_round

SUITES = [Suite.MASK, Suite.BFV, Suite.BFV_MASK]


def proved(one: SealedRound, tools: Tools) -> SignedProof:
    return prove_protection(one.files, one.announced, tools)


@pytest.mark.parametrize("suite", SUITES)
def test_a_round_that_is_protected_passes_every_check(suite: Suite) -> None:
    one = sealed_round(3, suite)
    signed = proved(one, one.tools())
    signed.check(verify)
    signed.proof.expect_passed(one.play.seal)
    assert not signed.proof.failed
    assert [result.check for result in signed.proof.results] == list(Check)
    assert signed.proof.seal == one.play.seal.digest


def test_a_proof_is_for_its_seal_alone() -> None:
    one = sealed_round(3)
    later = dataclasses.replace(one.play.seal, attempt=2)
    with pytest.raises(ProtectionUnproven, match="another round"):
        proved(one, one.tools()).proof.expect_passed(later)


# --- what makes a check fail ----------------------------------------------------------------------


def test_a_canary_that_opens_to_something_else_fails() -> None:
    one = sealed_round(3, Suite.BFV)

    def wrong(seal: Seal, name: SiteId) -> SiteSealer:
        inner = new_sealer(seal, name).inner

        class Off:
            def seal(self, index: int, words: Words) -> bytes:
                return inner.seal(index, words + np.uint64(1))

        return SiteSealer(inner=Off(), masks=(), once=None)

    tools = one.tools()
    sealing = dataclasses.replace(tools.sealing, new_sealer=wrong)
    found = proved(one, dataclasses.replace(tools, sealing=sealing)).proof
    assert found.failed == (Check.CANARY_OPENS,)
    with pytest.raises(ProtectionUnproven, match="canary-opens"):
        found.expect_passed(one.play.seal)


def test_masks_that_the_custodian_does_not_have_fail() -> None:
    one = sealed_round(3, Suite.MASK)

    class OtherKey(InProcess):
        @property
        def holds(self) -> Held:
            return one.play.mask_keys[0].public

        def open(self, seal: Seal, roster: Roster, file: BinaryIO) -> Iterator[Words]:
            yield np.zeros(shape_of(seal).slots(0), np.uint64)

    tools = dataclasses.replace(one.tools(), custodians=[OtherKey(mask_key(7))])
    assert proved(one, tools).proof.failed == (Check.CANARY_OPENS,)


def test_without_all_its_custodians_a_round_is_not_tested() -> None:
    one = sealed_round(3, Suite.BFV_MASK)
    for missing in range(2):
        custodians = one.custodians
        del custodians[missing]
        with pytest.raises(ProtectionUnproven, match="No custodian holds"):
            proved(one, dataclasses.replace(one.tools(), custodians=custodians))


def test_a_private_key_in_the_process_fails_and_at_a_restart_too() -> None:
    one = sealed_round(3)
    assert proved(one, one.tools("OpeningKey")).proof.failed == (Check.NO_SECRET_KEY,)
    sound = sealed_round(3)
    proved(sound, sound.tools())
    with pytest.raises(ProtectionUnproven, match="holds MaskKey"):
        proved(sound, sound.tools("MaskKey"))


def test_an_adder_that_takes_plain_words_for_ciphertexts_fails() -> None:
    one = sealed_round(3, Suite.BFV)
    tools = one.tools()

    class Careless(BfvAdder):
        def check(self, index: int, payload: bytes) -> None:
            pass

    sealing = dataclasses.replace(tools.sealing, new_adder=Careless)
    found = proved(one, dataclasses.replace(tools, sealing=sealing)).proof
    assert found.failed == (Check.PLAINTEXT_REFUSED,)


def test_a_checker_that_takes_every_signature_still_refuses_what_is_cut_or_foreign() -> None:
    one = sealed_round(3)
    tools = one.tools()
    sealing = dataclasses.replace(tools.sealing, verify=lambda *_: True)
    found = proved(one, dataclasses.replace(tools, sealing=sealing)).proof
    assert not found.failed


# --- custodians are asked once --------------------------------------------------------------------


class Unreachable(InProcess):
    """A custodian that hears the question, and whose answer is lost the first time."""

    def __init__(self, key: OpeningKey) -> None:
        super().__init__(key)
        self.heard: list[tuple[bytes, Digest]] = []

    def prove(self, seal: Seal, roster: Roster, file: BinaryIO, expected: Digest) -> bool:
        content = file.read()
        self.heard.append((content, expected))
        if len(self.heard) == 1:
            raise SecurefedErrorOfTest("no answer")
        return super().prove(seal, roster, io.BytesIO(content), expected)


class SecurefedErrorOfTest(SecurefedError):
    """The line is down."""

    code = "line-down"
    hint = ""


def test_after_a_lost_answer_the_very_same_question_is_asked_again() -> None:
    one = sealed_round(3, Suite.BFV)
    custodian = Unreachable(opening_key())
    tools = dataclasses.replace(one.tools(), custodians=[custodian])
    with pytest.raises(SecurefedErrorOfTest):
        proved(one, tools)
    assert not proved(one, tools).proof.failed
    proved(one, tools)
    assert len(custodian.heard) == 2
    assert custodian.heard[0] == custodian.heard[1]


def test_a_proof_of_another_round_in_the_files_counts_for_nothing() -> None:
    one, other = sealed_round(3), sealed_round(4)
    files = MemoryFiles()
    other.files = files
    proved(other, other.tools())
    one.files = MemoryFiles({"1.proof": files.content["1.proof"]})
    with pytest.raises(ProtectionUnproven, match="another one's"):
        proved(one, one.tools())


def test_a_canary_is_packed_as_the_round_and_no_update_of_it_fits_the_round() -> None:
    one = sealed_round(5, Suite.BFV, bits=8)
    canary = make_canary(one.announced, one.tools().sealing).announced
    assert shape_of(canary.seal).packing == shape_of(one.play.seal).packing
    assert not set(canary.sites) & set(one.announced.sites)
