"""The student: the recipe's model, trained on public records and the answers that were voted for.

It sees nothing else, so it is post-processing of noised votes and costs no privacy. The same
answers and recipe make the same student, as far as the machine computes alike.
"""

import numpy as np

from securefed.adapters.opacus_training.devices import device_named
from securefed.adapters.opacus_training.fusion.fitting import Lesson, fitted
from securefed.adapters.opacus_training.training import first_model
from securefed.adapters.opacus_training.weights import Weights, copied, shared_parameters
from securefed.aggregation.answers import Labels
from securefed.domain.fusion import Fusion
from securefed.recipes.files.in_memory import MemorySource
from securefed.recipes.public_records import ONE_EACH, answered, public_columns
from securefed.recipes.recipe import Recipe
from securefed.recipes.records import Records


def student_of(
    recipe: Recipe, fusion: Fusion, queries: Records, labels: Labels, device: str | None = None
) -> Weights:
    """The student's weights, those that an update of the recipe would have."""
    records = answered(queries, fusion, labels.tolist())
    where = device_named(device)
    lesson = Lesson(
        recipe=recipe,
        first=first_model(recipe).to(where),
        source=MemorySource(records, public_columns(fusion), ONE_EACH),
        units=np.arange(len(records), dtype=np.int64),
        epochs=fusion.epochs,
        batch=fusion.batch,
        seed=recipe.settings.seed,
        device=where,
    )
    return copied(shared_parameters(fitted(lesson), recipe))
