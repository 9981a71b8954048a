"""Somebody with access to the ledger's file edits history. Each way is found when the site opens.

A cut-off tail is a valid shorter ledger: it takes a checkpoint that somebody else kept to see it.
"""

from collections.abc import Callable

import pytest

from securefed.domain.checkpoint import parse_checkpoint
from securefed.domain.identifiers import Signature
from securefed.domain.ledger import StoredEntry
from securefed.domain.round import RoundId
from securefed.errors import LedgerBroken, LedgerRolledBack, SecurefedError
from securefed.steps.meter_round import authorise_steps, reserve_round
from tests.forge import opened, rewritten, stored_entries
from tests.world import REVIEWER, World

Entries = list[StoredEntry]


def spending_site() -> World:
    """A site that has approved a request and is running its first round."""
    world = World()
    site = world.site()
    id = RoundId(request=world.approved(site), round=1, attempt=1)
    authorise_steps(site.ledger, reserve_round(site.ledger, id, world.entropy), 16)
    return world


def one_digit_edited(entries: Entries) -> Entries:
    *before, last = entries
    return [
        *before,
        StoredEntry(data=last.data.replace(b'"up_to":16', b'"up_to":15'), signature=last.signature),
    ]


def an_early_row_edited(entries: Entries) -> Entries:
    edited = entries[7].data.replace(b'"epsilon":"3"', b'"epsilon":"9"')
    assert edited != entries[7].data
    return [*entries[:7], StoredEntry(data=edited, signature=entries[7].signature), *entries[8:]]


def reformatted(entries: Entries) -> Entries:
    spaced = entries[1].data.replace(b":", b": ", 1)
    return [entries[0], StoredEntry(data=spaced, signature=entries[1].signature), *entries[2:]]


def a_signature_taken_from_another_entry(entries: Entries) -> Entries:
    *before, last = entries
    return [*before, StoredEntry(data=last.data, signature=before[-1].signature)]


def no_signature(entries: Entries) -> Entries:
    *before, last = entries
    return [*before, StoredEntry(data=last.data, signature=Signature("0" * 128))]


def dropped(entries: Entries) -> Entries:
    return [*entries[:-2], entries[-1]]


def the_founding_dropped(entries: Entries) -> Entries:
    return entries[1:]


def swapped(entries: Entries) -> Entries:
    return [*entries[:2], entries[3], entries[2], *entries[4:]]


def repeated(entries: Entries) -> Entries:
    return [*entries, entries[-1]]


def garbage(entries: Entries) -> Entries:
    return [*entries, StoredEntry(data=b"\x00" * 100, signature=entries[-1].signature)]


EDITS: list[Callable[[Entries], Entries]] = [
    one_digit_edited,
    an_early_row_edited,
    reformatted,
    a_signature_taken_from_another_entry,
    no_signature,
    dropped,
    the_founding_dropped,
    swapped,
    repeated,
    garbage,
]


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_ledger_does_not_open_and_refuses_every_job(
    edit: Callable[[Entries], Entries],
) -> None:
    world = spending_site()
    site = opened(world, edit(stored_entries(world)))
    for act in (
        site.register,
        site.checkpoint,
        lambda: site.receive(world.request()),
        lambda: world.grant(site),
    ):
        with pytest.raises(LedgerBroken):
            act()


def test_the_error_names_the_first_entry_that_is_wrong() -> None:
    world = spending_site()
    with pytest.raises(LedgerBroken, match=r"\(entry 7\)"):
        opened(world, an_early_row_edited(stored_entries(world))).ledger.register()


def test_a_history_signed_by_another_key_is_not_the_sites() -> None:
    world = spending_site()
    entries = stored_entries(world)
    stranger = world.keys.signer("stranger")
    with pytest.raises(LedgerBroken, match="signature is not the site's"):
        opened(world, rewritten(world, entries, stranger)).ledger.register()
    only_the_last = [*entries[:-1], rewritten(world, entries, stranger)[-1]]
    with pytest.raises(LedgerBroken):
        opened(world, only_the_last).ledger.register()


def test_the_whole_ledger_of_another_site_in_its_place_is_noticed() -> None:
    world = spending_site()
    world.site("hospital-b")
    site = opened(world, stored_entries(world, "hospital-b"))
    with pytest.raises(LedgerBroken, match="is that of hospital-b"):
        site.register()


@pytest.mark.parametrize("kept", range(1, 12))
def test_a_cut_off_tail_is_found_with_a_checkpoint(kept: int) -> None:
    world = spending_site()
    entries = stored_entries(world)
    assert len(entries) == 12
    note = world.reopened().checkpoint().note()
    shorter = opened(world, entries[:kept])
    with pytest.raises(LedgerRolledBack, match="its own checkpoint of 12 entries"):
        shorter.ledger.check_contains(parse_checkpoint(note))


def test_a_site_that_is_open_notices_the_cut_by_itself_and_does_not_forget_it() -> None:
    world = spending_site()
    site = world.reopened()
    site.register()
    store = world.stores["hospital-a"]
    store._entries = stored_entries(world)[:-1]
    for _ in range(2):
        with pytest.raises(LedgerRolledBack):
            site.register()
        with pytest.raises(LedgerRolledBack):
            site.receive(world.request())


def test_the_site_itself_rewrites_its_history_and_a_kept_checkpoint_shows_it() -> None:
    """The owner has the key, so a new chain without the spending verifies. Others remember."""
    world = spending_site()
    entries = stored_entries(world)
    checkpoint = world.reopened().checkpoint()
    other = world.keys.signer("hospital-b")
    kept = checkpoint.cosigned("hospital-b", other.key, other.sign(checkpoint.signed)).note()
    site = opened(world, rewritten(world, entries[:8], world.keys.signer("hospital-a")))
    world.title = "A study that never was"
    for rounds in range(1, 5):
        world.rounds = rounds
        world.file(site)
    assert site.register().head.size == checkpoint.head.size
    told = parse_checkpoint(kept)
    assert told.vouched_by("hospital-b", other.key, world.keys.verify)
    with pytest.raises(LedgerRolledBack):
        site.ledger.check_contains(told)


def test_a_site_goes_on_after_its_ledger_was_restored() -> None:
    world = spending_site()
    entries = stored_entries(world)
    with pytest.raises(SecurefedError):
        opened(world, dropped(entries)).register()
    site = opened(world, entries)
    [request] = site.register().requests
    site.revoke(request, world.acting(REVIEWER))
