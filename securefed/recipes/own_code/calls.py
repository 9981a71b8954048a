"""Runs a study's own file, and calls its functions, so that no failure tells what it saw.

The bytes that are compared with the approved digest are the bytes that run. An exception of theirs,
its text and the name of its class included, can hold private values: what is raised here says only
which function failed and with which of Python's own exceptions. This is no sandbox: the code runs
as the program does, and what holds it back are its reader and the walls around the run.
"""

import builtins
from collections.abc import Callable, Mapping
from types import CodeType
from typing import Any, Final

from securefed.domain.canonical import digest_of
from securefed.domain.identifiers import Digest
from securefed.domain.study import OWN_CODE_KIND
from securefed.errors import (
    AssetMismatch,
    ConfigInvalid,
    SecurefedError,
    TrainingFailed,
    UnsupportedLayer,
)

REQUIRED: Final = ("model", "collate", "losses", "mock")
OPTIONAL: Final = ("tallies", "metrics")

Functions = Mapping[str, Callable[..., Any]]


def functions_of(code: bytes, digest: Digest) -> Functions:
    """The functions of a file, which is run once. Raises AssetMismatch where it is another file
    than the approved one."""
    if digest_of(OWN_CODE_KIND, code) != digest:
        raise AssetMismatch("The study's own code is not the file that its digest names")
    names: dict[str, Any] = {"__name__": "own_code", "__builtins__": builtins}
    compiled = _compiled(code)
    called("The file", lambda: exec(compiled, names))  # noqa: S102 - people have read it
    found = {name: names[name] for name in (*REQUIRED, *OPTIONAL) if callable(names.get(name))}
    if missing := [name for name in REQUIRED if name not in found]:
        raise ConfigInvalid(
            f"The study's own code does not define {missing[0]}()", where="recipe.own_code"
        )
    if len(found.keys() & set(OPTIONAL)) == 1:
        raise ConfigInvalid(
            "The study's own code defines one of tallies() and metrics(), which belong together",
            where="recipe.own_code",
        )
    return found


def called(who: str, function: Callable[..., Any], *arguments: object) -> Any:
    """What a function of theirs returns. Raises TrainingFailed for whatever it raises.

    A layer that cannot be clipped passes: the engine says so inside the model that they call."""
    try:
        return function(*arguments)
    except (KeyboardInterrupt, UnsupportedLayer):
        raise
    except BaseException as error:  # noqa: BLE001 - theirs can be of any class, an exit as well
        kind = _own_name(error)
    # Not inside the handler, which would attach their exception to ours.
    raise TrainingFailed(f"{who} of the study's own code ended with {kind}")


def _compiled(code: bytes) -> CodeType:
    try:
        return compile(code, "own_code.py", "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        line = f" in line {error.lineno}" if isinstance(error, SyntaxError) else ""
        raise ConfigInvalid(
            f"The study's own code is not Python{line}", where="recipe.own_code"
        ) from error


def _own_name(error: BaseException) -> str:
    """The nearest class that is Python's or ours; the name of one of theirs could be anything."""
    for kind in type(error).__mro__:
        if vars(builtins).get(kind.__name__) is kind or kind is SecurefedError:
            return kind.__name__
    return "an exception"
