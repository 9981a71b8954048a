"""Replaying a ledger is checking it: place, signature, effect, in that order, all or nothing."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from securefed.domain import replay as module
from securefed.domain.decision import AccountSuspension
from securefed.domain.event import LedgerEntry, RequestFiled, SiteFounded
from securefed.domain.identifiers import (
    AccountId,
    Digest,
    Line,
    PublicKey,
    Signature,
    SiteId,
)
from securefed.domain.ledger import StoredEntry
from securefed.domain.records import from_bytes
from securefed.domain.register import Register
from securefed.domain.replay import FirstBad, apply, audit, replay
from securefed.domain.site import Role
from securefed.errors import LedgerBroken, NotCanonical, RecordInvalid, SecurefedError
from tests.forge import decided, next_entry, signed, stored_entries
from tests.snapshots import picture
from tests.world import OWNER, REVIEWER, World, digest


def replayed(world: World) -> Register:
    register = Register(world.keys.verify)
    replay(register, stored_entries(world))
    return register


def test_a_fresh_replay_says_what_the_live_register_says() -> None:
    world = World(rounds=2)
    site = world.site()
    world.approved(site)
    assert picture(replayed(world)) == picture(site.register())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda entry: replace(entry, format_version=2), "Unknown entry format 2"),
        (lambda entry: replace(entry, index=entry.index + 1), "does not follow"),
        (lambda entry: replace(entry, index=0), "does not follow"),
        (lambda entry: replace(entry, previous=digest("another")), "does not follow"),
        (lambda entry: replace(entry, at=entry.at - timedelta(seconds=1)), "older than the one"),
        (lambda entry: replace(entry, site=SiteId("hospital-b")), "belongs to another ledger"),
    ],
)
def test_an_entry_out_of_place_is_refused_and_changes_nothing(
    change: Callable[[LedgerEntry], LedgerEntry], message: str
) -> None:
    world = World()
    site = world.site()
    entry = next_entry(site, RequestFiled(filed=world.request()))
    register = replayed(world)
    before = picture(register)
    with pytest.raises(LedgerBroken, match=message):
        apply(register, signed(world, change(entry), world.keys.signer("hospital-a")))
    assert picture(register) == before
    apply(register, signed(world, entry))
    assert register.head.size == before.head.size + 1


def test_an_entry_that_the_site_did_not_sign_is_refused() -> None:
    world = World()
    site = world.site()
    entry = next_entry(site, RequestFiled(filed=world.request()))
    register = replayed(world)
    for signer in (world.keys.signer("hospital-b"), world.signer(OWNER)):
        with pytest.raises(LedgerBroken, match="signature is not the site's"):
            apply(register, signed(world, entry, signer))


def founding(world: World, site: str = "hospital-a") -> SiteFounded:
    first = from_bytes(LedgerEntry, stored_entries(world)[0].data).event
    assert isinstance(first, SiteFounded)
    return replace(first, site=replace(first.site, site=SiteId(site)))


def test_a_ledger_has_one_founding_and_begins_with_it() -> None:
    world = World()
    site = world.founded()
    again = next_entry(site, founding(world))
    with pytest.raises(LedgerBroken, match="has only one"):
        apply(replayed(world), signed(world, again))
    suspension = AccountSuspension(
        site=SiteId("hospital-a"),
        by=OWNER,
        at=site.ledger.now(),
        reason=Line("No reason"),
        account=AccountId("ravi"),
    )
    first = replace(again, index=0, previous=Digest("sha256:" + "0" * 64))
    with pytest.raises(LedgerBroken, match="begins with the founding"):
        apply(
            Register(world.keys.verify),
            signed(world, replace(first, event=decided(world, OWNER, suspension))),
        )


def test_the_first_account_is_an_owner_and_the_first_entry_is_of_its_own_site() -> None:
    world = World()
    world.founded()
    first = from_bytes(LedgerEntry, stored_entries(world)[0].data)
    reviewer = world.account(REVIEWER, Role.REVIEWER)
    powerless = replace(first, event=replace(founding(world), owner=reviewer))
    elsewhere = replace(first, event=founding(world, "hospital-b"))
    for entry in (powerless, elsewhere):
        register = Register(world.keys.verify)
        with pytest.raises(SecurefedError):
            apply(register, signed(world, entry))
        assert register.founded is None
        assert not register.accounts


@pytest.mark.parametrize(
    ("data", "error"), [(b"{}", RecordInvalid), (b" {}", NotCanonical), (b"\x00", NotCanonical)]
)
def test_bytes_that_are_no_entry_are_refused(data: bytes, error: type[SecurefedError]) -> None:
    world = World()
    world.founded()
    stored = StoredEntry(data=data, signature=stored_entries(world)[0].signature)
    with pytest.raises(error):
        apply(replayed(world), stored)


def test_a_broken_ledger_names_the_first_entry_that_does_not_fit() -> None:
    world = World()
    site = world.site()
    entry = next_entry(site, RequestFiled(filed=world.request()))
    filed_twice = [signed(world, entry)]
    second = replace(entry, index=entry.index + 1, previous=filed_twice[0].hash)
    filed_twice.append(signed(world, second))
    with pytest.raises(LedgerBroken, match=rf"is filed already \(entry {second.index}\)"):
        replay(replayed(world), filed_twice)
    out_of_place = signed(world, replace(entry, index=99))
    with pytest.raises(LedgerBroken, match=rf"does not follow .* \(entry {entry.index}\)"):
        replay(replayed(world), [out_of_place])


def test_an_empty_ledger_has_no_site() -> None:
    register = Register(World().keys.verify)
    replay(register, [])
    with pytest.raises(LedgerBroken, match="no first entry"):
        _ = register.site


# --- every signature -----------------------------------------------------------------------------


def first_bad_by(world: World) -> FirstBad:
    """Checks many signatures, one after the other."""

    def first_bad(key: PublicKey, entries: Sequence[StoredEntry]) -> int | None:
        checked = (world.keys.verify(key, one.signed, one.signature) for one in entries)
        return next((place for place, good in enumerate(checked) if not good), None)

    return first_bad


def unsigned(entries: list[StoredEntry], place: int) -> list[StoredEntry]:
    """The same entries, one of them without its signature."""
    lost = StoredEntry(data=entries[place].data, signature=Signature("0" * 128))
    return [*entries[:place], lost, *entries[place + 1 :]]


@pytest.fixture(params=[1, 3, 2048])
def small_batches(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of which a small ledger has many, or one."""
    monkeypatch.setattr(module, "_BATCH", request.param)


@pytest.mark.usefixtures("small_batches")
def test_an_audit_ends_where_a_replay_does_and_counts_the_entries() -> None:
    world = World()
    site = world.site()
    world.approved(site)
    register = Register(world.keys.verify)
    kinds = audit(register, stored_entries(world), first_bad_by(world))
    assert picture(register) == picture(site.ledger.register())
    assert kinds == {"site-founded": 1, "decided": 8, "request-filed": 1}


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("place", range(8))
def test_an_audit_misses_no_signature(place: int) -> None:
    world = World()
    world.site()
    entries = unsigned(stored_entries(world), place)
    with pytest.raises(LedgerBroken, match=rf"not the site's \(entry {place}\)"):
        audit(Register(world.keys.verify), entries, first_bad_by(world))


def test_a_replay_rests_on_the_last_signature() -> None:
    world = World()
    world.site()
    entries = stored_entries(world)
    register = Register(world.keys.verify)
    replay(register, unsigned(entries, 3))
    assert register.head.size == len(entries)
    with pytest.raises(LedgerBroken, match=r"not the site's \(entry 7\)"):
        replay(Register(world.keys.verify), unsigned(entries, 7))


def breaking_off(entries: list[StoredEntry]) -> Iterator[StoredEntry]:
    """A store that can read no further."""
    yield from entries
    raise LedgerBroken("The file ends in the middle of a row")


@pytest.mark.usefixtures("small_batches")
def test_what_a_store_refuses_comes_after_what_is_wrong_before_it() -> None:
    world = World()
    world.site()
    entries = stored_entries(world)
    with pytest.raises(LedgerBroken, match="middle of a row"):
        audit(Register(world.keys.verify), breaking_off(entries), first_bad_by(world))
    with pytest.raises(LedgerBroken, match=r"not the site's \(entry 2\)"):
        audit(Register(world.keys.verify), breaking_off(unsigned(entries, 2)), first_bad_by(world))


def test_an_audit_of_nothing_counts_nothing() -> None:
    world = World()
    assert not audit(Register(world.keys.verify), [], first_bad_by(world))
