"""The canary of a round: made-up sites seal, and their updates are added, as in the round itself.

There are as many sites as in the round, of the same weights, so the words are packed in the same
way. They reach from one end of the range to the other. Their keys are made here and forgotten.
Promises that what a custodian is expected to find is computed from the words alone, by plain
addition, and by nothing that seals.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from securefed.aggregation.adding import NewAdder
from securefed.aggregation.chunks import Words
from securefed.aggregation.described import described
from securefed.aggregation.grid import Values
from securefed.aggregation.masked import SummedMasks
from securefed.aggregation.opening import canary_digest, canary_seal, canary_values
from securefed.aggregation.sealed_file import check_update
from securefed.aggregation.shape import shape_of
from securefed.domain.collection import Announced, Manifest
from securefed.domain.identifiers import Digest, Line, SiteId
from securefed.domain.ledger import Verify
from securefed.domain.update import Contributor, PrivatizedUpdate, Roster, Seal, SignedUpdate
from securefed.errors import SealInvalid
from securefed.ports import Signer
from securefed.steps.seal_update import (
    NewSealer,
    SiteSealer,
    packed_update,
    sealed_parts,
)

NewSigner: TypeAlias = Callable[[], Signer]


@dataclass(frozen=True, kw_only=True)
class Sealing:
    """How this round seals, adds and checks; it holds public keys only."""

    new_sealer: NewSealer
    new_adder: NewAdder
    new_signer: NewSigner
    verify: Verify


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What one custodian must find in a canary."""

    holder: Line
    words: Digest


@dataclass(frozen=True, kw_only=True)
class Canary:
    """A canary that is sealed and added: its chunk, its contributors, and one of their files."""

    announced: Announced
    manifest: Manifest
    total: bytes
    expected: tuple[Expected, ...]
    sample: bytes
    signer: Signer
    update: PrivatizedUpdate
    values: Values


def make_canary(announced: Announced, sealing: Sealing) -> Canary:
    """Seals and adds a canary for an attempt that is announced."""
    signers = [sealing.new_signer() for _ in announced.roster.contributors]
    canary = _announced(announced, signers)
    adder = sealing.new_adder(shape_of(canary.seal))
    # The sum of no masks: zeros.
    plain = SummedMasks(()).words(0, shape_of(canary.seal).slots(0))
    masks = [plain.copy() for _ in canary.seal.custodians]
    updates: list[SignedUpdate] = []
    sample = b""
    for number, (site, signer) in enumerate(zip(canary.sites, signers, strict=True)):
        values = canary_values(canary.seal, number)
        update = described(canary.seal.layout, values)
        noting = _Noting(sealing.new_sealer, masks)
        parts = sealed_parts(
            update, values, canary, site=site, signer=signer, new_sealer=noting, draw=None
        )
        file = io.BytesIO(b"".join(parts))
        checked = check_update(file, canary.seal, canary.roster, sealing.verify, adder.check)
        for index, payload in checked.chunks(file):
            adder.add(index, payload)
        plain += next(packed_update(update, values, canary, site, None).words())
        updates.append(checked.signed)
        sample = sample or file.getvalue()
    return Canary(
        announced=canary,
        manifest=Manifest(updates=tuple(updates)),
        total=adder.total(0),
        expected=_expected(canary.seal, plain, masks),
        sample=sample,
        signer=signers[0],
        update=described(canary.seal.layout, canary_values(canary.seal, 0)),
        values=canary_values(canary.seal, 0),
    )


class _Noting:
    """Makes sealers, and adds up their masks: what the custodians of masks must find."""

    def __init__(self, new_sealer: NewSealer, sums: list[Words]) -> None:
        self._new_sealer = new_sealer
        self._sums = sums

    def __call__(self, seal: Seal, site: SiteId) -> SiteSealer:
        made = self._new_sealer(seal, site)
        if len(made.masks) != len(self._sums):
            raise SealInvalid(f"{site} has masks with {len(made.masks)} custodians")
        for total, masks in zip(self._sums, made.masks, strict=True):
            total += masks.words(0, total.size)
        return made


def _expected(seal: Seal, plain: Words, masks: list[Words]) -> tuple[Expected, ...]:
    packing = shape_of(seal).packing
    found = [
        Expected(holder=Line(key), words=canary_digest([total], packing))
        for key, total in zip(seal.custodians, masks, strict=True)
    ]
    if seal.key is not None:
        masked = plain.copy()
        for total in masks:
            masked += total
        found.append(Expected(holder=Line(seal.key), words=canary_digest([masked], packing)))
    return tuple(found)


def _announced(announced: Announced, signers: list[Signer]) -> Announced:
    weights = [one.weight for one in announced.roster.contributors]
    roster = Roster(
        contributors=tuple(
            Contributor(site=SiteId(f"canary-{number:04}"), key=signer.key, weight=weight)
            for number, (signer, weight) in enumerate(zip(signers, weights, strict=True))
        )
    )
    return Announced(seal=canary_seal(announced.seal, roster), roster=roster)
