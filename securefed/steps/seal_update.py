"""Sealing at a site: a clipped and noised update and a proof that protection ran go in, the parts
of a sealed file come out.

Promises to seal only a `PrivatizedUpdate`, only the values that it describes, and only for a round
whose self-test passed. Behind them it seals the noised tally, where the study sums what its sites
measure. It goes chunk by chunk; the values can be a file mapped into memory.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from securefed.aggregation.chunks import ChunkSealer, Masks
from securefed.aggregation.described import values_digest
from securefed.aggregation.grid import Floats, Values
from securefed.aggregation.masked import MaskedSealer
from securefed.aggregation.sealed_file import UpdateHeader, update_header, update_of, written_update
from securefed.aggregation.shape import shape_of
from securefed.aggregation.values import NO_TALLY, Draw, PackedUpdate, site_scaling
from securefed.domain.collection import Announced
from securefed.domain.identifiers import Digest, ExchangeKey, SiteId
from securefed.domain.ledger import Verify
from securefed.domain.protection import SignedProof
from securefed.domain.update import PrivatizedUpdate, Seal, SignedUpdate
from securefed.errors import SealForeign, UpdateUnusable
from securefed.ports import Signer


@dataclass(frozen=True, kw_only=True)
class SiteSealer:
    """What seals one update: its masks with each custodian, and the public half of their key."""

    inner: ChunkSealer
    masks: tuple[Masks, ...]
    once: ExchangeKey | None


# Makes a sealer for one update, with a new key for its masks where the suite masks.
NewSealer: TypeAlias = Callable[[Seal, SiteId], SiteSealer]


def seal_update(
    update: PrivatizedUpdate,
    values: Values,
    announced: Announced,
    proof: SignedProof,
    *,
    site: SiteId,
    signer: Signer,
    verify: Verify,
    new_sealer: NewSealer,
    draw: Draw | None,
    tally: Floats = NO_TALLY,
) -> Iterator[bytes]:
    """The parts of a site's sealed file. Nothing is sealed before all of this is checked."""
    proof.check(verify)
    proof.proof.expect_passed(announced.seal)
    if announced.roster.contributor(site).key != signer.key:
        raise SealForeign(f"The roster names another key for {site}")
    if values_digest(values) != update.values:
        raise UpdateUnusable("The values are not those of the update")
    return sealed_parts(
        update,
        values,
        announced,
        site=site,
        signer=signer,
        new_sealer=new_sealer,
        draw=draw,
        tally=tally,
    )


def sealed_parts(
    update: PrivatizedUpdate,
    values: Values,
    announced: Announced,
    *,
    site: SiteId,
    signer: Signer,
    new_sealer: NewSealer,
    draw: Draw | None,
    tally: Floats = NO_TALLY,
) -> Iterator[bytes]:
    """The file without a proof: for the canary, which is what the proof is made of."""
    seal = announced.seal
    packed = packed_update(update, values, announced, site, draw, tally)
    own = new_sealer(seal, site)
    if len(own.masks) != len(seal.custodians) or (own.once is None) == seal.masked:
        raise SealForeign(f"The masks of {site} are not those that the suite {seal.suite} wants")
    masked = MaskedSealer(own.inner, own.masks, shape_of(seal).packing)
    sealer = masked if seal.masked else own.inner
    payloads = (sealer.seal(index, words) for index, words in enumerate(packed.words()))
    header = update_header(seal, site, own.once)
    return written_update(header, payloads, closing(header, lambda: packed.saturated, signer))


def packed_update(
    update: PrivatizedUpdate,
    values: Values,
    announced: Announced,
    site: SiteId,
    draw: Draw | None,
    tally: Floats = NO_TALLY,
) -> PackedUpdate:
    """The words of a site's update."""
    seal, roster = announced.seal, announced.roster
    return PackedUpdate(update, values, seal, site_scaling(update, seal, roster, site), draw, tally)


def closing(
    header: UpdateHeader, saturated: Callable[[], int], signer: Signer
) -> Callable[[Digest], SignedUpdate]:
    """What signs an update once its body is written."""

    def close(body: Digest) -> SignedUpdate:
        update = update_of(header, body, saturated())
        return SignedUpdate(update=update, signature=signer.sign(update.signed))

    return close
