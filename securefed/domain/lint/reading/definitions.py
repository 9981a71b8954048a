"""The functions, classes and calls of a script, by name, and how a call's arguments meet
parameters.
"""

import ast
from collections.abc import Iterator

from securefed.domain.lint.reading.scopes import Function
from securefed.domain.lint.reading.source import Source


class Definitions:
    """What a script defines and calls."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._calls: dict[str, list[ast.Call]] = {}
        self._functions: dict[str, list[Function]] = {}
        self.classes: dict[str, ast.ClassDef] = {}
        for node in source.nodes:
            if isinstance(node, ast.Call) and last_name(node.func):
                self._calls.setdefault(last_name(node.func), []).append(node)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                self._functions.setdefault(node.name, []).append(node)
            elif isinstance(node, ast.ClassDef):
                self.classes[node.name] = node

    def calls_named(self, name: str) -> list[ast.Call]:
        """The calls of anything with this last name."""
        found = self._calls.get(name, [])
        self._source.spend(len(found))
        return found

    def calling(self, function: Function) -> list[ast.Call]:
        """The calls that have a function's name, or its class's for `__init__`."""
        if isinstance(function, ast.Lambda):
            return []
        owner = self.owner(function)
        made = owner is not None and function.name == "__init__"
        return self.calls_named(owner.name if owner is not None and made else function.name)

    def function(self, name: str) -> Function | None:
        """The one function with this name that is no method."""
        found = [one for one in self._functions.get(name, []) if self.owner(one) is None]
        return found[0] if len(found) == 1 else None

    def any_method(self, name: str) -> Function | None:
        """The one method with this name."""
        found = [one for one in self._functions.get(name, []) if self.owner(one) is not None]
        return found[0] if len(found) == 1 else None

    def method(self, owner: ast.ClassDef, name: str) -> Function | None:
        """A method of a class."""
        for one in owner.body:
            if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) and one.name == name:
                return one
        return None

    def owner(self, function: Function) -> ast.ClassDef | None:
        """The class whose method a function is."""
        above = self._source.parents.get(function)
        return above if isinstance(above, ast.ClassDef) else None

    def class_made(self, call: ast.AST | None) -> ast.ClassDef | None:
        """The script's own class that a call makes one of."""
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
            return self.classes.get(call.func.id)
        return None

    def passed(self, call: ast.Call, name: str, function: Function) -> ast.expr | None:
        """What a call passes for a parameter of the function that it calls."""
        names = [one.arg for one in [*function.args.posonlyargs, *function.args.args]]
        if self.owner(function) is not None and names[:1] in (["self"], ["cls"]):
            names = names[1:]
        return argument(call, name, names.index(name) if name in names else None)


def last_name(node: ast.AST) -> str:
    """The last name of a dotted one."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def argument(call: ast.Call, name: str, place: int | None = None) -> ast.expr | None:
    """An argument of a call, by keyword or by position."""
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    if place is None or place >= len(call.args):
        return None
    starred = any(isinstance(one, ast.Starred) for one in call.args[: place + 1])
    return None if starred else call.args[place]


def default_of(name: str, function: Function) -> ast.expr | None:
    """The default of a function's parameter."""
    return next((default for one, default in _defaults(function.args) if one.arg == name), None)


def _defaults(of: ast.arguments) -> Iterator[tuple[ast.arg, ast.expr | None]]:
    positional = [*of.posonlyargs, *of.args]
    # Defaults belong to the last of the positional parameters.
    yield from zip(reversed(positional), reversed(of.defaults), strict=False)
    yield from zip(of.kwonlyargs, of.kw_defaults, strict=True)
