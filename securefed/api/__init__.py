"""securefed from Python: what its commands do, without a command line.

Promises the same checks and the same named errors, of `securefed.errors`, as the program; nothing
is decided here. PySyft and torch are loaded when a call needs them. A δ is a text like "1e-6", so
that it stays exact.

    import securefed as sf

    study = sf.load_study("study.toml", ["rounds.count=3"])
    print(sf.plan_study(study, delta="1e-6"))
    with sf.federation("federation.toml", account="dana", key="dana.key") as sites:
        sites.submit(study)
"""

from securefed.api.federations import Federation, federation
from securefed.api.sites import Budget, Site, open_site, verify_evidence
from securefed.api.studies import StudyFile, load_study, plan_study, search_study, try_study

__all__ = [
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
]
