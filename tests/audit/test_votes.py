"""Evidence of a study of votes: its one step is the release that is accounted, or is refused."""

from dataclasses import dataclass, replace
from decimal import Decimal

import pytest

from securefed.domain.evidence import written_evidence
from securefed.domain.study import Study as AskedStudy
from tests.audit import evidence_world
from tests.audit.evidence_world import Study
from tests.audit.forging import ALONE, both
from tests.domain.test_fusion import a_study
from tests.report.test_report import alone, report_of, statements
from tests.world import World

pytestmark = pytest.mark.slow


@dataclass
class VotingWorld(World):
    """A world whose study asks for votes of each site."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.steps, self.epsilon = 1, Decimal(6)

    def whole_study(self) -> AskedStudy:
        asked = a_study()
        parts = [one for one in asked.participants if one.site in self.sites]
        return replace(
            asked,
            sealing=replace(
                asked.sealing,
                coordinator=self.keys.signer("coordinator").key,
                custodians=tuple(
                    sorted(self.keys.signer(name).key for name in ("lattice", "mask"))
                ),
            ),
            participants=tuple(parts),
        )


def test_both_verifiers_are_content_with_a_vote(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence_world, "World", VotingWorld)
    study = Study(rounds=1, blocks=1).run()
    assert both(study, written_evidence(study.gathered())) == ("", "")
    said = statements(report_of(study, alone(study)))
    assert "no model leaves the site" in said["votes-noised"]
    assert "Not evidenced" not in said["votes-noised"]


def test_a_study_that_trains_is_not_said_to_vote() -> None:
    study = Study(rounds=1).run()
    assert "votes-noised" not in statements(report_of(study, alone(study)))


@pytest.mark.parametrize(
    "changes",
    [
        {"clip": "29.999999999999999999999"},
        {"steps": 2},
        {"sampling_rate": "0.5"},
    ],
)
def test_the_independent_verifier_refuses_a_step_that_does_not_cover_its_votes(
    changes: dict[str, object],
) -> None:
    step = {"sampling_rate": "1", "steps": 1, "clip": "30", "noise_multiplier": "1"}
    ALONE.check_votes({"records": 450}, step)
    with pytest.raises(ValueError, match="does not cover its votes"):
        ALONE.check_votes({"records": 450}, {**step, **changes})
