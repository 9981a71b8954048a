"""`study.toml`: a study as its data scientist writes it, resolved into what owners approve.

Shared keys stand in `[privacy]`; a site's table may replace any of them for that site. Sites and
parameters come out sorted by name, so that the order of lines in the file changes no digest.
"""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

from securefed.config.changes import Change, changed
from securefed.config.combining_tables import combining_of
from securefed.config.document import checked_document
from securefed.config.fusion_tables import fusion_of
from securefed.config.problems import Problem, refused, said_of
from securefed.config.study_tables import (
    MetricsTable,
    PrivacyTable,
    RecipeTable,
    SealingTable,
    SharedMetricsTable,
    Shown,
    SitePartTable,
    StudyDocument,
)
from securefed.config.toml_file import FileUnfit, bounded_bytes, read_toml
from securefed.domain.canonical import digest_of
from securefed.domain.identifiers import Digest, PublicKey, SiteId
from securefed.domain.privacy import DpSgd, GaussianRelease
from securefed.domain.study import (
    OWN_CODE_KIND,
    Model,
    Parameter,
    Participant,
    Recipe,
    Sealing,
    Study,
    Suite,
)
from securefed.domain.weighting import CappedUnits, EqualWeights
from securefed.errors import ConfigInvalid

# How the domain begins to speak of what stands under a key here.
_KEYS = {
    "model parameters is": "model.parameters",
    "rounds is": "rounds.count",
    "spare attempts is": "rounds.spare",
    "minimum sites is": "rounds.minimum_sites",
    "valid days is": "request.valid_days",
    "update bound is": "sealing.update_bound",
    "The coordinator is": "sealing.coordinator",
    "The suite none seals no metrics": "privacy.metrics.shown",
    "The suite none": "sealing.suite",
    "The numbers of a tally": "privacy.metrics.numbers",
    "numbers of a tally is": "privacy.metrics.numbers",
    "Metrics are summed": "privacy.metrics",
    "server rate is": "combining.rate",
    "momentum is": "combining.momentum",
    "beta1 is": "combining.beta1",
    "beta2 is": "combining.beta2",
    "warm-up rounds is": "combining.schedule.warm_up",
    "times is": "combining.schedule.times",
    "sites in a round is": "combining.sites_per_round",
    "local epochs of": "privacy.local_epochs",
    "control goes with": "combining.control",
    "control needs": "combining.control",
    "patience is": "combining.stop.patience",
    "window is": "combining.stop.window",
    "margin is": "combining.stop.margin",
    "The study stops by": "combining.stop.metric",
    "teachers is": "fusion.teachers",
    "public records is": "fusion.records",
    "The column": "fusion.columns",
    "The columns lack": "fusion.columns",
    "Votes are counted once": "rounds.count",
    "Votes are one step": "privacy",
    "One unit moves the votes": "privacy.clip",
    "No class is voted for": "recipe.name",
    "Counts of votes": "model.parameters",
    "Noised votes": "sealing.reach",
    "Sealed values": "sealing.bits",
}


def load_study(path: Path, changes: Sequence[Change] = ()) -> Study:
    """The study in a `study.toml`, with the digest of its own code if it brings any."""
    document = _document(path, changes)
    own_code = _own_code(path, document.recipe.own_code)
    with said_of(path, _KEYS):
        return _study(document, own_code)


def load_own_code(path: Path, changes: Sequence[Change] = ()) -> bytes | None:
    """The Python file that a `study.toml` names, if it names one."""
    return _own_bytes(path, _document(path, changes).recipe.own_code)


def with_keys(study: Study, coordinator: str | None, custodians: Sequence[str]) -> Study:
    """The study with the keys that were given, in place of those in its file."""
    sealing = study.sealing
    if coordinator is not None:
        sealing = replace(sealing, coordinator=PublicKey(coordinator))
    if custodians:
        sealing = replace(sealing, custodians=tuple(sorted(map(PublicKey, custodians))))
    return replace(study, sealing=sealing)


def _document(path: Path, changes: Sequence[Change]) -> StudyDocument:
    return checked_document(path, changed(read_toml(path), changes), StudyDocument)


def _study(document: StudyDocument, own_code: Digest | None) -> Study:
    return Study(
        study=document.name,
        title=document.title,
        purpose=document.purpose,
        recipe=_recipe(document.recipe, own_code),
        model=Model(family=document.model.family, parameters=document.model.parameters),
        rounds=document.rounds.count,
        spare_attempts=document.rounds.spare,
        minimum_sites=document.rounds.minimum_sites,
        sealing=_sealing(document.sealing, document.privacy.metrics),
        combining=combining_of(document.combining),
        valid_days=document.request.valid_days,
        participants=tuple(
            _participant(site, part, document.privacy)
            for site, part in sorted(document.sites.items())
        ),
        fusion=fusion_of(document.fusion),
    )


def _sealing(table: SealingTable, metrics: SharedMetricsTable | None) -> Sealing:
    cap = table.weight_cap
    return Sealing(
        suite=table.suite,
        update_bound=table.update_bound,
        reach=table.reach or table.update_bound,
        bits=table.bits,
        tally=0 if metrics is None else _tally(metrics, sealed=table.suite is not Suite.NONE),
        weighting=EqualWeights() if cap is None else CappedUnits(cap=cap),
        coordinator=table.coordinator,
        custodians=tuple(sorted(table.custodians)),
    )


def _tally(metrics: SharedMetricsTable, *, sealed: bool) -> int:
    """How many numbers are sealed for the sum of the sites' tallies; zero where each is shown."""
    shown = metrics.shown or (Shown.SUM if sealed else Shown.SITE)
    if shown is Shown.SUM and metrics.numbers is None:
        raise ConfigInvalid(
            "The numbers of a tally are not stated, and metrics are summed under the seal",
            hint="Write numbers = 24, or how many docs/evaluation.md says for your recipe; where "
            "that is wrong, `securefed study try` says it.",
        )
    if shown is Shown.SITE and metrics.numbers is not None:
        raise ConfigInvalid("The numbers of a tally are for a sum; each site's own is shown")
    return metrics.numbers or 0


def _recipe(table: RecipeTable, own_code: Digest | None) -> Recipe:
    parameters = (Parameter(name=name, value=value) for name, value in table.parameters.items())
    return Recipe(
        name=table.name,
        version=table.version,
        parameters=tuple(sorted(parameters, key=lambda parameter: parameter.name)),
        own_code=own_code,
    )


def _participant(site: SiteId, part: SitePartTable, shared: PrivacyTable) -> Participant:
    rate = part.sampling_rate or shared.sampling_rate
    return Participant(
        site=site,
        dataset=part.dataset,
        training=DpSgd(
            noise_multiplier=part.noise_multiplier or shared.noise_multiplier,
            sampling_rate=rate,
            sampling=part.sampling or shared.sampling,
            steps=_steps(site, part, shared, rate),
            clip=part.clip or shared.clip,
        ),
        metrics=_metrics(part.metrics or shared.metrics),
    )


def _steps(site: SiteId, part: SitePartTable, shared: PrivacyTable, rate: Decimal) -> int:
    """A round's steps, as they are stated or as its epochs need; the site's own word goes first."""
    said = part if part.steps or part.local_epochs else shared
    if said.local_epochs is None:
        # A table that states neither was refused.
        return said.steps or 0
    steps = Fraction(said.local_epochs) / Fraction(rate)
    if steps.denominator != 1:
        raise ConfigInvalid(
            f"local epochs of {said.local_epochs} at the sampling rate {rate} are "
            f"{float(steps):.2f} steps a round at {site}, and no whole number",
            hint=f"Write steps = {max(1, round(steps))}, or another rate.",
        )
    return steps.numerator


def _metrics(table: MetricsTable | None) -> GaussianRelease | None:
    if table is None:
        return None
    return GaussianRelease(noise_multiplier=table.noise_multiplier, releases=table.releases)


def _own_code(study: Path, name: str | None) -> Digest | None:
    data = _own_bytes(study, name)
    return None if data is None else digest_of(OWN_CODE_KIND, data)


def _own_bytes(study: Path, name: str | None) -> bytes | None:
    if name is None:
        return None
    try:
        return _python_file(study.parent, name)
    except FileUnfit as unfit:
        problem = Problem(key="recipe.own_code", expected=unfit.expected, got=unfit.got)
        raise refused(study, [problem]) from unfit


def _python_file(folder: Path, name: str) -> bytes:
    if Path(name).is_absolute() or not name.endswith(".py"):
        raise FileUnfit("the relative path of a .py file", "another path")
    data = bounded_bytes(folder / name)
    if not data.strip():
        raise FileUnfit("a Python file", "an empty one")
    return data
