"""The composition root of private fusion at the coordinator: what a vote begins with, and the
student that is made of its sum.

Everything here sees public records and opened sums alone. torch is loaded when it is needed.
"""

from dataclasses import replace
from pathlib import Path

from securefed.aggregation.answers import answers_of, noise_of_mean
from securefed.aggregation.grid import Values
from securefed.domain.fusion import Fusion
from securefed.domain.sheet_fusion import student_lines
from securefed.domain.study import Model, Study
from securefed.recipes.layout import Layout
from securefed.wiring.export import ExportForm, TrainedModel


def votes_begun(
    study: Study, fusion: Fusion, own_code: bytes | None, assets: Path | None
) -> tuple[Layout, Values]:
    """The layout of the votes, none of which is cast yet; refuses what no site could vote on."""
    from securefed.adapters.opacus_training.fusion.release import no_votes, votes_layout
    from securefed.recipes.public_records import check_voting, public_records
    from securefed.recipes.registry import recipe_for

    recipe = recipe_for(study.recipe, assets, own_code)
    check_voting(recipe, fusion, public_records(fusion, assets))
    return votes_layout(fusion), no_votes(fusion)


def with_student(voted: TrainedModel, fusion: Fusion, form: ExportForm) -> TrainedModel:
    """The student in place of the votes that it is made of."""
    from securefed.adapters.opacus_training.fusion.release import votes_layout
    from securefed.adapters.opacus_training.fusion.student import student_of
    from securefed.recipes.public_records import public_records
    from securefed.recipes.registry import recipe_for

    study = voted.study
    sites = [site for site, rounds in voted.delivered.items() if rounds]
    noise = noise_of_mean([study.participant(site).training for site in sites])
    votes = votes_layout(fusion).flat(voted.weights)
    answers = answers_of(votes, len(fusion.classes), noise)
    recipe = recipe_for(study.recipe, form.assets, form.own_code)
    found = student_of(recipe, fusion, public_records(fusion, form.assets), answers.labels)
    weights = {name: one.numpy() for name, one in found.items()}
    return replace(
        voted,
        weights=weights,
        model=Model(family=recipe.family, parameters=Layout.of(weights).parameters),
        said=student_lines(fusion, answers.clear, len(sites)),
    )
