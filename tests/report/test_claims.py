"""The claim register: what is said with evidence, without it, and not at all."""

import re
from functools import cache
from pathlib import Path
from string import Formatter

import pytest

from securefed.config.audit import load_claims, load_standard
from securefed.domain.claims import (
    Claim,
    ClaimRegister,
    Condition,
    Grounds,
    Needs,
    Source,
    ranges,
)
from securefed.domain.identifiers import Name, Sentence
from securefed.domain.standards import Standard
from securefed.errors import ConfigInvalid

ROOT = Path(__file__).parents[2]


@cache
def register() -> ClaimRegister:
    return load_claims(ROOT / "audits" / "claims.toml")


def standards() -> list[Standard]:
    return [load_standard(one) for one in sorted((ROOT / "audits" / "standards").glob("*.toml"))]


def claim(**changes: object) -> Claim:
    fields = {
        "claim": Name("one"),
        "section": 4,
        "says": Sentence("All of {what} is charged."),
        "about": Sentence("that all of it is charged"),
        "needs": (Needs.CHARGES, Needs.LEDGER),
        "when": (Condition.RAN,),
    }
    return Claim(**{**fields, **changes})


def grounds(**changes: object) -> Grounds:
    fields = {
        "facts": {"what": "it"},
        "found": {Needs.CHARGES: Source(entries=(3,)), Needs.LEDGER: Source(entries=(0, 1, 2, 3))},
        "so": {Condition.RAN},
    }
    return Grounds(**{**fields, **changes})


def test_a_claim_with_its_evidence_is_said_with_its_entries() -> None:
    [said] = ClaimRegister([claim()]).of_section(4, grounds())
    assert (said.words, said.evidenced) == ("All of it is charged.", True)
    assert str(said.source) == "entries 0–3"


@pytest.mark.parametrize("missing", [Needs.CHARGES, Needs.LEDGER])
def test_one_missing_kind_of_evidence_takes_the_sentence_away(missing: Needs) -> None:
    found = {**grounds().found, missing: Source()}
    [said] = ClaimRegister([claim()]).of_section(4, grounds(found=found))
    assert not said.evidenced
    assert not said.source
    assert said.words.startswith("Not evidenced: that all of it is charged")
    assert str(missing) in said.text
    assert "is charged." not in said.text


def test_a_claim_whose_condition_does_not_hold_is_not_said() -> None:
    assert ClaimRegister([claim()]).of_section(4, grounds(so=())) == ()


def test_an_admission_needs_nothing_and_is_not_evidenced_either() -> None:
    admits = claim(needs=(), says=Sentence("Nobody checked this."))
    [said] = ClaimRegister([admits]).stated("one", grounds())
    assert (said.words, said.evidenced, bool(said.source)) == ("Nobody checked this.", True, False)


@pytest.mark.parametrize(
    "says", ["{what!r} is so", "{what:>9} is so", "{} is so", "{what.__class__} is so", "{ is so"]
)
def test_a_sentence_holds_names_of_facts_and_nothing_else(says: str) -> None:
    with pytest.raises(ConfigInvalid):
        claim(says=Sentence(says))


def test_braces_in_a_fact_are_text() -> None:
    facts = {"what": "{delta} of {0.__class__}"}
    [said] = ClaimRegister([claim()]).stated("one", grounds(facts=facts))
    assert said.text == "All of {delta} of {0.__class__} is charged."


def test_a_register_has_each_claim_once_and_knows_what_it_has() -> None:
    with pytest.raises(ConfigInvalid):
        ClaimRegister([claim(), claim()])
    with pytest.raises(ConfigInvalid):
        ClaimRegister([claim()]).stated("two", grounds())


def test_runs_of_entries_are_written_short() -> None:
    assert ranges((5, 3, 4, 4, 9)) == "3–5, 9"
    assert str(Source()) == "not evidenced"
    assert str(Source(entries=(2,), how="computed from")) == "computed from entry 2"


# --- the register itself -------------------------------------------------------------------------


def test_every_question_names_claims_that_exist() -> None:
    named = {name for one in standards() for asked in one.questions for name in asked.claims}
    assert named
    assert named <= set(register().claims)


def test_every_condition_and_kind_of_evidence_is_used() -> None:
    claims = register().claims.values()
    assert {need for one in claims for need in one.needs} == set(Needs)
    used = {condition for one in claims for condition in one.when}
    assert set(Condition) - used <= {Condition.UNSEALED, Condition.SINCE}


def test_a_promise_needs_evidence_and_an_admission_says_so() -> None:
    """What needs nothing must be about a limit, about what follows, or about who is trusted."""
    free = [one for one in register().claims.values() if not one.needs]
    assert free
    assert [one.claim for one in free if not one.about.startswith(("limits", "what "))] == []


def test_no_section_of_promises_is_without_claims() -> None:
    sections = {one.section for one in register().claims.values()}
    assert sections == set(range(14))


def test_the_register_speaks_plainly() -> None:
    text = (ROOT / "audits" / "claims.toml").read_text(encoding="utf-8")
    says = re.findall(r'^says = "(.*)"$', text, re.MULTILINE)
    assert len(says) == len(register().claims)
    loud = re.compile(r"guarantee|secure\b|safe\b|\bfully|never leak|anonymous|compliant", re.I)
    allowed = {"limit-poison"}
    found = {name for name, one in register().claims.items() if loud.search(one.says)}
    assert found <= allowed
    places = {name for one in says for _, name, _, _ in Formatter().parse(one) if name}
    assert places


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ('needs = ["faith"]', "claim[0].needs[0]"),
        ('when = ["sometimes"]', "claim[0].when[0]"),
        ('sure = "yes"', "sure"),
        ("section = 14", "section"),
    ],
)
def test_a_wrong_register_is_refused_with_the_place(
    tmp_path: Path, wrong: str, expected: str
) -> None:
    path = tmp_path / "claims.toml"
    section = "" if wrong.startswith("section") else "section = 4\n"
    path.write_text(f'[[claim]]\nclaim = "a"\nsays = "b"\nabout = "c"\n{section}{wrong}\n')
    with pytest.raises(ConfigInvalid) as refused:
        load_claims(path)
    assert expected in str(refused.value.what)
