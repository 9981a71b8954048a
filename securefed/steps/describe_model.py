"""A model's card: what it was trained by, where, under which mechanisms, and what it may be called.

A page of Markdown for whoever gets the model's file. It states what was approved and what was done;
that sites did it is in their ledgers, which this does not read.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from securefed.domain.identifiers import Digest, SiteId
from securefed.domain.privacy import PrivacyLoss
from securefed.domain.records import record_digest
from securefed.domain.server_rule import ServerPlan
from securefed.domain.sheet import loss_text, mechanism_lines
from securefed.domain.study import Study


@dataclass(frozen=True, kw_only=True)
class ModelFacts:
    """What a card says. `losses` are of all attempts that were approved, where δ was given."""

    study: Study
    server: ServerPlan
    rounds: int
    delivered: Mapping[SiteId, int]
    weights: Digest
    losses: Mapping[SiteId, PrivacyLoss]


def model_card(facts: ModelFacts) -> str:
    """The card."""
    study = facts.study
    attempts = f"{study.rounds} rounds and {study.spare_attempts} spare attempts"
    lines = [
        f"# {study.title}",
        "",
        f"- study: {study.study}, `{record_digest('study', study)}`",
        f"- purpose: {study.purpose}",
        f"- recipe: {study.recipe.name} {study.recipe.version}, model family {study.model.family}",
        f"- rounds: {facts.rounds} of {study.rounds}, server rule {facts.server.rule.kind}",
        f"- sealing: {study.sealing.suite}",
        f"- weights: {study.model.parameters:,} float32 values, `{facts.weights}`",
        "",
        "The file `model.safetensors` has each trained weight that sites share, by its name.",
        "",
        "## Sites",
        "",
        f"Each site approved {attempts} of its mechanism; its ledger says what really ran.",
        "",
    ]
    return "\n".join([*lines, *(_site(facts, one.site) for one in study.participants)])


def _site(facts: ModelFacts, site: SiteId) -> str:
    part = facts.study.participant(site)
    loss = facts.losses.get(site)
    cost = (
        "ε depends on δ: `securefed study plan` says it"
        if loss is None
        else f"all that was approved: {loss_text(loss)}"
    )
    rows = [
        f"updates in {facts.delivered.get(site, 0)} of {facts.rounds} rounds",
        *mechanism_lines(part),
        cost,
    ]
    return "\n".join([f"### {site}", "", *(f"- {row}" for row in rows), ""])
