"""A round's self-test, before any site seals: the proof that protection runs.

A canary goes through the round's own suite, keys and custodians, and must open exactly. Files that
nobody may send must be refused: plain values, a cut file, another round's. No private key may be in
this process. The custodians are asked once an attempt: the question is on the disk before they are,
so that a restart asks the same again. The result is signed, whatever it is.
"""

import dataclasses
import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from securefed.aggregation.opening import Custodian
from securefed.aggregation.sealed_file import (
    check_update,
    sum_header,
    update_header,
    written_sum,
    written_update,
)
from securefed.aggregation.shape import shape_of
from securefed.domain.collection import Announced
from securefed.domain.protection import Check, CheckResult, Proof, SignedProof
from securefed.domain.records import from_bytes, to_bytes
from securefed.errors import IntegrityError, ProtectionUnproven, SealForeign, SealInvalid
from securefed.ports import RoundFiles, SecretFinder, Signer
from securefed.steps.aggregate_round import sum_closer
from securefed.steps.make_canary import Canary, Expected, Sealing, make_canary
from securefed.steps.round_names import AttemptNames
from securefed.steps.seal_update import closing, packed_update

_LARGEST = 1 << 21
_WORD_BYTES = 8


@dataclass(frozen=True, kw_only=True)
class Tools:
    """What the self-test works with: how the round seals, who opens, who signs."""

    sealing: Sealing
    custodians: Sequence[Custodian]
    secrets: SecretFinder
    signer: Signer


@dataclass(frozen=True, kw_only=True)
class Question:
    """What the custodians are asked, and how the files fared that nobody may send."""

    announced: Announced
    expected: tuple[Expected, ...]
    refused: tuple[CheckResult, ...]


def prove_protection(files: RoundFiles, announced: Announced, tools: Tools) -> SignedProof:
    """The result of an attempt's self-test; of one that was made already, the same."""
    names = AttemptNames(announced.seal.attempt)
    there = files.names()
    if names.proof in there:
        return _made(files, names, announced, tools)
    if names.question not in there:
        _ask(files, names, announced, tools)
    question = from_bytes(Question, _content(files, names.question))
    with ThreadPoolExecutor(1) as beside:
        opens = beside.submit(_opens, files, names, question, tools)
        # The canary is gone, whose made-up sites had keys. It takes as long as the custodians.
        held = tools.secrets.found()
    passed = {
        Check.CANARY_OPENS: opens.result(),
        **{one.check: one.passed for one in question.refused},
        Check.NO_SECRET_KEY: not held,
    }
    proof = Proof(
        study=announced.seal.study,
        round=announced.seal.round,
        attempt=announced.seal.attempt,
        seal=announced.seal.digest,
        canary=question.announced.seal.digest,
        coordinator=tools.signer.key,
        results=tuple(CheckResult(check=one, passed=passed[one]) for one in Check),
    )
    signed = SignedProof(proof=proof, signature=tools.signer.sign(proof.signed))
    files.put(names.proof, [to_bytes(signed)])
    return signed


def _made(
    files: RoundFiles, names: AttemptNames, announced: Announced, tools: Tools
) -> SignedProof:
    """A proof that was made by an earlier process. What it says of keys holds for this one, too."""
    signed = from_bytes(SignedProof, _content(files, names.proof))
    signed.check(tools.sealing.verify)
    if (signed.proof.seal, signed.proof.coordinator) != (announced.seal.digest, tools.signer.key):
        raise ProtectionUnproven("The proof in the round's files is another one's")
    if held := tools.secrets.found():
        raise ProtectionUnproven(f"The coordinator's process holds {', '.join(held)}")
    return signed


def _ask(files: RoundFiles, names: AttemptNames, announced: Announced, tools: Tools) -> None:
    """Makes the canary and writes down what custodians are asked."""
    canary = make_canary(announced, tools.sealing)
    header = sum_header(canary.announced.seal)
    close = sum_closer(header, canary.manifest, tools.signer)
    files.put(names.canary, written_sum(header, [canary.total], close))
    question = Question(
        announced=canary.announced,
        expected=canary.expected,
        refused=_refusals(announced, canary, tools.sealing),
    )
    files.put(names.question, [to_bytes(question)])


def _opens(files: RoundFiles, names: AttemptNames, question: Question, tools: Tools) -> bool:
    by_key = {str(one.holds): one for one in tools.custodians}
    seal, roster = question.announced.seal, question.announced.roster
    answers = []
    for one in question.expected:
        if str(one.holder) not in by_key:
            raise ProtectionUnproven(f"No custodian holds {one.holder}")
        with files.opener(names.canary)() as file:
            try:
                answers.append(by_key[one.holder].prove(seal, roster, file, one.words))
            except IntegrityError:
                answers.append(False)
    return all(answers)


# --- files that nobody may send ------------------------------------------------------------------


def _refusals(announced: Announced, canary: Canary, sealing: Sealing) -> tuple[CheckResult, ...]:
    own, sample = canary.announced, canary.sample
    later = dataclasses.replace(own.seal, attempt=own.seal.attempt + 1)
    check = partial(_refused, sealing)
    found = {
        Check.PLAINTEXT_REFUSED: check(own, canary.values.tobytes(), SealInvalid)
        and check(own, _unsealed(canary), SealInvalid),
        Check.TRUNCATED_REFUSED: check(own, sample[:-1], SealInvalid)
        and check(own, sample[: len(sample) // 2], SealInvalid),
        Check.FOREIGN_REFUSED: check(announced, sample, SealForeign)
        and check(dataclasses.replace(own, seal=later), sample, SealForeign),
    }
    return tuple(CheckResult(check=one, passed=passed) for one, passed in found.items())


def _refused(
    sealing: Sealing, announced: Announced, content: bytes, why: type[IntegrityError]
) -> bool:
    adder = sealing.new_adder(shape_of(announced.seal))
    file = io.BytesIO(content)
    try:
        check_update(file, announced.seal, announced.roster, sealing.verify, adder.check)
    except why:
        return True
    return False


def _unsealed(canary: Canary) -> bytes:
    """A made-up site's file, right in everything except that its words are neither encrypted nor
    masked: in a ciphertext's place they leave its second polynomial zero."""
    announced = canary.announced
    seal, site = announced.seal, announced.sites[0]
    update = canary.update
    words = next(packed_update(update, canary.values, announced, site, None).words())
    payload = words.astype("<u8").tobytes().ljust(shape_of(seal).payload_bytes(0), b"\0")
    header = update_header(seal, site, None)
    return b"".join(written_update(header, [payload], closing(header, lambda: 0, canary.signer)))


def _content(files: RoundFiles, name: str) -> bytes:
    with files.opener(name)() as file:
        return file.read(_LARGEST)
