"""Configuration files: TOML, validated, as the domain's own objects.

Promises that ε and δ stay exact decimals, that nothing is converted silently, that an unknown key
is an error, and that every problem of a file is named at once: `ConfigInvalid` with file, key path,
expected and got. Keeps nothing, and writes nothing but the file that `write_study` is asked for.

    study = load_study(Path("study.toml"))
"""

from securefed.config.card import CardDraft, load_card
from securefed.config.changes import Change, read_change, read_choices
from securefed.config.policy import load_policy
from securefed.config.schemas import schemas
from securefed.config.site import chosen_serve, load_site, site_template
from securefed.config.site_settings import (
    BlobSettings,
    RunnerSettings,
    ServeSettings,
    SiteSettings,
    limits_of,
)
from securefed.config.study import load_own_code, load_study, with_keys
from securefed.config.study_file import write_study
from securefed.config.study_template import study_template

__all__ = [
    "BlobSettings",
    "CardDraft",
    "Change",
    "RunnerSettings",
    "ServeSettings",
    "SiteSettings",
    "chosen_serve",
    "limits_of",
    "load_card",
    "load_own_code",
    "load_policy",
    "load_site",
    "load_study",
    "read_change",
    "read_choices",
    "schemas",
    "site_template",
    "study_template",
    "with_keys",
    "write_study",
]
