"""Evidence that somebody changed: both verifiers find it, whoever's keys the attacker has."""

import copy
import json
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from securefed.domain.canonical import digest_of, to_canonical
from securefed.domain.evidence import written_evidence
from tests.audit.evidence_world import Study
from tests.audit.forging import Forger, another, both, changed, leaf_places

pytestmark = pytest.mark.slow

SITE = "hospital-a"


@cache
def a_study() -> Study:
    return Study(rounds=2).run()


@cache
def _original() -> Forger:
    return Forger.of(a_study())


def forger() -> Forger:
    return Forger(study=a_study(), document=copy.deepcopy(_original().document))


def found_by_both(data: bytes, held: tuple[str, ...] = ()) -> None:
    first, second = both(a_study(), data, held=held)
    assert first, "the product's verifier found nothing"
    assert second, "the independent verifier found nothing"


def test_what_nobody_changed_verifies() -> None:
    assert both(a_study(), forger().bytes) == ("", "")


# --- any leaf ------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_leaf_without_a_key(data: st.DataObject) -> None:
    document = _original().document
    place = data.draw(st.sampled_from(list(leaf_places(document))))
    found_by_both(to_canonical(changed(document, place, another)))


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_leaf_of_a_part_with_the_gatherers_key(data: st.DataObject) -> None:
    forged = forger()
    parts = forged.evidence["parts"]
    place = data.draw(st.sampled_from(list(leaf_places(parts))))
    forged.evidence["parts"] = changed(parts, place, another)
    forged.sign()
    found_by_both(forged.bytes)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_leaf_of_an_entry_with_every_key_of_its_site(data: st.DataObject) -> None:
    forged = forger()
    entries = forged.entries(SITE)
    places = [one for one in leaf_places(entries) if one[1] not in ("index", "previous")]
    place = data.draw(st.sampled_from(places))
    forged.rewrite(SITE, changed(entries, place, another))
    found_by_both(forged.bytes)


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_any_leaf_of_a_custodians_log_with_its_key(data: st.DataObject) -> None:
    forged = forger()
    entries = forged.entries("mask")
    places = [one for one in leaf_places(entries) if one[1] not in ("index", "previous")]
    place = data.draw(st.sampled_from(places))
    forged.rewrite("mask", changed(entries, place, another))
    found_by_both(forged.bytes)


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_a_rewritten_ledger_is_found_by_a_checkpoint_in_the_verifiers_hands(
    data: st.DataObject,
) -> None:
    forged = forger()
    entries = forged.entries(SITE)
    note = a_study().note(SITE).note()
    # What does not depend on the moment replays as well with another one.
    place = data.draw(st.integers(1, len(entries) - 1))
    entries[place]["at"] = entries[place - 1]["at"]
    if entries[place] == forged.entries(SITE)[place]:
        entries = entries[:-1]
    forged.rewrite(SITE, entries)
    forged.forget_checkpoints(SITE)
    found_by_both(forged.bytes, held=(note,))


# --- entries dropped, swapped, cut off -----------------------------------------------------------


def without_tail(entries: list[Any]) -> list[Any]:
    return entries[:-3]


def swapped(entries: list[Any]) -> list[Any]:
    return [*entries[:-3], entries[-2], entries[-3], entries[-1]]


def without_one(entries: list[Any]) -> list[Any]:
    return [*entries[:-3], *entries[-2:]]


@pytest.mark.parametrize("damage", [without_tail, swapped, without_one])
def test_entries_moved_as_they_are(damage: Callable[[list[Any]], list[Any]]) -> None:
    forged = forger()
    part = forged.part(SITE)
    part["entries"] = damage(part["entries"])
    forged.sign()
    found_by_both(forged.bytes)
    forged.sign_part(SITE)
    found_by_both(forged.bytes)


@pytest.mark.parametrize("damage", [without_tail, swapped, without_one])
@pytest.mark.parametrize("name", [SITE, "mask"])
def test_entries_moved_and_signed_anew(damage: Callable[[list[Any]], list[Any]], name: str) -> None:
    forged = forger()
    forged.rewrite(name, damage(forged.entries(name)))
    found_by_both(forged.bytes)


def test_a_tail_that_is_cut_off_everywhere_is_found_by_what_is_left_elsewhere() -> None:
    forged = forger()
    note = a_study().note(SITE).note()
    forged.rewrite(SITE, forged.entries(SITE)[:-6])
    forged.forget_checkpoints(SITE)
    # A custodian opened the round that is gone now.
    found_by_both(forged.bytes)
    found_by_both(forged.bytes, held=(note,))


# --- checkpoints and keys ------------------------------------------------------------------------


def test_a_forged_checkpoint() -> None:
    forged = forger()
    stranger, study = a_study().signer("stranger"), a_study()
    made = study.parties[SITE].ledger.checkpoint()
    name = "hospital-b"
    from securefed.domain.identifiers import Name
    from securefed.steps.vouch_checkpoint import cosign_checkpoint

    forged.part(SITE)["notes"] = [cosign_checkpoint(made, Name(name), stranger).note()]
    forged.sign_part(SITE)
    found_by_both(forged.bytes)


def test_no_checkpoint_at_all() -> None:
    forged = forger()
    forged.part(SITE)["notes"] = []
    forged.sign_part(SITE)
    found_by_both(forged.bytes)


def test_a_key_that_is_not_the_one_that_was_brought() -> None:
    forged, other = forger(), a_study().signer("stranger").key
    for name in (SITE, "mask", "officer"):
        first, second = both(a_study(), forged.bytes, known={name: other})
        assert first
        assert second
    right = {name: a_study().signer(name).key for name in (SITE, "mask", "officer")}
    assert both(a_study(), forged.bytes, known=right) == ("", "")


@pytest.mark.parametrize("name", ["hospital-b", "mask", "lattice"])
def test_a_party_that_is_left_out(name: str) -> None:
    forged = forger()
    forged.drop(name)
    forged.sign()
    found_by_both(forged.bytes)


def test_parts_for_another_study() -> None:
    forged = forger()
    forged.evidence["study"] = "another"
    forged.sign()
    found_by_both(forged.bytes)


# --- with every key of a site, and no co-signed checkpoint ----------------------------------------


def approval_in(entries: list[Any]) -> Any:
    [found] = [
        one
        for one in entries
        if one["event"].get("decided", {}).get("decision", {}).get("kind") == "approval"
    ]
    return found


def forged_alone(change: Callable[[Forger, list[Any]], list[Any] | None]) -> bytes:
    """What the change makes of the ledger, signed by the site that forgot its checkpoints."""
    forged = forger()
    entries = forged.entries(SITE)
    entries = change(forged, entries) or entries
    forged.rewrite(SITE, entries)
    forged.forget_checkpoints(SITE)
    return forged.bytes


def swapped_plan(forged: Forger, entries: list[Any]) -> None:
    decision = approval_in(entries)["event"]["decided"]["decision"]
    decision["plan"]["machine"]["package_digest"] = "sha256:" + "7" * 64


def swapped_plan_and_digest(forged: Forger, entries: list[Any]) -> None:
    swapped_plan(forged, entries)
    decision = approval_in(entries)["event"]["decided"]["decision"]
    decision["plan_digest"] = digest_of("review-plan", to_canonical(decision["plan"]))


def forged_loss(which: str, epsilon: str) -> Callable[[Forger, list[Any]], None]:
    def change(forged: Forger, entries: list[Any]) -> None:
        """A reviewer signs an accountant's figure that is no accountant's: they collude."""
        entry = approval_in(entries)
        decision = entry["event"]["decided"]["decision"]
        decision["plan"][which]["epsilon"] = epsilon
        decision["plan_digest"] = digest_of("review-plan", to_canonical(decision["plan"]))
        forged.decide_again(entry, decision["by"])

    return change


def of_kind(entries: list[Any], kind: str) -> Any:
    return next(one for one in reversed(entries) if one["event"]["kind"] == kind)


def more_steps(forged: Forger, entries: list[Any]) -> None:
    of_kind(entries, "round-committed")["event"]["steps_run"] = 17


def token_again(forged: Forger, entries: list[Any]) -> None:
    reserved = [one for one in entries if one["event"]["kind"] == "round-reserved"]
    reserved[1]["event"]["token"] = reserved[0]["event"]["token"]


def without(kind: str) -> Callable[[Forger, list[Any]], list[Any]]:
    return lambda forged, entries: [one for one in entries if one["event"]["kind"] != kind]


def nothing_released(forged: Forger, entries: list[Any]) -> None:
    of_kind(entries, "round-committed")["event"]["released"] = []


@pytest.mark.parametrize(
    "change",
    [
        swapped_plan,
        swapped_plan_and_digest,
        *(
            forged_loss(which, epsilon)
            for which in ("loss", "dataset_loss", "requester_loss")
            for epsilon in ("0.1", "7.5", "0")
        ),
        more_steps,
        token_again,
        without("protection-tested"),
        without("request-filed"),
        without("steps-authorised"),
        nothing_released,
    ],
)
def test_what_a_site_and_its_reviewer_cannot_forge_together(
    change: Callable[[Forger, list[Any]], list[Any] | None],
) -> None:
    found_by_both(forged_alone(change))


def test_a_failed_self_test_with_the_coordinators_key() -> None:
    def change(forged: Forger, entries: list[Any]) -> None:
        tested = of_kind(entries, "protection-tested")["event"]["tested"]
        tested["proof"]["results"][2]["passed"] = False
        from securefed.domain.canonical import prefixed

        data = prefixed("protection-proof", to_canonical(tested["proof"]))
        tested["signature"] = a_study().signer("coordinator").sign(data)

    found_by_both(forged_alone(change))


def test_a_self_test_by_somebody_who_was_not_approved() -> None:
    def change(forged: Forger, entries: list[Any]) -> None:
        tested, other = of_kind(entries, "protection-tested")["event"]["tested"], "stranger"
        tested["proof"]["coordinator"] = a_study().signer(other).key
        from securefed.domain.canonical import prefixed

        data = prefixed("protection-proof", to_canonical(tested["proof"]))
        tested["signature"] = a_study().signer(other).sign(data)

    found_by_both(forged_alone(change))


@pytest.mark.parametrize("epsilon", ["0.29", "5", "0", "Infinity"])
@pytest.mark.parametrize("place", [0, 1])
def test_an_epsilon_edited_together_with_its_signatures(epsilon: str, place: int) -> None:
    forged = forger()
    forged.part(SITE)["figures"][place]["loss"]["epsilon"] = epsilon
    forged.sign_part(SITE)
    found_by_both(forged.bytes)


def test_a_figure_left_out() -> None:
    forged = forger()
    del forged.part(SITE)["figures"][1]
    forged.sign_part(SITE)
    found_by_both(forged.bytes)


# --- custodians ----------------------------------------------------------------------------------


def opened_again(entries: list[Any], **changes: object) -> list[Any]:
    again = copy.deepcopy(entries[-1])
    again["event"].update(changes)
    return [*entries, again]


@pytest.mark.parametrize(
    "change",
    [
        lambda entries: opened_again(entries, sum="sha256:" + "5" * 64),
        lambda entries: opened_again(entries, sites=["hospital-a", "hospital-b"]),
        lambda entries: opened_again(entries[:-1], seal="sha256:" + "5" * 64),
        lambda entries: opened_again(entries[:-1], sites=["hospital-a", "hospital-z"]),
        lambda entries: opened_again(entries[:-1], sites=["hospital-a"]),
    ],
)
def test_a_custodian_that_opened_something_else(
    change: Callable[[list[Any]], list[Any]],
) -> None:
    forged = forger()
    entries = forged.entries("mask")
    forged.rewrite("mask", change(entries) if change(entries) else entries)
    forged.forget_checkpoints("mask")
    found_by_both(forged.bytes)


# --- form ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data + b"\n",
        lambda data: data.replace(b'","', b'", "', 1),
        lambda data: data[:-1],
        lambda data: b"{}",
        lambda data: b"[]",
        lambda data: b"\xff",
        lambda data: b"",
    ],
)
def test_bytes_that_are_no_evidence(damage: Callable[[bytes], bytes]) -> None:
    found_by_both(damage(forger().bytes))


def test_the_original_is_what_was_written() -> None:
    assert json.loads(written_evidence(a_study().gathered())) == _original().document
