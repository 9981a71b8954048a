"""Calls that fix the generator from which Opacus draws its noise.

Opacus draws from torch's global generator unless it is given one. A generator that nobody seeds
starts at a constant of torch's, so it is as fixed as one with a seed in the script.
"""

import ast
from decimal import Decimal

from securefed.domain.lint.facts import Flag, Known, Seed, Unknown, Value
from securefed.domain.lint.reading.data import Data
from securefed.domain.lint.reading.definitions import argument, last_name
from securefed.domain.lint.reading.scopes import FUNCTIONS

_SEEDS = {
    "torch.manual_seed",
    "torch.cuda.manual_seed",
    "torch.cuda.manual_seed_all",
    "torch.random.manual_seed",
    "transformers.set_seed",
    "accelerate.utils.set_seed",
    "pytorch_lightning.seed_everything",
    "lightning.seed_everything",
    "lightning.pytorch.seed_everything",
}
_CHANCE = ("urandom", "randbits", "token_bytes", "randbelow", "SystemRandom", "seed")


class Seeds:
    """The seeds of a script."""

    def __init__(self, data: Data) -> None:
        self._data = data
        self._origins = data.origins
        self._calls = list(data.origins.source.calls())

    def seeds(self) -> tuple[Seed, ...]:
        """Every seed of torch's global generator that is still in force when the file ends."""
        return tuple(
            self._seed(call)
            for call in self._calls
            if self._origins.dotted(call.func) in _SEEDS and not self._undone(call)
        )

    def generator(self, node: ast.expr) -> Seed | None:
        """The state that a generator is given; None where the script gives none of its own."""
        made = self._origins.of(node).node
        if not isinstance(made, ast.Call):
            return None
        if last_name(made.func) == "manual_seed":
            return self._seed(made)
        if self._origins.dotted(made.func) != "torch.Generator":
            return None
        later = [call for call in self._calls if self._is_of(call, made)]
        if any(last_name(call.func) in ("seed", "set_state") for call in later):
            return None
        seeds = [self._seed(call) for call in later if last_name(call.func) == "manual_seed"]
        return seeds[0] if seeds else _untouched(made)

    def _is_of(self, call: ast.Call, made: ast.Call) -> bool:
        if not isinstance(call.func, ast.Attribute):
            return False
        return self._origins.of(call.func.value).node is made

    def _seed(self, call: ast.Call) -> Seed:
        given = argument(call, "seed", 0)
        value: Value = Unknown(why="it is drawn at random", line=call.lineno)
        fixed = Flag.NO
        if given is not None and not self._by_chance(given):
            value = self._data.terms.value(given, "the seed")
            fixed = Flag.YES if isinstance(value, Known) else Flag.UNKNOWN
        return Seed(line=call.lineno, call=last_name(call.func), value=value, fixed=fixed)

    def _by_chance(self, given: ast.expr) -> bool:
        node = self._origins.of(given).node or given
        names = {last_name(one.func) for one in ast.walk(node) if isinstance(one, ast.Call)}
        return bool(names & set(_CHANCE))

    def _undone(self, call: ast.Call) -> bool:
        """Whether torch.seed() follows in the same function and takes fresh randomness."""
        return any(
            self._origins.dotted(other.func) in ("torch.seed", "torch.random.seed")
            and other.lineno > call.lineno
            and self._function(other) is self._function(call)
            for other in self._calls
        )

    def _function(self, node: ast.AST) -> ast.AST | None:
        above = self._origins.source.above(node)
        return next((one for one, _ in above if isinstance(one, FUNCTIONS)), None)


def _untouched(made: ast.Call) -> Seed:
    """Torch starts a generator that nobody seeds at this constant."""
    value = Known(number=Decimal(67280421310721), line=made.lineno, how="torch's constant")
    return Seed(line=made.lineno, call="torch.Generator", value=value, fixed=Flag.YES)
