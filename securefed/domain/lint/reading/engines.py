"""The privacy engines of a script: where each is created, how often, and whether it remembers."""

import ast
from decimal import Decimal

from securefed.domain.lint.facts import Engine, Known, Unknown, Value
from securefed.domain.lint.reading.data import Data, given_loader
from securefed.domain.lint.reading.federation import Federation
from securefed.domain.lint.reading.scopes import FUNCTIONS


class Engines:
    """Every creation of a PrivacyEngine."""

    def __init__(self, data: Data, federation: Federation) -> None:
        self._data = data
        self._origins = data.origins
        self._source = data.origins.source
        self._federation = federation
        self.calls = [one for one in self._source.calls() if self.is_opacus(one, "PrivacyEngine")]
        self._keys: dict[ast.AST, int] = {one: key for key, one in enumerate(self.calls)}

    def facts(self) -> tuple[Engine, ...]:
        """Every engine, with how often its place is passed."""
        return tuple(self._engine(call) for call in self.calls)

    def runs(self) -> frozenset[ast.AST]:
        """The loops that create an engine each time they are passed."""
        found = [self._repeated(call) for call in self.calls]
        return frozenset(one for one in found if one is not None)

    def of(self, node: ast.expr) -> int | None:
        """The engine that an expression is, or whose accountant it is."""
        for _ in range(3):
            made = self._origins.of(node)
            if made.node in self._keys and made.place is None:
                return self._keys[made.node]
            inner = made.node
            if not (isinstance(inner, ast.Attribute) and inner.attr == "accountant"):
                return None
            node = inner.value
        return None

    def is_opacus(self, call: ast.Call, name: str) -> bool:
        """Whether a call makes one of Opacus' own."""
        dotted = self._origins.dotted(call.func)
        opacus = dotted.startswith("opacus") or dotted == f"?.{name}"
        return opacus and dotted.rpartition(".")[2] == name

    def _engine(self, call: ast.Call) -> Engine:
        reason = "" if self._is_guarded(call) else self._federation.reason(call)
        repeated = None if reason else self._repeated(call)
        return Engine(
            key=self._keys[call],
            line=call.lineno,
            every_round=reason,
            restored=self._is_restored(call),
            repeated=None if repeated is None else repeated.lineno,
            repeats=self._repeats(repeated),
        )

    def _is_guarded(self, call: ast.Call) -> bool:
        """Whether it is created only where there is none yet, in an object that lives on."""
        held = ""
        for above, field in self._source.above(call):
            match above:
                case ast.Assign(targets=[ast.Attribute(value=ast.Name(id="self"), attr=name)]):
                    held = name
                case ast.If(test=test) if held and field == "body" and _asks_for(held, test):
                    return not self._is_short_lived(call)
        return False

    def _is_short_lived(self, call: ast.Call) -> bool:
        """Whether the object that holds the engine is itself made anew for each round."""
        owner = self._origins.scopes.class_of(call)
        made = [] if owner is None else self._origins.definitions.calls_named(owner.name)
        return any(self._federation.reason(one) for one in made)

    def _is_restored(self, call: ast.Call) -> bool:
        """Whether the engine's accountant is given the history of the rounds before."""
        for node in self._source.nodes:
            given = _given_history(node)
            if given is not None and (
                self.of(given) == self._keys[call]
                or self._function_of(node) is self._function_of(call)
            ):
                return True
        return False

    def _repeated(self, call: ast.Call) -> ast.For | None:
        """The loop that creates the engine again for the same data."""
        for above, field in self._source.above(call):
            if isinstance(above, FUNCTIONS):
                return None
            if isinstance(above, ast.For) and field == "body":
                return None if self._data_differs(call, above) else above
        return None

    def _repeats(self, loop: ast.For | None) -> Value:
        """How often a loop is passed."""
        if loop is None:
            return Known(number=Decimal(1))
        bound = self._federation.bound(loop)
        if bound is not None:
            return bound.value
        node = self._origins.of(loop.iter).node
        if isinstance(node, ast.List | ast.Tuple):
            return Known(number=Decimal(len(node.elts)), line=loop.lineno)
        return Unknown(why="how often the loop is passed is decided when it runs", line=loop.lineno)

    def _data_differs(self, call: ast.Call, loop: ast.For) -> bool:
        """Whether each pass of a loop may train on data of its own."""
        given = [
            given_loader(maker)
            for maker in self._data.protected
            if isinstance(maker.func, ast.Attribute)
            and self.of(maker.func.value) == self._keys[call]
        ]
        if not given or given[0] is None:
            return True
        made = self._origins.of(given[0])
        node = made.node or given[0]
        changing = {one.id for one in ast.walk(loop.target) if isinstance(one, ast.Name)}
        used = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
        inside = any(above is loop for above, _ in self._source.above(node))
        return self._data.loader_call(made) is None or inside or bool(changing & used)

    def _function_of(self, node: ast.AST) -> ast.AST | None:
        above = self._source.above(node)
        return next((one for one, _ in above if isinstance(one, FUNCTIONS)), None)


def _given_history(node: ast.AST) -> ast.expr | None:
    """The engine whose accountant a statement gives a history."""
    match node:
        case ast.Call(func=ast.Attribute(attr="load_checkpoint", value=value)):
            return value
        case ast.Call(
            func=ast.Attribute(
                attr="load_state_dict", value=ast.Attribute(attr="accountant", value=value)
            )
        ):
            return value
        case ast.Assign(targets=[ast.Attribute(attr="accountant", value=value)]):
            return value
        case ast.Assign(
            targets=[
                ast.Attribute(attr="history", value=ast.Attribute(attr="accountant", value=value))
            ]
        ):
            return value
    return None


def _asks_for(name: str, test: ast.expr) -> bool:
    """Whether a condition asks if `self.name` is missing: `is None`, `not`, or `not hasattr`."""
    match test:
        case ast.Compare(left=ast.Attribute(attr=attr), ops=[ast.Is() | ast.Eq()]):
            return attr == name
        case ast.UnaryOp(op=ast.Not(), operand=ast.Attribute(attr=attr)):
            return attr == name
        case ast.UnaryOp(op=ast.Not(), operand=ast.Call(args=[_, ast.Constant(value=value)])):
            return value == name
    return False
