"""`study.toml`: a study as its data scientist writes it, resolved into what owners approve.

Shared keys stand in `[privacy]`; a site's table may replace any of them for that site. Sites and
parameters come out sorted by name, so that the order of lines in the file changes no digest.
"""

from pathlib import Path

from securefed.config.combining_tables import combining_of
from securefed.config.document import read_document
from securefed.config.problems import Problem, refused, said_of
from securefed.config.study_tables import (
    MetricsTable,
    PrivacyTable,
    RecipeTable,
    SealingTable,
    SitePartTable,
    StudyDocument,
)
from securefed.config.toml_file import FileUnfit, bounded_bytes
from securefed.domain.canonical import digest_of
from securefed.domain.identifiers import Digest, SiteId
from securefed.domain.privacy import DpSgd, GaussianRelease
from securefed.domain.study import (
    OWN_CODE_KIND,
    Model,
    Parameter,
    Participant,
    Recipe,
    Sealing,
    Study,
)
from securefed.domain.weighting import CappedUnits, EqualWeights

# How the domain begins to speak of what stands under a key here.
_KEYS = {
    "model parameters is": "model.parameters",
    "rounds is": "rounds.count",
    "spare attempts is": "rounds.spare",
    "minimum sites is": "rounds.minimum_sites",
    "valid days is": "request.valid_days",
    "update bound is": "sealing.update_bound",
    "The coordinator is": "sealing.coordinator",
    "The suite none": "sealing.suite",
    "server rate is": "combining.rate",
    "momentum is": "combining.momentum",
    "beta1 is": "combining.beta1",
    "beta2 is": "combining.beta2",
    "warm-up rounds is": "combining.schedule.warm_up",
    "times is": "combining.schedule.times",
    "sites in a round is": "combining.sites_per_round",
    "patience is": "combining.stop.patience",
    "window is": "combining.stop.window",
    "margin is": "combining.stop.margin",
    "The study stops by": "combining.stop.metric",
}


def load_study(path: Path) -> Study:
    """The study in a `study.toml`, with the digest of its own code if it brings any."""
    document = read_document(path, StudyDocument)
    own_code = _own_code(path, document.recipe.own_code)
    with said_of(path, _KEYS):
        return _study(document, own_code)


def load_own_code(path: Path) -> bytes | None:
    """The Python file that a `study.toml` names, if it names one."""
    return _own_bytes(path, read_document(path, StudyDocument).recipe.own_code)


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
        sealing=_sealing(document.sealing),
        combining=combining_of(document.combining),
        valid_days=document.request.valid_days,
        participants=tuple(
            _participant(site, part, document.privacy)
            for site, part in sorted(document.sites.items())
        ),
    )


def _sealing(table: SealingTable) -> Sealing:
    cap = table.weight_cap
    return Sealing(
        suite=table.suite,
        update_bound=table.update_bound,
        reach=table.reach or table.update_bound,
        bits=table.bits,
        weighting=EqualWeights() if cap is None else CappedUnits(cap=cap),
        coordinator=table.coordinator,
        custodians=tuple(sorted(table.custodians)),
    )


def _recipe(table: RecipeTable, own_code: Digest | None) -> Recipe:
    parameters = (Parameter(name=name, value=value) for name, value in table.parameters.items())
    return Recipe(
        name=table.name,
        version=table.version,
        parameters=tuple(sorted(parameters, key=lambda parameter: parameter.name)),
        own_code=own_code,
    )


def _participant(site: SiteId, part: SitePartTable, shared: PrivacyTable) -> Participant:
    return Participant(
        site=site,
        dataset=part.dataset,
        training=DpSgd(
            noise_multiplier=part.noise_multiplier or shared.noise_multiplier,
            sampling_rate=part.sampling_rate or shared.sampling_rate,
            sampling=part.sampling or shared.sampling,
            steps=part.steps or shared.steps,
            clip=part.clip or shared.clip,
        ),
        metrics=_metrics(part.metrics or shared.metrics),
    )


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
