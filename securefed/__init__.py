"""securefed: organisations train one model on data that never leave them, and can prove it.

Importing this package loads nothing heavy: no torch, no syft, no web framework. The parts are
`domain` (what is decided), `steps` (in which order), `adapters` (with which library), `cli`, and
`api`, whose names are also here and are loaded when one of them is first used.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from securefed.api import Budget as Budget
    from securefed.api import Federation as Federation
    from securefed.api import Site as Site
    from securefed.api import StudyFile as StudyFile
    from securefed.api import federation as federation
    from securefed.api import load_study as load_study
    from securefed.api import open_site as open_site
    from securefed.api import plan_study as plan_study
    from securefed.api import search_study as search_study
    from securefed.api import try_study as try_study
    from securefed.api import verify_evidence as verify_evidence

__version__ = "0.1.0"


_API = frozenset(
    {
        "Budget",
        "Federation",
        "Site",
        "StudyFile",
        "federation",
        "load_study",
        "open_site",
        "plan_study",
        "search_study",
        "try_study",
        "verify_evidence",
    }
)


def __getattr__(name: str) -> Any:
    # Asked for by every `from securefed import …`: nothing is loaded for another name.
    if name not in _API:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from securefed import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_API})
