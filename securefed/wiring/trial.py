"""Tries a study on a mock, and fetches the models that studies begin with."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from securefed.adapters.site_folder import (
    keep_mock,
)
from securefed.config import (
    CardDraft,
)
from securefed.domain.identifiers import Digest
from securefed.domain.study import Participant, Study
from securefed.errors import NotFound
from securefed.steps.make_mock import mock_text

if TYPE_CHECKING:
    from securefed.adapters.opacus_training.trial import Tried as Tried


def try_study(
    study: Study,
    part: Participant,
    own_code: bytes | None,
    draft: CardDraft,
    assets: Path | None,
    on_step: Callable[[int], None],
) -> "Tried":
    """A study at one site, on the mock of the dataset that a draft describes."""
    from securefed.adapters.opacus_training.fusion.trial import try_fusion
    from securefed.adapters.opacus_training.trial import try_study as tried
    from securefed.recipes.files.opening import open_source
    from securefed.recipes.fit import check_fit
    from securefed.recipes.public_records import public_records
    from securefed.recipes.registry import recipe_for

    recipe = recipe_for(study.recipe, assets, own_code)
    check_fit(recipe, draft.columns)
    with TemporaryDirectory() as folder:
        file = draft.mock or keep_mock(Path(folder) / "tried.json", 1, mock_text(draft.mock_plan))
        with open_source(file, draft.columns, draft.unit) as mock:
            if study.fusion is None:
                return tried(study, part, recipe, mock, on_step)
            queries = public_records(study.fusion, assets)
            return try_fusion(study.fusion, part, recipe, mock, queries, on_step)


def part_of(study: Study, site: str | None) -> Participant:
    """A site's part in a study, or that of the first one."""
    parts = {str(part.site): part for part in study.participants}
    if site is None:
        return study.participants[0]
    if site not in parts:
        known = f"Its sites are: {', '.join(parts)}."
        raise NotFound(f"The study has no site {site!r}", hint=known)
    return parts[site]


def fetch_model(name: str, revision: str, folder: Path, hub: str | None) -> Digest:
    """A model from a hub, in a new folder; says the folder's digest."""
    from securefed.recipes.pretrained.fetching import fetch_model as fetched

    return fetched(name, revision, folder, hub)


def model_digest(folder: Path) -> Digest:
    """The digest of a model's folder."""
    from securefed.recipes.pretrained.manifest import manifest_digest

    return manifest_digest(folder)
