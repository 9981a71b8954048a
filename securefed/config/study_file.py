"""Writes a `study.toml` that is another one with some keys set anew.

Promises that the new file is read back as exactly the changed study, its own code included, before
it stands in its place; and that no file is overwritten. Comments of the first one are left out.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import tomli_w

from securefed.config.changes import Change, changed
from securefed.config.study import load_study
from securefed.config.toml_file import read_toml
from securefed.domain.study import Study
from securefed.errors import AlreadyExists, StorageFailed


def write_study(file: Path, changes: Sequence[Change], out: Path) -> Study:
    """The changed study, which `out` holds from now on."""
    study, values = load_study(file, changes), changed(read_toml(file), changes)
    _move_own_code(values, file.parent, out.parent)
    head = [f"# {file.name} with:", *(f"#   {one}" for one in changes)]
    lines = "".join(f"{ascii(line)[1:-1]}\n" for line in head)
    draft = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        if out.exists():
            raise AlreadyExists("The file exists already", where=str(out))
        draft.write_text(f"{lines}\n{tomli_w.dumps(values)}", encoding="utf-8")
        if load_study(draft) != study:
            raise ValueError("the written study is another one than was meant")
        draft.replace(out)
    except OSError as error:
        raise StorageFailed(f"Cannot write: {error.strerror}", where=str(out)) from error
    finally:
        draft.unlink(missing_ok=True)
    return study


def _move_own_code(values: dict[str, object], old: Path, new: Path) -> None:
    """Names the study's own code as it is seen from the new file's folder."""
    recipe = cast(dict[str, object], values["recipe"])
    if "own_code" in recipe:
        recipe["own_code"] = os.path.relpath(old / str(recipe["own_code"]), new)
