"""How a script combines updates: noise divided by the number of sites, and weighted averages."""

import ast
from collections.abc import Iterator
from decimal import Decimal

from securefed.domain.lint.facts import Adds, Averaging, Known, NoiseShare, Quantity
from securefed.domain.lint.reading.data import MAKERS, Data
from securefed.domain.lint.reading.definitions import argument, last_name
from securefed.domain.lint.reading.federation import Federation
from securefed.domain.lint.reading.scopes import FUNCTIONS
from securefed.domain.lint.reading.words import counted, words

_STRATEGIES = {
    *("FedAvg", "FedAdam", "FedYogi", "FedAdagrad", "FedProx", "FedAvgM", "FedOpt"),
}
_DRAWS = {"normal", "gauss"}
_ARITHMETIC = (ast.BinOp, ast.UnaryOp)


class Aggregation:
    """The sums and averages of a script."""

    def __init__(self, data: Data, federation: Federation) -> None:
        self._data = data
        self._origins = data.origins
        self._source = data.origins.source
        self._federation = federation

    def shares(self) -> tuple[NoiseShare, ...]:
        """Every noise that is divided by a power of the number of sites."""
        found = {share.line: share for share in self._shares()}
        return tuple(found[line] for line in sorted(found))

    def averaging(self) -> tuple[Averaging, ...]:
        """Every sign that an average is weighted."""
        found = {sign.line: sign for sign in self._signs()}
        return tuple(found[line] for line in sorted(found))

    def _shares(self) -> Iterator[NoiseShare]:
        for call in self._source.calls():
            name = last_name(call.func)
            if name in MAKERS or name == "DPOptimizer":
                given = argument(call, "noise_multiplier")
                if given is not None:
                    yield from self._share(given, Adds.SITE)
            elif name in _DRAWS:
                scale = argument(call, "scale", 1) or argument(call, "std", 1)
                if scale is not None:
                    yield from self._share(scale, self._adds(call))
        for node in self._source.nodes:
            if isinstance(node, ast.BinOp) and not self._inside_arithmetic(node):
                for one in _summands(node):
                    if self._data.terms.of(one).power(Quantity.NOISE) == 1:
                        yield from self._share(one, self._adds(one))

    def _share(self, node: ast.expr, adds: Adds | None) -> Iterator[NoiseShare]:
        term = self._data.terms.of(node)
        if term.power(Quantity.SITES) < 0:
            stated = self._stated(node)
            made = self._origins.of(node)
            yield NoiseShare(line=made.line or node.lineno, term=term, stated=stated, added_by=adds)

    def _stated(self, node: ast.expr) -> Known | None:
        """The noise multiplier before it was divided, where a factor is named so."""
        for factor in self._factors(node, 0):
            names = {last_name(factor), *self._origins.of(factor).names}
            said = {word for name in names for word in words(name)}
            if said & {"sigma", "noise", "multiplier", "nm", "z"}:
                value = self._data.terms.of(factor).value
                if isinstance(value, Known):
                    return value
        return None

    def _factors(self, node: ast.expr, depth: int) -> Iterator[ast.expr]:
        inner = self._origins.of(node).node
        if isinstance(inner, ast.BinOp) and depth < 20:
            yield from self._factors(inner.left, depth + 1)
            if isinstance(inner.op, ast.Mult):
                yield from self._factors(inner.right, depth + 1)
        else:
            yield node

    def _adds(self, node: ast.AST) -> Adds | None:
        """Who runs this place: a client's class and what it calls, or what aggregates."""
        for above, _ in self._source.above(node):
            if isinstance(above, FUNCTIONS):
                if self._federation.every_round.get(above, "").startswith("Flower"):
                    return Adds.SITE
                said = set(words(getattr(above, "name", "")))
                if said & {"aggregate", "aggregation", "average", "server", "fedavg", "combine"}:
                    return Adds.SERVER
                return None
        return None

    def _inside_arithmetic(self, node: ast.AST) -> bool:
        return isinstance(self._source.parents.get(node), _ARITHMETIC)

    def _signs(self) -> Iterator[Averaging]:
        for node in self._source.nodes:
            match node:
                case ast.Call(func=func) if self._is_strategy(func):
                    yield self._sign(node, "a Flower strategy that weights by records")
                case ast.ClassDef(bases=bases) if any(self._is_strategy(one) for one in bases):
                    yield self._sign(node, "a Flower strategy that weights by records")
                case ast.Call(func=func) if last_name(func) == "average":
                    given = argument(node, "weights", 2)
                    if given is not None:
                        yield self._sign(node, "an average with weights", given)
                case ast.BinOp(op=ast.Div(), left=left, right=right) if self._is_ratio(left, right):
                    yield self._sign(node, "a share of all records", left, right)
                case ast.BinOp(op=ast.Div(), left=ast.Call(func=func), right=right) if last_name(
                    func
                ) == "sum" and self._counts_sites(right):
                    yield Averaging(line=node.lineno, sign="a sum over sites", even=True)

    def _counts_sites(self, node: ast.expr) -> bool:
        return self._data.terms.of(node).powers == ((Quantity.SITES, Decimal(1)),)

    def _is_strategy(self, node: ast.expr) -> bool:
        dotted = self._origins.dotted(node)
        return dotted.startswith("flwr") and dotted.rpartition(".")[2] in _STRATEGIES

    def _is_ratio(self, left: ast.expr, right: ast.expr) -> bool:
        above = self._data.terms.of(left).power(Quantity.RECORDS) == 1 or _of_records(left)
        below = self._data.terms.of(right).power(Quantity.RECORDS) == 1 or _of_records(right)
        return above and below

    def _sign(self, node: ast.expr | ast.ClassDef, sign: str, *given: ast.expr) -> Averaging:
        weights: tuple[Decimal, ...] = ()
        for one in given:
            weights = weights or self._numbers(one)
        return Averaging(line=node.lineno, sign=sign, weights=weights)

    def _numbers(self, node: ast.expr) -> tuple[Decimal, ...]:
        """The literal list or dictionary of sizes that an expression is made from."""
        for one in ast.walk(node):
            if not isinstance(one, ast.Name | ast.Attribute | ast.List | ast.Tuple | ast.Dict):
                continue
            literal = self._origins.of(one).node
            if isinstance(literal, ast.List | ast.Tuple):
                items = list(literal.elts)
            elif isinstance(literal, ast.Dict):
                items = list(literal.values)
            else:
                continue
            values = [self._data.terms.value(item) for item in items[:1000]]
            numbers = tuple(value.number for value in values if isinstance(value, Known))
            if len(numbers) == len(items) >= 2 and min(numbers) > 0:
                return numbers
        return ()


def _summands(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        yield from _summands(node.left)
        yield from _summands(node.right)
    else:
        yield node


def _of_records(node: ast.expr) -> bool:
    """Whether something is a size of data, or the sum of such sizes."""
    if isinstance(node, ast.Call) and last_name(node.func) in ("sum", "float"):
        return any(_of_records(one) for one in node.args)
    if isinstance(node, ast.Call) and last_name(node.func) == "values":
        return isinstance(node.func, ast.Attribute) and _of_records(node.func.value)
    if isinstance(node, ast.Subscript):
        return _of_records(node.value)
    return counted(last_name(node)) is Quantity.RECORDS
