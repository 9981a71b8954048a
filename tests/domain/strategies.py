"""Hypothesis strategies for what is asked of a site and what a site is, each by its class's checks.

The strategies make valid values only, of every shape that a class allows; what must be refused is
written out by hand in the tests. Rules, plans, decisions and events are in `ledger_strategies`.
"""

import string
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from securefed.domain.allowance import Allowance, RequesterShare, allowance
from securefed.domain.identifiers import (
    AccountId,
    DatasetId,
    Digest,
    Line,
    Name,
    PublicKey,
    RequestId,
    Signature,
    SiteId,
    StudyId,
    Version,
)
from securefed.domain.privacy import (
    Adjacency,
    DiscreteGaussianRelease,
    DiscreteLaplaceRelease,
    DpSgd,
    GaussianRelease,
    LaplaceRelease,
    Mechanism,
    PrivacyLoss,
    PrivacyUnit,
    Sampling,
)
from securefed.domain.request import CodeRequest, SignedRequest
from securefed.domain.site import (
    Account,
    Column,
    ColumnType,
    DataCard,
    Machine,
    Role,
    Sandbox,
    Site,
)
from securefed.domain.study import (
    MOST_TALLY,
    PRECISIONS,
    Model,
    Parameter,
    Participant,
    Recipe,
    Sealing,
    Study,
    Suite,
)
from securefed.domain.weighting import CappedUnits, EqualWeights
from tests.domain.combined import combinings

T = TypeVar("T")
E = TypeVar("E", bound=Enum)

HEX = "0123456789abcdef"
_VISIBLE = string.ascii_letters + string.digits + string.punctuation + " äß≤ε×漢字–<>"


# --- text and numbers ----------------------------------------------------------------------------


def slugs(kind: Callable[[str], T]) -> SearchStrategy[T]:
    """Names of a kind."""
    first = st.sampled_from(string.ascii_lowercase + string.digits)
    rest = st.text(alphabet=string.ascii_lowercase + string.digits + "-", max_size=8)
    return st.builds("".join, st.tuples(first, rest)).map(kind)


def _hex(kind: Callable[[str], T], prefix: str, length: int) -> SearchStrategy[T]:
    digits = st.text(alphabet=HEX, min_size=length, max_size=length)
    return digits.map(lambda text: kind(prefix + text))


def some_of(kind: type[E], least: int = 1) -> SearchStrategy[tuple[E, ...]]:
    """Distinct members of an enumeration."""
    return st.lists(st.sampled_from(kind), min_size=least, unique=True).map(tuple)


lines = st.text(alphabet=_VISIBLE, min_size=1, max_size=20).map(str.strip).filter(bool).map(Line)
names = slugs(Name)
digests = _hex(Digest, "sha256:", 64)
keys = _hex(PublicKey, "ed25519:", 64)
signatures = _hex(Signature, "", 128)
request_ids = _hex(RequestId, "cr-", 12)
versions = st.sampled_from(["1", "1.2.0", "2026.11.21", "1.0rc1", "0.9.5+local"]).map(Version)
moments = st.datetimes(
    min_value=datetime(2020, 1, 1), max_value=datetime(2060, 1, 1), timezones=st.just(UTC)
).map(lambda moment: moment.replace(microsecond=0))
ends = st.one_of(st.none(), moments)
counts = st.integers(min_value=1, max_value=10**9)
repeats = st.integers(min_value=1, max_value=10**8)


def decimals(least: str, most: str) -> SearchStrategy[Decimal]:
    """Exact decimals in a range."""
    return st.decimals(min_value=least, max_value=most, places=9, allow_nan=False)


positives = decimals("0.000000001", "1000000")
below_one = decimals("0.000000001", "0.999999999")
losses = st.one_of(decimals("0", "1000000"), st.just(Decimal("Infinity")))


# --- what protects, and what is asked ------------------------------------------------------------

trainings = st.builds(
    DpSgd,
    noise_multiplier=positives,
    sampling_rate=decimals("0.000000001", "1"),
    sampling=st.sampled_from(Sampling),
    steps=repeats,
    clip=positives,
)
gaussians = st.builds(GaussianRelease, noise_multiplier=positives, releases=repeats)
laplaces = st.builds(LaplaceRelease, scale=positives, releases=counts)
discrete_gaussians = st.builds(DiscreteGaussianRelease, scale=positives, releases=counts)
discrete_laplaces = st.builds(DiscreteLaplaceRelease, scale=positives, releases=counts)
mechanisms: SearchStrategy[Mechanism] = st.one_of(
    trainings, gaussians, laplaces, discrete_gaussians, discrete_laplaces
)
privacy_losses = st.builds(
    PrivacyLoss,
    epsilon=losses,
    upper_bound=losses,
    replace_one=losses,
    delta=below_one,
    adjacency=st.sampled_from(Adjacency),
    accountant=lines.map(str),
)
parameters = st.builds(Parameter, name=lines, value=lines)
recipes = st.builds(
    Recipe,
    name=names,
    version=versions,
    parameters=st.lists(parameters, max_size=3, unique_by=lambda one: one.name).map(
        lambda found: tuple(sorted(found, key=lambda one: one.name))
    ),
    own_code=st.one_of(st.none(), digests),
)
models = st.builds(Model, family=names, parameters=counts)
participants = st.builds(
    Participant,
    site=slugs(SiteId),
    dataset=slugs(DatasetId),
    training=trainings,
    metrics=st.one_of(st.none(), gaussians),
)
rosters = st.lists(participants, min_size=1, max_size=3, unique_by=lambda one: one.site).map(tuple)


weightings = st.one_of(st.builds(EqualWeights), st.builds(CappedUnits, cap=counts))


@st.composite
def sealings(draw: st.DrawFn, *, measured: bool) -> Sealing:
    """Sealing under any suite, with the keys of some who can open, or without."""
    suite = draw(st.sampled_from(Suite))
    most = 0 if suite is Suite.NONE else 4
    tally = draw(st.integers(0, MOST_TALLY)) if measured and most else 0
    known = draw(st.lists(keys, max_size=most, unique=True))
    return Sealing(
        suite=suite,
        update_bound=draw(positives),
        reach=draw(positives),
        bits=draw(st.sampled_from(PRECISIONS)),
        tally=tally,
        weighting=draw(weightings),
        coordinator=known[0] if known else None,
        custodians=tuple(sorted(known[1:])),
    )


def _studies_of(roster: tuple[Participant, ...]) -> SearchStrategy[Study]:
    return st.builds(
        Study,
        study=slugs(StudyId),
        title=lines,
        purpose=names,
        recipe=recipes,
        model=models,
        rounds=st.integers(1, 1000),
        spare_attempts=st.integers(0, 1000),
        minimum_sites=st.just(1),
        sealing=sealings(measured=all(one.metrics for one in roster)),
        combining=combinings(measured=any(one.metrics for one in roster)),
        valid_days=st.integers(1, 3650),
        participants=st.just(roster),
    )


studies = rosters.flatmap(_studies_of)


@st.composite
def code_requests(draw: st.DrawFn) -> CodeRequest:
    """A study asked of one of its sites, for at most as long as it says."""
    study, filed_at = draw(studies), draw(moments)
    lifetime = draw(st.timedeltas(min_value=ONE_SECOND, max_value=study.valid_days * ONE_DAY))
    return CodeRequest(
        site=draw(st.sampled_from(study.participants)).site,
        requester=draw(slugs(AccountId)),
        requester_key=draw(keys),
        study=study,
        filed_at=filed_at,
        expires_at=filed_at + lifetime - lifetime % ONE_SECOND,
    )


ONE_SECOND = datetime(2026, 1, 1, 0, 0, 1) - datetime(2026, 1, 1)
ONE_DAY = datetime(2026, 1, 2) - datetime(2026, 1, 1)
signed_requests = st.builds(SignedRequest, request=code_requests(), signature=signatures)


# --- the site ------------------------------------------------------------------------------------

sites = st.builds(Site, site=slugs(SiteId), title=lines, key=keys)
accounts = st.builds(Account, account=slugs(AccountId), key=keys, roles=some_of(Role))
columns = st.builds(Column, name=lines, type=st.sampled_from(ColumnType), meaning=lines)
machines = st.builds(
    Machine,
    package=versions,
    package_digest=digests,
    libraries_digest=digests,
    interpreter=versions,
    sandbox=st.sampled_from(Sandbox),
)


@st.composite
def cards(draw: st.DrawFn) -> DataCard:
    """A data card whose unit is the record or one of its columns."""
    named = draw(st.lists(columns, min_size=1, max_size=3, unique_by=lambda one: one.name))
    column = draw(st.one_of(st.none(), st.sampled_from([str(one.name) for one in named])))
    records = draw(counts)
    return DataCard(
        dataset=draw(slugs(DatasetId)),
        version=draw(counts),
        title=draw(lines),
        origin=draw(lines),
        licence=draw(lines),
        purposes=tuple(draw(st.lists(names, min_size=1, max_size=2))),
        unit=PrivacyUnit(column=column, bound=1 if column is None else draw(counts)),
        adjacency=draw(st.sampled_from(Adjacency)),
        records=records,
        units=draw(st.integers(1, records)),
        columns=tuple(named),
        data=draw(digests),
        mock=draw(digests),
    )


@st.composite
def allowances(draw: st.DrawFn) -> Allowance:
    """An allowance with room at its order, and shares of it."""
    accounts_named = draw(st.lists(slugs(AccountId), max_size=2, unique=True))
    epsilon = draw(decimals("1", "100"))
    return allowance(
        draw(slugs(DatasetId)),
        epsilon,
        draw(decimals("0.00000001", "0.1")),
        shares=tuple(RequesterShare(account=name, epsilon=epsilon) for name in accounts_named),
        expires_at=draw(ends),
    )
