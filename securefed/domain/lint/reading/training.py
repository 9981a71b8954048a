"""How much training a script does: passes over its data, or single steps, in a round or in all.

A training loop is the innermost loop that steps an optimiser. The loops around it multiply, also
across the one call of its function, up to where a round begins. Where the script steps outside such
loops, the amount is unknown.
"""

import ast
from decimal import Decimal

from securefed.domain.lint.facts import Flag, Known, Quantity, Term, Unknown, Work
from securefed.domain.lint.reading.data import Data
from securefed.domain.lint.reading.definitions import last_name
from securefed.domain.lint.reading.federation import Federation
from securefed.domain.lint.reading.origins import Origin
from securefed.domain.lint.reading.scopes import FUNCTIONS
from securefed.domain.lint.reading.terms import product, quantity_of
from securefed.domain.lint.reading.words import words

_LOOPS = (ast.For, ast.While)
_ONCE = Term(value=Known(number=Decimal(1)), factor=Decimal(1))
_NO_PASS = Term(value=Unknown(why="its loop is over something that is no known loader"))
_BATCHED = {"loader", "dataloader", "trainloader", "batches", "dl"}
_MOST_CALLS = 20
_PER_SITE = {
    *("client", "site", "hospital", "node", "party", "centre", "center", "cid", "silo"),
    *("loader", "dataloader", "dataset", "shard", "subset", "partition"),
}


class Training:
    """The training loops of a script, and how often any of its places is passed."""

    def __init__(
        self,
        data: Data,
        federation: Federation,
        keys: dict[ast.AST, int],
        runs: frozenset[ast.AST],
    ) -> None:
        self._data = data
        self._federation = federation
        self._source = data.origins.source
        self._keys = keys
        # Loops that are passed once for each engine: what they hold is one run.
        self._runs = runs

    def work(self) -> tuple[Work, ...]:
        """Every training loop's work."""
        seen: dict[ast.AST, Work] = {}
        for call in self._source.calls():
            loop = self._loop_of(call) if self._steps_optimiser(call) else None
            if loop is not None and loop not in seen:
                seen[loop] = self._read(loop, self._is_private(call))
        return tuple(seen.values())

    def passed(self, node: ast.AST, *, batches: bool = False) -> tuple[Term, bool]:
        """How often a place is passed within a round, or in all; and which of the two.

        A loop over a loader counts once, or with `batches` as often as it has batches."""
        terms, at = [], node
        for _ in range(_MOST_CALLS):
            found, function, ended = self._around(at, batches)
            terms += found
            if ended:
                return product(_ONCE, *terms), True
            if not isinstance(function, FUNCTIONS):
                return product(_ONCE, *terms), False
            calls = self._data.origins.calls_of(function)
            if len(calls) != 1:
                once = not calls
                lost = Unknown(why="its function is called at several places", line=_line(function))
                every = function in self._federation.every_round
                return product(_ONCE, *terms, *([] if once else [Term(value=lost)])), every
            at = calls[0]
        return Term(value=Unknown(why="too indirect", line=_line(node))), False

    def _around(self, node: ast.AST, batches: bool) -> tuple[list[Term], ast.AST | None, bool]:
        """The loops around a place in its function; the function; whether a round begins there."""
        terms: list[Term] = []
        for above, field in self._source.above(node):
            if above in self._federation.loops and field == "body":
                return terms, None, True
            if isinstance(above, FUNCTIONS):
                return terms, above, self._is_root(above)
            if isinstance(above, _LOOPS) and field == "body" and above not in self._runs:
                terms += self._repeats(above, batches)
        return terms, None, False

    def _is_root(self, function: ast.AST) -> bool:
        every = self._federation.every_round
        if not isinstance(function, FUNCTIONS) or function not in every:
            return False
        return every[function].startswith("Flower") and not self._data.origins.calls_of(function)

    def _repeats(self, loop: ast.AST, batches: bool) -> list[Term]:
        if isinstance(loop, ast.For) and self._over_sites(loop):
            return []
        bound = self._federation.bound(loop)
        if bound is not None:
            return [] if bound.power(Quantity.SITES) == 1 else [bound]
        if isinstance(loop, ast.For):
            origin = self._data.drawn(loop.iter)
            if self._is_pass(origin):
                size = self._data.loader(origin, loop.lineno).batches
                return [quantity_of(Quantity.BATCHES, size)] if batches else []
        why = "how often its loop is passed is decided when it runs"
        return [Term(value=Unknown(why=why, line=_line(loop)))]

    def _over_sites(self, loop: ast.For) -> bool:
        """Whether each pass is another site, with its own data."""
        names = [one.id for one in ast.walk(loop.target) if isinstance(one, ast.Name)]
        return any(_PER_SITE & set(words(name)) for name in names)

    def _read(self, loop: ast.For | ast.While, private: Flag) -> Work:
        times, every_round = self.passed(loop)
        bound = self._federation.bound(loop)
        line = loop.lineno
        if bound is not None or isinstance(loop, ast.While):
            endless = Term(value=Unknown(why="a while loop decides the steps", line=line))
            amount = product(times, bound or endless)
            return _steps(line, amount, every_round, private)
        origin = self._data.drawn(loop.iter)
        return Work(
            line=line,
            unit=Quantity.EPOCHS,
            amount=times if self._is_pass(origin) else product(times, _NO_PASS),
            every_round=every_round,
            returned_by=self._key(self._data.returned_by(origin)),
            original_of=self._key(self._data.given_to(origin)),
            poisson=self._data.is_poisson(origin),
            loader=self._data.loader(origin, line) if self._data.loader_call(origin) else None,
            private=private,
        )

    def _is_pass(self, origin: Origin) -> bool:
        """Whether a loop takes each batch of its data once."""
        said = {word for name in origin.names for word in words(name)}
        return self._data.is_loader(origin) or bool(origin.why and said & _BATCHED)

    def _key(self, call: ast.Call | None) -> int | None:
        return None if call is None else self._keys.get(call)

    def _steps_optimiser(self, call: ast.Call) -> bool:
        if not (isinstance(call.func, ast.Attribute) and call.func.attr == "step"):
            return False
        said = set(words(last_name(call.func.value)))
        return bool(said & {"optim", "optimizer", "optimiser", "opt"}) and not call.keywords

    def _is_private(self, call: ast.Call) -> Flag:
        """Whether an optimiser that is stepped was made private."""
        base = call.func.value if isinstance(call.func, ast.Attribute) else call.func
        origin = self._data.origins.of(base)
        if origin.node in self._keys:
            return Flag.YES
        made = isinstance(origin.node, ast.Call) and not origin.why and origin.place is None
        name = (
            self._data.origins.dotted(origin.node.func) if isinstance(origin.node, ast.Call) else ""
        )
        return Flag.NO if made and name.startswith("torch.optim") else Flag.UNKNOWN

    def _loop_of(self, node: ast.AST) -> ast.For | ast.While | None:
        for above, field in self._source.above(node):
            if isinstance(above, FUNCTIONS):
                return None
            if isinstance(above, _LOOPS) and field == "body":
                return above
        return None


def _steps(line: int, amount: Term, every_round: bool, private: Flag) -> Work:
    return Work(
        line=line,
        unit=Quantity.STEPS,
        amount=amount,
        every_round=every_round,
        returned_by=None,
        original_of=None,
        poisson=False,
        loader=None,
        private=private,
    )


def _line(node: ast.AST) -> int | None:
    return getattr(node, "lineno", None)
