"""A notebook's plain source, its cells, and the file that Jupyter reads.

The source is Markdown: a fence of `python` is a code cell, one of `sh` a cell of bash that ends at
the first failure, and the text between them is text. A fence marked `varies` has output that
another run gives with other figures.
Cells and outputs have the form of nbformat 4.5; nothing here runs them.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

Cell: TypeAlias = dict[str, Any]

VARIES = "varies"
_FENCE = re.compile(r"^```(python|sh)( varies)?\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_DIGESTS = re.compile(r"\b(sha256:|ed25519:|cr-)[0-9a-f]+(?:…[0-9a-f]+)?")
_TIMES = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?Z?)?")
_PORTS = re.compile(r"(127\.0\.0\.1):\d+")
# What the machine is, and not what was done on it.
_MACHINE = re.compile(r"(Python) 3\.[0-9.]+|(runs in:) [^\n]*|(pid) \d+")
_NUMBERS = re.compile(r"-?\d+(?:,\d{3})*(?:\.\d+)?(?:e-?\d+)?")


@dataclass(frozen=True, kw_only=True)
class Source:
    """A notebook as it is written."""

    name: str
    text: str

    def cells(self) -> list[Cell]:
        """Its cells, without outputs."""
        found, end = list[Cell](), 0
        for fence in _FENCE.finditer(self.text):
            found += self._markdown(self.text[end : fence.start()], len(found))
            language, varies, code = fence.groups()
            code = f"%%bash -e\n{code}" if language == "sh" else code
            tags = {"tags": [VARIES]} if varies else {}
            found.append(
                {
                    "cell_type": "code",
                    "execution_count": None,
                    "id": f"{self.name}-{len(found)}",
                    "metadata": tags,
                    "outputs": [],
                    "source": _lines(code.rstrip("\n")),
                }
            )
            end = fence.end()
        return found + self._markdown(self.text[end:], len(found))

    def _markdown(self, text: str, place: int) -> list[Cell]:
        if not text.strip():
            return []
        cell = {"cell_type": "markdown", "id": f"{self.name}-{place}", "metadata": {}}
        return [{**cell, "source": _lines(text.strip())}]


def document(cells: list[Cell]) -> str:
    """The notebook's file."""
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    whole = {
        "cells": cells,
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(whole, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def stored_cells(file: Path) -> list[Cell]:
    """The cells in a notebook's file."""
    cells: list[Cell] = json.loads(file.read_text(encoding="utf-8"))["cells"]
    return cells


def code_of(cell: Cell) -> str:
    """What a code cell runs."""
    return "".join(cell["source"])


def stream(name: str, text: str) -> list[Cell]:
    """What a cell wrote, as an output; nothing if it wrote nothing."""
    return [{"name": name, "output_type": "stream", "text": _lines(text)}] if text else []


def result(text: str, count: int) -> list[Cell]:
    """The value of a cell's last line, as an output; nothing if there is none."""
    data, kind = {"text/plain": _lines(text)}, "execute_result"
    one = {"data": data, "execution_count": count, "metadata": {}, "output_type": kind}
    return [one] if text else []


def steady(cell: Cell) -> str:
    """What is the same about a cell in every run: its source, and its outputs without digests,
    times and ports; where they vary, without numbers and without the width of columns too."""
    said = json.dumps(cell.get("outputs", []), ensure_ascii=False)
    for pattern in (_DIGESTS, _TIMES, _PORTS, _MACHINE):
        said = pattern.sub(lambda found: next((one for one in found.groups() if one), "#"), said)
    if VARIES in cell["metadata"].get("tags", ()):
        said = re.sub(r"\s+", " ", _NUMBERS.sub("#", said))
    return f"{cell['cell_type']} {code_of(cell)}\n{said}"


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)
