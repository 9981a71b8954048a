"""A model's card: what it was trained by, where, under which mechanisms, and what it may be called.

A page of Markdown for whoever gets the model's file. It states what was approved and what was done;
that sites did it is in their ledgers, which this does not read.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from securefed.domain.identifiers import Digest, SiteId
from securefed.domain.privacy import PrivacyLoss
from securefed.domain.records import record_digest
from securefed.domain.sheet import loss_text, mechanism_lines
from securefed.domain.sheet_combining import combining_lines
from securefed.domain.study import STUDY_KIND, Study


@dataclass(frozen=True, kw_only=True)
class ModelFacts:
    """What a card says. `losses` are of all attempts that were approved, where δ was given."""

    study: Study
    rounds: int
    delivered: Mapping[SiteId, int]
    weights: Digest
    losses: Mapping[SiteId, PrivacyLoss]


def model_card(facts: ModelFacts) -> str:
    """The card."""
    study = facts.study
    attempts = f"up to {study.attempts} attempts at {study.rounds} rounds"
    lines = [
        f"# {study.title}",
        "",
        f"- study: {study.study}, `{record_digest(STUDY_KIND, study)}`",
        f"- purpose: {study.purpose}",
        f"- recipe: {study.recipe.name} {study.recipe.version}, model family {study.model.family}",
        f"- rounds: {facts.rounds} of {study.rounds}",
        *(f"- {line}" for line in combining_lines(study.combining)),
        f"- sealing: {study.sealing.suite}",
        f"- weights: {study.model.parameters:,} float32 values, `{facts.weights}`",
        "",
        "The file `model.safetensors` has each trained weight that sites share, by its name.",
        "",
        "## Sites",
        "",
        f"Each site approved {attempts}; its ledger says what really ran.",
        "",
    ]
    return "\n".join([*lines, *(_site(facts, one.site) for one in study.participants)])


def _site(facts: ModelFacts, site: SiteId) -> str:
    part = facts.study.participant(site)
    loss = facts.losses.get(site)
    cost = (
        "what it costs depends on δ: `securefed study plan` says it"
        if loss is None
        else f"all that was approved: {loss_text(loss)}"
    )
    rows = [
        f"updates in {facts.delivered.get(site, 0)} of {facts.rounds} rounds",
        *mechanism_lines(part),
        cost,
    ]
    return "\n".join([f"### {site}", "", *(f"- {row}" for row in rows), ""])
