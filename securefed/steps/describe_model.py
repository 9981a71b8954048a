"""A model's card: what it was trained by, where, under which mechanisms, and what it may be called.

A page of Markdown for whoever gets the model's file. It states what was approved and what was done;
that sites did it is in their ledgers, which this does not read. A model that began with another
one's weights says so, with what that one carries already.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from securefed.domain.exported import Chapter, ExportedModel, Format
from securefed.domain.identifiers import SiteId
from securefed.domain.privacy import Mechanism, PrivacyLoss
from securefed.domain.records import record_digest
from securefed.domain.sheet import loss_text, mechanism_lines
from securefed.domain.sheet_combining import combining_lines
from securefed.domain.sheet_fusion import fusion_lines
from securefed.domain.study import STUDY_KIND, Study

# What mechanisms cost together at the δ that was asked for; None where none was.
Cost = Callable[[tuple[Mechanism, ...]], PrivacyLoss | None]

_FILES = {
    Format.SAFETENSORS: "The file `model.safetensors` has each trained weight that sites share, by "
    "its name, and those of the model that it began with.",
    Format.TRANSFORMERS: "transformers loads the folder with `from_pretrained`; weights that were "
    "trained beside the model's own (LoRA) are added to them.",
    Format.TORCHSCRIPT: "`torch.jit.load` reads `model.ts`, which is called as the recipe's model.",
    Format.ONNX: "`model.onnx` has the recipe's model, for any program that runs ONNX.",
}


@dataclass(frozen=True, kw_only=True)
class ModelFacts:
    """What a card says. `said` are lines of how the weights were made of what was added up."""

    study: Study
    delivered: Mapping[SiteId, int]
    exported: ExportedModel
    cost: Cost
    said: tuple[str, ...] = ()


def model_card(facts: ModelFacts) -> str:
    """The card."""
    study, exported = facts.study, facts.exported
    model = exported.model
    attempts = f"up to {study.attempts} attempts at {study.rounds} rounds"
    lines = [
        f"# {study.title}",
        "",
        f"- study: {study.study}, `{record_digest(STUDY_KIND, study)}`",
        f"- purpose: {study.purpose}",
        f"- recipe: {study.recipe.name} {study.recipe.version}, model family {model.family}",
        f"- rounds: {exported.history[-1].rounds} of {study.rounds}",
        *(f"- {line}" for line in combining_lines(study.combining)),
        *(f"- {line}" for line in (*fusion_lines(study.fusion), *facts.said)),
        f"- sealing: {study.sealing.suite}",
        f"- weights: {model.parameters:,} trained float32 values; all: `{exported.weights}`",
        *([f"- began with: the model of {exported.history[-2].study}"] if _begun(facts) else []),
        "",
        _FILES[exported.format],
        "",
        "## Sites",
        "",
        f"Each site approved {attempts}; its ledger says what really ran.",
        "",
        *(_site(facts, one.site) for one in study.participants),
        *(_history(facts) if _begun(facts) else []),
    ]
    return "\n".join(lines)


def _begun(facts: ModelFacts) -> bool:
    return len(facts.exported.history) > 1


def _site(facts: ModelFacts, site: SiteId) -> str:
    part, rounds = facts.study.participant(site), facts.exported.history[-1].rounds
    own, before = facts.study.whole(site), _before(facts, site)
    rows = [
        f"updates in {facts.delivered.get(site, 0)} of {rounds} rounds",
        *mechanism_lines(part),
        _cost(facts, own),
        *([f"with the studies before, {_cost(facts, (*before, *own))}"] if before else []),
    ]
    return "\n".join([f"### {site}", "", *(f"- {row}" for row in rows), ""])


def _before(facts: ModelFacts, site: SiteId) -> tuple[Mechanism, ...]:
    """What earlier studies of the model did to the same data."""
    dataset = facts.study.participant(site).dataset
    shares = (share for one in facts.exported.history[:-1] for share in one.shares)
    return tuple(
        mechanism
        for share in shares
        if (share.site, share.dataset) == (site, dataset)
        for mechanism in share.mechanisms
    )


def _history(facts: ModelFacts) -> list[str]:
    return [
        "## What it began with",
        "",
        "Oldest first. These weights carry what all of the studies here give away of their data, "
        "and the one above as well. A site counts its own studies together in its ledger. Whoever "
        "has records in several datasets adds up their losses: nothing here does it.",
        "",
        *(_chapter(facts, one) for one in facts.exported.history[:-1]),
    ]


def _chapter(facts: ModelFacts, chapter: Chapter) -> str:
    rows = [
        f"{chapter.study}, `{chapter.digest}`: {chapter.rounds} rounds, weights "
        f"`{chapter.weights}`",
        *(f"{one.site}, {one.dataset}: {_cost(facts, one.mechanisms)}" for one in chapter.shares),
    ]
    return "\n".join([f"### {chapter.title}", "", *(f"- {row}" for row in rows), ""])


def _cost(facts: ModelFacts, mechanisms: tuple[Mechanism, ...]) -> str:
    loss = facts.cost(mechanisms)
    if loss is None:
        return "what it costs depends on δ: `securefed study export` with --delta says it"
    return f"all that was approved: {loss_text(loss)}"
