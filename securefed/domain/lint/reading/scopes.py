"""Who binds a name: every assignment of a script, and the one that a use of the name sees.

Flow is followed inside a function as far as the text decides it: the last assignment before the use
that stands in every path to it. Where several assignments may reach a use, none is chosen.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from securefed.domain.lint.reading.source import Source

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
Scope: TypeAlias = ast.Module | ast.ClassDef | Function
_SCOPES = (ast.Module, ast.ClassDef, *FUNCTIONS)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
# A block that runs whenever what stands around it runs.
_TRANSPARENT = (ast.With, ast.AsyncWith, ast.Try)


class How(StrEnum):
    """In which way a name is bound."""

    VALUE = "value"
    PIECE = "piece"
    PARAMETER = "parameter"
    LOOP = "loop"
    CONTEXT = "context"
    IMPORT = "import"
    DEFINITION = "definition"
    OTHER = "other"


@dataclass(frozen=True, eq=False)
class Binding:
    """One assignment. `node` is what is assigned, or what the name is taken from."""

    how: How
    node: ast.AST
    scope: Scope
    line: int
    at: tuple[int, int]
    text: str = ""
    place: int = 0
    of: int = 0
    path: tuple[tuple[ast.AST, str], ...] = ()


class Scopes:
    """The bindings of every scope of a script. `self.x` is a name of its class's methods."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.bound: dict[tuple[Scope, str], list[Binding]] = {}
        self.attributes: dict[tuple[ast.ClassDef, str], list[Binding]] = {}
        self._outside: set[tuple[Scope, str]] = set()
        for node in source.nodes:
            for name, binding in self._bindings(node):
                self._note(name, binding)

    def scope_of(self, node: ast.AST) -> Scope:
        """The innermost scope in which a node's names are looked up."""
        for above, field in self.source.above(node):
            if isinstance(above, _SCOPES) and not _evaluated_outside(field):
                return above
        return self.source.tree

    def class_of(self, node: ast.AST) -> ast.ClassDef | None:
        """The class in one of whose methods a node stands."""
        for above, _ in self.source.above(node):
            if isinstance(above, ast.ClassDef):
                return above
        return None

    def seen(self, name: str, use: ast.AST) -> list[Binding]:
        """The bindings of a name that a use may see: none if foreign, one if certain."""
        if self._in_comprehension(name, use):
            return [_opaque(use, self.scope_of(use)), _opaque(use, self.scope_of(use))]
        own = self.scope_of(use)
        for scope in self._visible(own):
            found = self.bound.get((scope, name))
            if found and (scope, name) not in self._outside:
                self.source.spend(len(found))
                return self.reaching(found, use) if scope is own else found
        return []

    def attribute(self, name: str, use: ast.AST) -> list[Binding]:
        """The bindings of `self.name` that a use may see."""
        owner = self.class_of(use)
        if owner is None:
            return []
        found = self.attributes.get((owner, name), [])
        self.source.spend(len(found))
        own = self.scope_of(use)
        before = [one for one in found if one.scope is own and one.at <= _start(use)]
        if before:
            return self.reaching(before, use)
        # At the first call nothing that stands later in this method has happened.
        return [one for one in found if one.scope is not own] or found

    def reaching(self, found: list[Binding], use: ast.AST) -> list[Binding]:
        """Of a scope's bindings, those that may be the last before a use in the same scope."""
        start, path = _start(use), self._path(use)
        before = [one for one in found if one.at <= start]
        certain = [one for one in before if path[: len(one.path)] == one.path]
        if not certain:
            return before or found
        last = max(certain, key=lambda one: one.at)
        return [last, *(one for one in before if one.at > last.at)]

    def _visible(self, scope: Scope) -> Iterator[Scope]:
        yield scope
        for above, _ in self.source.above(scope):
            if isinstance(above, _SCOPES) and not isinstance(above, ast.ClassDef):
                yield above

    def _in_comprehension(self, name: str, use: ast.AST) -> bool:
        for above, _ in self.source.above(use):
            if isinstance(above, _COMPREHENSIONS):
                targets = [node for part in above.generators for node in ast.walk(part.target)]
                if any(isinstance(one, ast.Name) and one.id == name for one in targets):
                    return True
        return False

    def _note(self, name: str, binding: Binding) -> None:
        owner = self.class_of(binding.node)
        if name.startswith("self.") and owner is not None:
            self.attributes.setdefault((owner, name[5:]), []).append(binding)
        else:
            self.bound.setdefault((binding.scope, name), []).append(binding)

    def _path(self, node: ast.AST) -> tuple[tuple[ast.AST, str], ...]:
        """The blocks around a node inside its scope, outermost first."""
        steps = []
        for above, field in self.source.above(node):
            if isinstance(above, _SCOPES) and not _evaluated_outside(field):
                break
            through = isinstance(above, _TRANSPARENT) and field != "handlers"
            if isinstance(above, ast.stmt | ast.ExceptHandler) and not through:
                steps.append((above, field))
        return tuple(step for step in reversed(steps) if step[1] in ("body", "orelse", "handlers"))

    def _bindings(self, node: ast.AST) -> Iterator[tuple[str, Binding]]:
        yield from self._assigned(node)
        yield from self._taken(node)
        yield from self._defined(node)

    def _assigned(self, node: ast.AST) -> Iterator[tuple[str, Binding]]:
        match node:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    yield from self._targets(target, value, node)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                yield from self._targets(target, value, node)
            case ast.NamedExpr(target=target, value=value):
                yield from self._targets(target, value, node)
            case ast.AugAssign(target=target):
                yield from self._all(target, How.OTHER, node, node)

    def _taken(self, node: ast.AST) -> Iterator[tuple[str, Binding]]:
        match node:
            case ast.For(target=target) | ast.AsyncFor(target=target):
                yield from self._all(target, How.LOOP, node, target)
            case ast.With(items=items) | ast.AsyncWith(items=items):
                for item in items:
                    if item.optional_vars is not None:
                        found = self._all(
                            item.optional_vars, How.CONTEXT, item.context_expr, item.optional_vars
                        )
                        yield from found
            case ast.ExceptHandler(name=str(name)):
                yield name, self._binding(How.OTHER, node, node)
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                self._outside.update((self.scope_of(node), name) for name in names)
                for name in names:
                    yield name, self._binding(How.OTHER, node, node, scope=self.source.tree)

    def _defined(self, node: ast.AST) -> Iterator[tuple[str, Binding]]:
        match node:
            case ast.Import(names=names):
                for one in names:
                    known = one.asname or one.name.partition(".")[0]
                    whole = one.name if one.asname else known
                    yield known, self._binding(How.IMPORT, node, node, text=whole)
            case ast.ImportFrom(module=module, names=names):
                for one in names:
                    whole = f"{module or ''}.{one.name}"
                    yield one.asname or one.name, self._binding(How.IMPORT, node, node, text=whole)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name, self._binding(How.DEFINITION, node, node)
                yield from self._parameters(node)
            case ast.Lambda():
                yield from self._parameters(node)

    def _parameters(self, node: ast.AST) -> Iterator[tuple[str, Binding]]:
        if isinstance(node, FUNCTIONS):
            of = node.args
            for one in [*of.posonlyargs, *of.args, *of.kwonlyargs, of.vararg, of.kwarg]:
                if one is not None:
                    at = (node.lineno, node.col_offset)
                    yield one.arg, Binding(How.PARAMETER, one, node, one.lineno, at, text=one.arg)

    def _targets(
        self, target: ast.expr, value: ast.expr, node: ast.AST
    ) -> Iterator[tuple[str, Binding]]:
        if isinstance(target, ast.Tuple | ast.List):
            for place, one in enumerate(target.elts):
                name = _name(one)
                if name:
                    of = len(target.elts)
                    yield (
                        name,
                        self._binding(How.PIECE, value, node, place=place, of=of),
                    )
        elif name := _name(target):
            yield name, self._binding(How.VALUE, value, node)

    def _all(
        self, target: ast.expr, how: How, node: ast.AST, at: ast.AST
    ) -> Iterator[tuple[str, Binding]]:
        for one in ast.walk(target):
            name = _name(one)
            if name:
                yield name, self._binding(how, node, at)

    def _binding(
        self,
        how: How,
        node: ast.AST,
        statement: ast.AST,
        *,
        text: str = "",
        place: int = 0,
        of: int = 0,
        scope: Scope | None = None,
    ) -> Binding:
        return Binding(
            how,
            node,
            scope or self.scope_of(statement),
            getattr(statement, "lineno", 0),
            _end(statement),
            text,
            place,
            of,
            self._path(statement) if scope is None else (),
        )


def _evaluated_outside(field: str) -> bool:
    """Whether a part of a definition is run by what stands around it: defaults, bases."""
    return field in ("args", "decorator_list", "returns", "bases", "keywords")


def _opaque(node: ast.AST, scope: Scope) -> Binding:
    return Binding(How.OTHER, node, scope, getattr(node, "lineno", 0), _start(node))


def _name(node: ast.AST) -> str:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=ast.Name(id="self"), attr=name):
            return f"self.{name}"
        case ast.Starred(value=value):
            return _name(value)
    return ""


def _start(node: ast.AST) -> tuple[int, int]:
    return getattr(node, "lineno", 0), getattr(node, "col_offset", 0)


def _end(node: ast.AST) -> tuple[int, int]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return node.lineno, node.col_offset
    return getattr(node, "end_lineno", 0) or 0, getattr(node, "end_col_offset", 0) or 0
