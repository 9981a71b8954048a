"""A ledger that is put back after a round: what the other parties signed finds it, in evidence of
theirs or in somebody's hands, whoever verifies."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from securefed.adapters.ed25519_keys import verify
from securefed.adapters.memory import MemorySeen
from securefed.adapters.odometer import Odometer
from securefed.domain.evidence import SignedPart, written_evidence
from securefed.domain.identifiers import Name
from securefed.errors import LedgerRolledBack
from securefed.parties.checkpoint_exchange import CheckpointExchange, Kept, Shown
from securefed.parties.witness import OwnLedger, PartyWitness
from securefed.steps.gather_evidence import custodian_part, site_part
from tests.audit.evidence_world import STUDY, Study
from tests.audit.forging import Forger, both

SITE, OTHER, LOG = "hospital-a", "hospital-b", "mask"
SCRIPT = Path(__file__).resolve().parents[2] / "docs" / "verify_ledger.py"


class Exchanged(Study):
    """A study whose parties' checkpoints were exchanged after its last round."""

    def run(self) -> "Exchanged":
        super().run()
        self.notes: dict[str, Any] = {}
        self.own: dict[str, list[Any]] = {}
        self.shelves = {name: MemorySeen() for name in (*self.sites, *self.logs)}
        self.said: list[object] = []
        parties = [
            Shown(name=Name(name), key=self.signer(name).key, ask=self.witness(name).ask)
            for name in self.shelves
        ]
        kept = Kept(of=self.notes.get, keep=lambda one: self.notes.update({one.site: one}))
        exchange = CheckpointExchange(parties, verify, kept, lambda *told: self.said.append(told))
        exchange.finish(self.rounds)
        return self

    def witness(self, name: str) -> PartyWitness:
        ledger = self.logs.get(name) or self.parties[name].ledger
        kept = self.own.setdefault(name, [])
        own = OwnLedger(newest=ledger.checkpoint, contains=ledger.check_contains, keep=kept.append)
        return PartyWitness(Name(name), self.signer(name), verify, own, self.shelves[name])

    def part(self, name: str) -> SignedPart:
        """As a folder's owner writes it: what others signed, and what was signed of others."""
        seen = [one.checked(verify) for one in self.shelves[name].notes.values()]
        own = self.own[name][-1:]
        if name in self.logs:
            return custodian_part(self.logs[name], self.signer(name), own, STUDY, seen)
        ledger, signer = self.parties[name].ledger, self.signer(name)
        return site_part(ledger, signer, own, STUDY, Odometer(), seen)


@pytest.fixture(scope="module")
def study() -> Exchanged:
    return Exchanged(rounds=1, sites=("hospital-a", "hospital-b")).run()


def put_back(study: Exchanged, name: str) -> Forger:
    """The evidence in which a party puts back its ledger as it was some entries ago, and signs all
    of it anew, with a new checkpoint."""
    forged = Forger.of(study)
    part = forged.part(name)
    part["entries"] = part["entries"][:-1]
    forged.forget_checkpoints(name)
    return forged


def test_what_is_honest_verifies_and_is_vouched_for_whole(study: Exchanged) -> None:
    assert not study.said
    data = written_evidence(study.gathered())
    assert both(study, data) == ("", "")
    from securefed.steps.verify_evidence import verify_evidence

    told = [one.what for one in verify_evidence(data, study.examining()).checks if one.problem]
    assert not [one for one in told if "vouched for by others" in one]


@pytest.mark.parametrize("name", [SITE, LOG])
def test_a_ledger_that_was_put_back_is_found_by_what_the_others_show(
    study: Exchanged, name: str
) -> None:
    for wrong in both(study, put_back(study, name).bytes):
        assert "contain" in wrong


def test_without_the_others_only_a_checkpoint_in_the_hands_finds_it(study: Exchanged) -> None:
    forged = put_back(study, SITE)
    for name in study.shelves:
        if name != SITE:
            notes = forged.part(name)["notes"]
            own = f"securefed.ledger/{name}\n"
            forged.part(name)["notes"] = [one for one in notes if one.startswith(own)]
            forged.sign_part(name)
    ours, alone = both(study, forged.bytes)
    assert ("contain" in ours, "contain" in alone) == (False, False)
    held = (study.notes[SITE].note(),)
    for wrong in both(study, forged.bytes, held=held):
        assert "contain" in wrong


def test_the_one_file_of_a_ledger_is_held_against_a_neighbours_note(
    study: Exchanged, tmp_path: Path
) -> None:
    note = next(
        one.note for key, one in study.shelves[OTHER].notes.items() if key == study.signer(SITE).key
    )
    (tmp_path / "note").write_text(note, encoding="utf-8")
    lines = export(put_back(study, SITE).part(SITE))
    (tmp_path / "ledger.jsonl").write_text(lines, encoding="utf-8")
    files = (str(SCRIPT), str(tmp_path / "ledger.jsonl"))
    command = [sys.executable, *files, study.signer(SITE).key]
    blind = subprocess.run(command, capture_output=True, text=True, check=False)
    assert blind.returncode == 0, blind.stderr
    seeing = subprocess.run(
        [*command, str(tmp_path / "note")], capture_output=True, text=True, check=False
    )
    assert (seeing.returncode, "does not contain" in seeing.stderr) == (1, True)


def export(part: Mapping[str, Any]) -> str:
    """A part's entries as `ledger export` writes them."""
    import json

    rows = [json.dumps({"site": part["name"]}), *(json.dumps(one) for one in part["entries"])]
    return "\n".join(rows) + "\n"


def test_a_note_under_another_key_vouches_for_nothing_and_harms_nobody(study: Exchanged) -> None:
    forged = Forger.of(study)
    stranger = study.signer("stranger")
    made = study.parties[SITE].ledger.checkpoint()
    fake = made.among(stranger.key, (), verify).by_site(stranger.key, stranger.sign(made.signed))
    mine = fake.cosigned(OTHER, study.signer(OTHER).key, study.signer(OTHER).sign(fake.signed))
    forged.part(OTHER)["notes"].append(mine.note())
    forged.sign_part(OTHER)
    assert both(study, forged.bytes) == ("", "")


def test_a_ledger_that_was_put_back_can_not_keep_what_others_signed(study: Exchanged) -> None:
    from securefed.adapters.memory import MemoryLedger
    from securefed.steps.keep_ledger import SiteLedger

    store, whole = MemoryLedger(), study.parties[SITE].ledger
    store._entries = list(whole.stored())[:-1]
    shorter = SiteLedger(whole.site, store, study.signer(SITE), verify, study.world.clock)
    with pytest.raises(LedgerRolledBack):
        shorter.check_contains(study.own[SITE][-1])
