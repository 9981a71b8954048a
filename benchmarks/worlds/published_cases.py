"""Images, a recommender, a language model and two answers at once, for the benchmark of workloads.

What they have to reach is stated where the reference figures or a line without a model say so. The
recommender without privacy is another model, with a table of users that stays at each platform and
ratings as units: without noise it learns more than biases. Its curve over ε is that of the design:
steps are as much smaller as ε is.
"""

from dataclasses import replace
from pathlib import Path

from benchmarks.harness import Goal
from benchmarks.worlds.workload_cases import Case, Tried
from securefed.adapters.published_data.film_ratings import write_film_ratings
from securefed.adapters.published_data.part import RECORD
from securefed.wiring.workloads.images import IMAGES
from securefed.wiring.workloads.language import LANGUAGE
from securefed.wiring.workloads.multi_task import MULTI_TASK
from securefed.wiring.workloads.recommender import RECOMMENDER
from securefed.wiring.workloads.workload import Places

_STUDIES = "benchmarks/studies"
# A plain mean of each user's own ratings, which costs no privacy.
_OWN_MEAN = 0.946
# The mean of all ratings, 1.050, less what the design asks for.
_GLOBAL_MEAN = 1.0


def _by_rating(source: Path, places: Places) -> None:
    write_film_ratings(source, places.data, places.assets, unit=RECORD)


PUBLISHED_CASES = (
    Case(
        name="images",
        workload=IMAGES,
        runs=3,
        tried=(
            Tried(
                title="ε = 8",
                study=IMAGES.study,
                goals={"balanced_accuracy": Goal("ours", ">=", 0.9)},
            ),
            Tried(title="ε = 3", study=f"{_STUDIES}/images-3.toml", goals={}),
        ),
        bare=Tried(title="no privacy", study=f"{_STUDIES}/images-bare.toml", goals={}),
    ),
    Case(
        name="recommender",
        workload=RECOMMENDER,
        runs=2,
        tried=(
            Tried(
                title="user, ε = 8",
                study=RECOMMENDER.study,
                goals={"rmse": Goal("ours", "<", _OWN_MEAN)},
            ),
            *(
                Tried(
                    title=f"user, ε = {epsilon}",
                    study=f"{_STUDIES}/recommender-{epsilon}.toml",
                    goals={"rmse": Goal("ours", "<", _GLOBAL_MEAN)},
                )
                for epsilon in (4, 2, 1)
            ),
        ),
        bare=Tried(
            title="no privacy, with a table of users",
            study=f"{_STUDIES}/recommender-bare.toml",
            goals={"rmse": Goal("ours", "<", 0.87)},
            workload=replace(RECOMMENDER, write=_by_rating),
        ),
    ),
    Case(
        name="language",
        workload=LANGUAGE,
        runs=2,
        tried=(
            Tried(title="ε = 8", study=LANGUAGE.study, goals={}),
            Tried(title="ε = 3", study=f"{_STUDIES}/language-3.toml", goals={}),
        ),
        bare=Tried(title="no privacy", study=LANGUAGE.study, goals={}),
    ),
    Case(
        name="multi-task",
        workload=MULTI_TASK,
        runs=3,
        tried=(
            Tried(title="ε = 3", study=MULTI_TASK.study, goals={}),
            Tried(title="ε = 1", study=f"{_STUDIES}/multi-task-1.toml", goals={}),
        ),
        bare=Tried(title="no privacy", study=MULTI_TASK.study, goals={}),
    ),
)
