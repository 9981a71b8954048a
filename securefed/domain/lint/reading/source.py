"""A script as a syntax tree that is safe to walk.

Promises that the tree is of bounded size and depth, that every node knows its parent, and that what
is quoted from the script is one short line of visible characters. Walking it runs nothing of it.
"""

import ast
from collections.abc import Iterator

from securefed.errors import ScriptUnreadable

_DEEPEST = 120
_MOST_NODES = 300_000
_MOST_WORK = 3_000_000
_WIDEST = 60


class Source:
    """A parsed script, its parents, and a budget of work that no script exceeds."""

    def __init__(self, tree: ast.Module, name: str) -> None:
        self.name = name
        self.tree = tree
        self.parents: dict[ast.AST, ast.AST] = {}
        self._fields: dict[ast.AST, str] = {}
        self.nodes = tuple(self._walked())
        self._work = 0

    def spend(self, amount: int = 1) -> None:
        """Counts work, so that a script made to be slow to read is refused and not read."""
        self._work += amount
        if self._work > _MOST_WORK:
            raise ScriptUnreadable("The script is too tangled to be read", where=self.name)

    def above(self, node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
        """The ancestors of a node, its parent first, each with the field that it was reached by."""
        while node in self.parents:
            field = self._fields[node]
            node = self.parents[node]
            self.spend()
            yield node, field

    def calls(self) -> Iterator[ast.Call]:
        """Every call, in the order of the text."""
        found = [node for node in self.nodes if isinstance(node, ast.Call)]
        yield from sorted(found, key=lambda node: (node.lineno, node.col_offset))

    def _walked(self) -> Iterator[ast.AST]:
        waiting: list[tuple[ast.AST, int]] = [(self.tree, 0)]
        seen = 0
        while waiting:
            node, depth = waiting.pop()
            seen += 1
            if depth > _DEEPEST or seen > _MOST_NODES:
                raise ScriptUnreadable("The script is too large or too deep", where=self.name)
            yield node
            for name, value in ast.iter_fields(node):
                for child in value if isinstance(value, list) else [value]:
                    # Contexts and operators are shared between nodes and have no parent of theirs.
                    if isinstance(child, ast.AST) and not isinstance(child, _SHARED):
                        self.parents[child] = node
                        self._fields[child] = name
                        waiting.append((child, depth + 1))


def quoted(node: ast.AST) -> str:
    """A node as text, short and printable."""
    text = ast.unparse(node)
    text = "".join(char if char.isascii() and char.isprintable() else "?" for char in text)
    return text if len(text) <= _WIDEST else text[: _WIDEST - 3] + "..."


_SHARED = (ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop)
