"""Studies on published data fit the data: cards, purposes, columns and the model that is stated.

Without real sites, so that a mistake in a study's file is found in seconds. The benchmark's studies
are tried as well, over the same files.
"""

from dataclasses import replace

import pytest

from benchmarks.worlds.published_cases import PUBLISHED_CASES
from benchmarks.worlds.workload_cases import Case, published
from securefed.adapters.opacus_training.trial import check_model
from securefed.adapters.published_data.part import TEST
from securefed.config import load_card, load_study
from securefed.domain.identifiers import Name
from securefed.errors import NotFound
from securefed.recipes.files.opening import open_source
from securefed.recipes.fit import check_fit
from securefed.recipes.registry import recipe_for
from securefed.wiring.basics import shipped_file
from securefed.wiring.workloads.workload import Places, Workload

pytestmark = pytest.mark.slow

ALL = {
    f"{case.name}, {one.title}": replace(case.workload, study=one.study)
    for case in PUBLISHED_CASES
    for one in (*case.tried, *([case.bare] if case.bare else []))
}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[Name, Places]:
    """Each workload's files, written once."""
    found: dict[Name, Places] = {}
    for workload in (case.workload for case in PUBLISHED_CASES):
        try:
            source = workload.source(published())
        except NotFound as error:
            pytest.skip(f"{error}: see docs/workloads.md")
        root = tmp_path_factory.mktemp(str(workload.name))
        places = Places(data=root / "data", assets=root / "assets")
        places.data.mkdir()
        places.assets.mkdir()
        workload.write(source, places)
        found[workload.name] = places
    return found


@pytest.mark.parametrize("workload", ALL.values(), ids=list(ALL))
def test_a_study_fits_the_data_of_its_sites(
    workload: Workload, written: dict[Name, Places]
) -> None:
    places, study = written[workload.name], load_study(shipped_file(workload.study))
    recipe = recipe_for(study.recipe, places.assets, None)
    check_model(study.model, recipe)
    for part in study.participants:
        card = load_card(places.data / f"{part.site}.toml")
        assert card.dataset == part.dataset
        assert study.purpose in card.purposes
        check_fit(recipe, card.columns)


@pytest.mark.parametrize("case", PUBLISHED_CASES, ids=lambda case: case.name)
def test_records_of_every_part_and_of_the_mock_can_be_read(
    case: Case, written: dict[Name, Places]
) -> None:
    workload = case.workload
    places, study = written[workload.name], load_study(shipped_file(workload.study))
    recipe = recipe_for(study.recipe, places.assets, None)
    for name in (TEST, *(one.site for one in study.participants)):
        card = load_card(places.data / f"{name}.toml")
        for path in (card.data, *([card.mock] if card.mock else [])):
            with open_source(path, card.columns, card.unit) as source:
                for unit in range(0, source.units, max(1, source.units // 10)):
                    recipe.collate(source.take(source.of_unit(unit)))
