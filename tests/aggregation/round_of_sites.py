"""A roster of sites that sign, and what they seal in one round, for the tests of sealing."""

import hashlib
from collections.abc import Callable
from decimal import Decimal
from functools import cache

import numpy as np

from securefed.adapters.ed25519_keys import Ed25519Signer
from securefed.aggregation.grid import Chances, Values
from securefed.aggregation.sealed_file import UpdateHeader, update_of
from securefed.domain.identifiers import Digest, ExchangeKey, SiteId, StudyId
from securefed.domain.study import Suite
from securefed.domain.update import (
    Contributor,
    PrivatizedUpdate,
    Roster,
    Seal,
    SignedUpdate,
)

LAYOUT = Digest("sha256:" + "1" * 64)
KEY = Digest("sha256:" + "2" * 64)
CUSTODIAN = ExchangeKey("x25519:" + "3" * 64)
BOUND = Decimal(1000)
REACH = Decimal("0.5")


def site(number: int) -> SiteId:
    """The name of a site; names sort as their numbers do."""
    return SiteId(f"site-{number:04}")


@cache
def signer(number: int) -> Ed25519Signer:
    """A site's signing key, the same each time."""
    return Ed25519Signer(hashlib.sha256(b"test site %d" % number).digest())


def roster(sites: int, weights: tuple[int, ...] | None = None) -> Roster:
    """A roster of so many sites, of one weight each or of these."""
    chosen = weights or (1,) * sites
    return Roster(
        contributors=tuple(
            Contributor(site=site(number), key=signer(number).key, weight=chosen[number])
            for number in range(sites)
        )
    )


def seal(
    announced: Roster,
    *,
    suite: Suite = Suite.MASK,
    bits: int = 12,
    parameters: int = 1000,
    key: Digest = KEY,
    custodians: tuple[ExchangeKey, ...] = (CUSTODIAN,),
    **changes: object,
) -> Seal:
    """What the sites of a roster seal, with keys as the suite wants them."""
    fields = {
        "study": StudyId("readmission"),
        "round": 3,
        "attempt": 1,
        "roster": announced.digest,
        "contributors": len(announced.contributors),
        "quorum": 1,
        "suite": suite,
        "bits": bits,
        "key": None if suite is Suite.MASK else key,
        "custodians": () if suite is Suite.BFV else custodians,
        "layout": LAYOUT,
        "parameters": parameters,
        "tally": 0,
        "bound": BOUND,
        "reach": REACH,
    }
    return Seal(**{**fields, **changes})


def privatized(values: Values) -> PrivatizedUpdate:
    """The description of an update."""
    return PrivatizedUpdate(
        layout=LAYOUT,
        parameters=values.size,
        values=Digest("sha256:" + hashlib.sha256(values.tobytes()).hexdigest()),
        norm=Decimal(repr(float(np.linalg.norm(values.astype(np.float64))))),
    )


def closing(
    number: int, header: UpdateHeader, saturated: Callable[[], int] = lambda: 0
) -> Callable[[Digest], SignedUpdate]:
    """What signs for a site, once its body is written."""

    def close(body: Digest) -> SignedUpdate:
        update = update_of(header, body, saturated())
        return SignedUpdate(update=update, signature=signer(number).sign(update.signed))

    return close


def seeded(seed: int) -> Callable[[int], Chances]:
    """Words to round by, the same for the same seed."""
    generator = np.random.default_rng(seed)
    return lambda size: generator.integers(0, 1 << 32, size, dtype=np.uint32)


def normals(seed: int, size: int, scale: float = 0.1) -> Values:
    """Values as an update has them."""
    return np.random.default_rng(seed).normal(0, scale, size).astype(np.float32)
