"""The libraries under a package: its requirements, their requirements, and so on.

Promises every installed distribution that the package, with its optional parts except `dev`, may
load through its declared requirements. Environment markers are not evaluated: a requirement for
another system counts when it is installed all the same. A package that is not itself installed, as
in a source tree, counts everything that is. What another library carries along in a folder of its
own does not count: whether it can be found depends on what was imported before.
"""

import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions
from pathlib import Path

_REQUIREMENT = re.compile(r"\s*(?P<name>[A-Za-z0-9._-]+)\s*(\[(?P<extras>[^\]]*)\])?")
_FOR_EXTRA = re.compile(r"""extra\s*==\s*['"](?P<extra>[^'"]+)['"]""")
_NOT_OURS = frozenset({"dev"})


def installed(package: str) -> set[tuple[str, str]]:
    """Name and version of each installed distribution under a package, without the package."""
    try:
        root = distribution(package)
    except PackageNotFoundError:
        return {(normal(one.name), one.version) for one in distributions() if not _carried(one)}
    extras = frozenset(root.metadata.get_all("Provides-Extra") or ()) - _NOT_OURS
    found = _closure(root, extras)
    return {(name, version) for name, version in found.items() if name != normal(package)}


def normal(name: str) -> str:
    """A distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _closure(root: Distribution, extras: frozenset[str]) -> dict[str, str]:
    versions: dict[str, str] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = [(root, extras)]
    while waiting:
        one, wanted = waiting.pop()
        name = normal(one.name)
        if (name, wanted) in seen:
            continue
        seen.add((name, wanted))
        versions[name] = one.version
        for required, its_extras in _requirements(one, wanted):
            try:
                found = distribution(required)
            except PackageNotFoundError:
                continue  # optional, or for another system
            if not _carried(found):
                waiting.append((found, its_extras))
    return versions


def _carried(one: Distribution) -> bool:
    return "_vendor" in Path(str(one.locate_file(""))).parts


def _requirements(one: Distribution, wanted: frozenset[str]) -> list[tuple[str, frozenset[str]]]:
    found = []
    for line in one.requires or ():
        condition = line.partition(";")[2]
        extras = {match["extra"] for match in _FOR_EXTRA.finditer(condition)}
        match = _REQUIREMENT.match(line)
        if match and (not extras or extras & wanted):
            asked = (match["extras"] or "").split(",")
            found.append((match["name"], frozenset(extra.strip() for extra in asked) - {""}))
    return found
