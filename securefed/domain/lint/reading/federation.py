"""What a federation calls every round, and how many rounds there are.

A round's work is what Flower calls on a client (`fit`, a train function of a ClientApp,
`client_fn`, which builds the client anew), or the body of a loop over rounds, with everything
that these call inside the script.
"""

import ast
from collections.abc import Iterator

from securefed.domain.lint.facts import Known, Quantity, Term, Unknown, Value
from securefed.domain.lint.reading.data import Data
from securefed.domain.lint.reading.definitions import argument, last_name
from securefed.domain.lint.reading.scopes import FUNCTIONS, Function
from securefed.domain.lint.reading.terms import counting
from securefed.domain.lint.reading.words import words

_CLIENTS = {"NumPyClient", "Client", "NumpyFlClient"}
_ROUND_WORDS = {"round", "rounds", "rnd"}


class Federation:
    """The rounds of a script."""

    def __init__(self, data: Data) -> None:
        self._data = data
        self._origins = data.origins
        self._source = data.origins.source
        self.every_round: dict[Function, str] = {}
        self.loops = {
            node
            for node in self._source.nodes
            if isinstance(node, ast.For) and self._is_round_loop(node)
        }
        waiting = list(self._roots())
        while waiting:
            function, reason = waiting.pop()
            if function not in self.every_round:
                self.every_round[function] = reason
                waiting += [(one, reason) for one in self._called_in(function)]

    @property
    def federated(self) -> bool:
        """Whether anything here happens once a round."""
        return bool(self.every_round or self.loops)

    def reason(self, node: ast.AST) -> str:
        """Why a place is passed once a round; empty where it is not."""
        for above, field in self._source.above(node):
            if above in self.loops and field == "body":
                return f"it stands in the loop over rounds at line {getattr(above, 'lineno', 0)}"
            if isinstance(above, FUNCTIONS):
                return self.every_round.get(above, "") if field == "body" else ""
        return ""

    def rounds(self) -> Value:
        """The number of rounds, where the script says it once."""
        found = [term.value for term in self._said_rounds()]
        numbers = {one.number for one in found if isinstance(one, Known)}
        if len(numbers) == 1 and len(found) == len([1 for one in found if isinstance(one, Known)]):
            return next(one for one in found if isinstance(one, Known))
        if found:
            unknown = [one for one in found if isinstance(one, Unknown)]
            return unknown[0] if unknown else Unknown(why="the script names several numbers")
        return Unknown(why="it is not in this file")

    def bound(self, loop: ast.AST) -> Term | None:
        """How often a loop over a range is passed; None for any other loop."""
        if not isinstance(loop, ast.For):
            return None
        call = loop.iter
        for _ in range(3):
            if isinstance(call, ast.Call) and last_name(call.func) in ("tqdm", "enumerate"):
                inner = argument(call, "iterable", 0)
                call = inner if inner is not None else call
        if not isinstance(call, ast.Call) or last_name(call.func) not in ("range", "trange"):
            return None
        return self._count(call)

    def _count(self, call: ast.Call) -> Term | None:
        terms = [self._data.terms.of(one) for one in call.args]
        if len(terms) == 1:
            return terms[0]
        if len(terms) != 2:
            return None
        low, high = terms[0].value, terms[1].value
        powers = terms[1].powers
        if isinstance(low, Known) and isinstance(high, Known):
            number = Known(number=high.number - low.number, line=call.lineno, how=high.how)
            return Term(value=number, powers=powers)
        lost = high if isinstance(high, Unknown) else low
        return Term(value=lost, powers=powers)

    def _said_rounds(self) -> Iterator[Term]:
        for loop in sorted(self.loops, key=lambda one: one.lineno):
            bound = self.bound(loop)
            if bound is not None:
                yield bound
        for call in self._source.calls():
            name = last_name(call.func)
            given = argument(call, "num_rounds", 0 if name == "ServerConfig" else None)
            if given is not None and name in ("ServerConfig", "start"):
                yield counting(self._data.terms.of(given), Quantity.ROUNDS)

    def _is_round_loop(self, node: ast.For) -> bool:
        names = [one.id for one in ast.walk(node.target) if isinstance(one, ast.Name)]
        if any(_ROUND_WORDS & set(words(name)) for name in names):
            return True
        bound = self.bound(node)
        return bound is not None and bound.power(Quantity.ROUNDS) == 1

    def _roots(self) -> Iterator[tuple[Function, str]]:
        for node in self._source.nodes:
            match node:
                case ast.ClassDef(bases=bases):
                    fit = self._origins.definitions.method(node, "fit")
                    if fit is not None and any(last_name(one) in _CLIENTS for one in bases):
                        yield fit, f"Flower calls {node.name}.fit once a round"
                case ast.FunctionDef(decorator_list=decorators) if any(
                    _is_train_decorator(one) for one in decorators
                ):
                    yield node, f"Flower calls {node.name} once a round"
                case ast.Call():
                    yield from self._client_functions(node)
                case ast.For() if node in self.loops:
                    reason = f"the loop over rounds at line {node.lineno} calls it"
                    for function in self._called_in(node):
                        yield function, reason

    def _client_functions(self, call: ast.Call) -> Iterator[tuple[Function, str]]:
        given = argument(call, "client_fn")
        if given is None and last_name(call.func) == "ClientApp" and call.args:
            given = call.args[0]
        if given is None:
            return
        origin = self._origins.of(given).node
        if isinstance(origin, FUNCTIONS):
            yield origin, "Flower builds the client anew for each round by calling client_fn"

    def _called_in(self, block: ast.AST) -> Iterator[Function]:
        for call in self._inside(block):
            function = self._origins.called_by(call)
            if function is not None:
                yield function

    def _inside(self, block: ast.AST) -> Iterator[ast.Call]:
        waiting: list[ast.AST] = list(_body(block))
        while waiting:
            node = waiting.pop()
            self._source.spend()
            if isinstance(node, ast.Call):
                yield node
            waiting += ast.iter_child_nodes(node)


def _body(block: ast.AST) -> list[ast.AST]:
    if isinstance(block, ast.Lambda):
        return [block.body]
    return list(getattr(block, "body", []))


def _is_train_decorator(node: ast.expr) -> bool:
    """`@app.train()` of a Flower ClientApp."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "train"
        and last_name(node.func.value).endswith("app")
    )
