"""Where a value comes from: names, attributes and parameters followed back to what made them.

Follows single assignments, keyword defaults, the calls of a function inside the script,
attributes of `self`, fields of the script's own dataclasses, entries of literal dictionaries and
the defaults of argparse. A default is followed and said to be one. Where the text allows two
origins there is none.
"""

import ast
from dataclasses import dataclass, replace

from securefed.domain.lint.reading.definitions import (
    Definitions,
    argument,
    default_of,
    last_name,
)
from securefed.domain.lint.reading.scopes import FUNCTIONS, Binding, Function, How, Scopes
from securefed.domain.lint.reading.source import Source, quoted
from securefed.domain.lint.reading.words import words

_FUEL = 40
# Objects of torch, whose methods have the names that training code has too.
_FOREIGN = {
    *("model", "net", "network", "module", "backbone", "encoder", "classifier", "criterion"),
    *("optimizer", "optimiser", "scheduler", "app", "super"),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Origin:
    """An expression that is not a mere name, or the reason why there is none.

    `place` is the position in what the expression returns, where a tuple was unpacked."""

    node: ast.AST | None
    place: int | None = None
    of: int = 0
    names: tuple[str, ...] = ()
    how: str = ""
    why: str = ""
    line: int | None = None

    @property
    def key(self) -> tuple[int, int | None] | None:
        """Equal for two uses of one thing."""
        return None if self.node is None else (id(self.node), self.place)


class Origins:
    """The origins of a script's expressions, each followed once."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.scopes = Scopes(source)
        self.definitions = Definitions(source)
        self._known: dict[ast.AST, Origin] = {}
        self._returns: dict[ast.FunctionDef, ast.expr | None] = {}

    def of(self, node: ast.AST, fuel: int = _FUEL) -> Origin:
        """The origin of an expression."""
        if node not in self._known:
            self.source.spend()
            # A name that leads back to itself ends here.
            self._known[node] = _lost(node, "it depends on itself")
            self._known[node] = self._followed(node, fuel) if fuel else _lost(node, "too indirect")
        return self._known[node]

    def dotted(self, node: ast.AST) -> str:
        """The full name of an imported thing; of anything else the last name after a dot."""
        match node:
            case ast.Name(id=name):
                found = self.scopes.seen(name, node)
                if not found:
                    return f"?.{name}"
                imported = {one.text if one.how is How.IMPORT else "" for one in found}
                known = imported.pop() if len(imported) == 1 else ""
                return known or f".{name}"
            case ast.Attribute(value=value, attr=name):
                base = self.dotted(value)
                return f"{base}.{name}" if base and base[0] not in ".?" else f".{name}"
        return ""

    def calls_of(self, function: Function) -> list[ast.Call]:
        """The calls of a function that stand in the script."""
        found = self.definitions.calling(function)
        return [call for call in found if self.called_by(call) is function]

    def called_by(self, call: ast.Call) -> Function | None:
        """The script's own function that a call runs; a class's `__init__` for the class."""
        name = last_name(call.func)
        if isinstance(call.func, ast.Name):
            made = self.definitions.class_made(call)
            if made is not None:
                return self.definitions.method(made, "__init__")
            return self.definitions.function(name)
        method = self.definitions.any_method(name)
        if method is None or not isinstance(call.func, ast.Attribute):
            return None
        return method if self._may_be(call.func.value, method) else None

    def _may_be(self, base: ast.expr, method: Function) -> bool:
        """Whether a method's object is, or may be, of the class that has the method."""
        if isinstance(base, ast.Name) and base.id == "self":
            return self.scopes.class_of(base) is self.definitions.owner(method)
        if set(words(last_name(base))) & _FOREIGN:
            return False
        made = self.of(base).node
        own = self.definitions.class_made(made)
        if own is None and not isinstance(made, ast.Call):
            return True
        return own is self.definitions.owner(method)

    def _returned(self, call: ast.Call) -> ast.expr | None:
        """What a function of the script returns, where it returns at one place."""
        function = self.called_by(call)
        if not isinstance(function, ast.FunctionDef) or function.name == "__init__":
            return None
        if function not in self._returns:
            inside = [node for node in ast.walk(function) if isinstance(node, ast.Return)]
            self.source.spend(len(inside) + 1)
            own = [node for node in inside if self.scopes.scope_of(node) is function]
            self._returns[function] = own[0].value if len(own) == 1 == len(inside) else None
        return self._returns[function]

    def _followed(self, node: ast.AST, fuel: int) -> Origin:
        match node:
            case ast.Name(id=name):
                found = self.scopes.seen(name, node)
                return self._named(name, node, self._chosen(found, node, fuel))
            case ast.Attribute(value=ast.Name(id="self"), attr=name):
                found = self.scopes.attribute(name, node) or self._of_class(name, node)
                return self._named(name, node, self._chosen(found, node, fuel))
            case ast.Attribute(value=value, attr=name):
                return self._named(name, node, self._field(value, name, node, fuel))
            case ast.Subscript(value=value, slice=ast.Constant(value=str() | int() as at)):
                return self._named(str(at), node, self._entry(value, at, node, fuel))
            case ast.Call() if (returned := self._returned(node)) is not None:
                return self.of(returned, fuel - 1)
            case ast.NamedExpr(value=value) | ast.Await(value=value) | ast.Starred(value=value):
                return self.of(value, fuel - 1)
        return Origin(node=node, line=getattr(node, "lineno", None))

    def _named(self, name: str, node: ast.AST, origin: Origin) -> Origin:
        return replace(origin, names=(name, *origin.names), line=origin.line or _line(node))

    def _chosen(self, found: list[Binding], node: ast.AST, fuel: int) -> Origin:
        if not found:
            return Origin(node=node, why=f"{quoted(node)} is not set in this file")
        if len(found) > 1:
            return self._agreed([self._bound(one, fuel) for one in found], node)
        return self._bound(found[0], fuel)

    def _bound(self, binding: Binding, fuel: int) -> Origin:
        match binding.how:
            case How.VALUE:
                return self.of(binding.node, fuel - 1)
            case How.PIECE:
                return self._piece(binding, fuel)
            case How.PARAMETER if isinstance(binding.node, ast.arg):
                return self._argument(binding.node, binding.scope, fuel)
            case How.CONTEXT:
                return self.of(binding.node, fuel - 1)
        return Origin(node=binding.node, why=_REASONS[binding.how], line=binding.line)

    def _piece(self, binding: Binding, fuel: int) -> Origin:
        if isinstance(binding.node, ast.Tuple | ast.List):
            if len(binding.node.elts) == binding.of:
                return self.of(binding.node.elts[binding.place], fuel - 1)
            return _lost(binding.node, "it is unpacked")
        whole = self.of(binding.node, fuel - 1)
        if isinstance(whole.node, ast.Tuple) and not whole.why and whole.place is None:
            elements = whole.node.elts
            if len(elements) == binding.of:
                return self.of(elements[binding.place], fuel - 1)
        if whole.place is not None:
            return _lost(binding.node, "it is unpacked twice")
        return replace(whole, place=binding.place, of=binding.of)

    def _argument(self, argument: ast.arg, scope: ast.AST, fuel: int) -> Origin:
        if not isinstance(scope, FUNCTIONS):
            return _lost(argument, "it is a parameter")
        calls = self.calls_of(scope)
        passed = [self.definitions.passed(call, argument.arg, scope) for call in calls]
        default = default_of(argument.arg, scope)
        origins = [self.of(one, fuel - 1) for one in passed if one is not None]
        if None in passed and default is not None:
            origins.append(self._default(argument, default, fuel))
        if calls and origins:
            return self._agreed(origins, argument)
        if default is not None:
            return self._default(argument, default, fuel)
        why = f"{argument.arg} is a parameter, and no call in this file says what it is"
        return Origin(node=argument, why=why, line=argument.lineno)

    def _default(self, argument: ast.arg, default: ast.expr, fuel: int) -> Origin:
        origin = self.of(default, fuel - 1)
        return replace(origin, how=origin.how or f"the default of the parameter {argument.arg}")

    def _agreed(self, origins: list[Origin], node: ast.AST) -> Origin:
        if len({one.key for one in origins}) == 1:
            return origins[0]
        constants = [one.node.value for one in origins if isinstance(one.node, ast.Constant)]
        if len(constants) == len(origins) and len({repr(one) for one in constants}) == 1:
            return origins[0]
        lines = ", ".join(str(one) for one in sorted({one.line or 0 for one in origins}))
        return _lost(node, f"it is set differently at lines {lines}")

    def _of_class(self, name: str, node: ast.AST) -> list[Binding]:
        owner = self.scopes.class_of(node)
        return self.scopes.bound.get((owner, name), []) if owner is not None else []

    def _field(self, value: ast.expr, name: str, node: ast.AST, fuel: int) -> Origin:
        base = self.of(value, fuel - 1)
        owner = self.definitions.class_made(base.node) or self._annotated(base.node)
        if owner is not None:
            given = [
                one.value
                for one in (base.node.keywords if isinstance(base.node, ast.Call) else [])
                if one.arg == name
            ]
            if given:
                return self.of(given[0], fuel - 1)
            found = self.scopes.bound.get((owner, name), [])
            if len(found) == 1:
                origin = self._bound(found[0], fuel)
                return replace(origin, how=origin.how or f"the default of {owner.name}.{name}")
            return self._of_init(owner, name, node, fuel)
        if isinstance(base.node, ast.Call) and last_name(base.node.func) == "parse_args":
            return self._option(name, node, fuel)
        return Origin(node=node, line=_line(node))

    def _of_init(self, owner: ast.ClassDef, name: str, node: ast.AST, fuel: int) -> Origin:
        found = self.scopes.attributes.get((owner, name), [])
        if len(found) == 1:
            return self._bound(found[0], fuel)
        return Origin(node=node, line=_line(node))

    def _annotated(self, node: ast.AST | None) -> ast.ClassDef | None:
        """The script's own class that a parameter is said to be one of."""
        if isinstance(node, ast.arg) and isinstance(node.annotation, ast.Name):
            return self.definitions.classes.get(node.annotation.id)
        return None

    def _option(self, name: str, node: ast.AST, fuel: int) -> Origin:
        for call in self.definitions.calls_named("add_argument"):
            flags = [one.value for one in call.args if isinstance(one, ast.Constant)]
            texts = [one.lstrip("-").replace("-", "_") for one in flags if isinstance(one, str)]
            if name in texts or name in _dest(call):
                default = argument(call, "default")
                flag = str(flags[-1])[:40] if flags else name
                if default is None:
                    return _lost(node, f"{ascii(flag)[1:-1]} is given on the command line")
                origin = self.of(default, fuel - 1)
                return replace(origin, how=f"the default of {ascii(flag)[1:-1]}")
        return _lost(node, f"{name} is given on the command line")

    def _entry(self, value: ast.expr, at: str | int, node: ast.AST, fuel: int) -> Origin:
        base = self.of(value, fuel - 1)
        match base.node:
            case ast.Dict(keys=keys, values=values) if base.place is None:
                for key, one in zip(keys, values, strict=True):
                    if isinstance(key, ast.Constant) and key.value == at:
                        return self.of(one, fuel - 1)
            case ast.List(elts=elts) | ast.Tuple(elts=elts) if base.place is None:
                if isinstance(at, int) and 0 <= at < len(elts):
                    return self.of(elts[at], fuel - 1)
            case ast.Call() if isinstance(at, int) and base.place is None:
                return replace(base, place=at)
        return Origin(node=node, line=_line(node))


def _dest(call: ast.Call) -> tuple[str, ...]:
    dest = argument(call, "dest")
    return (dest.value,) if isinstance(dest, ast.Constant) and isinstance(dest.value, str) else ()


def _lost(node: ast.AST, why: str) -> Origin:
    return Origin(node=node, why=why, line=_line(node))


def _line(node: ast.AST) -> int | None:
    return getattr(node, "lineno", None)


_REASONS = {
    How.LOOP: "it changes in a loop",
    How.IMPORT: "it comes from another file",
    How.DEFINITION: "it is a function or a class",
    How.OTHER: "it is changed where the text does not decide it",
}
