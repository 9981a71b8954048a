"""What a script asks of Opacus: private training, readings of ε, and accounting made by hand."""

import ast

from securefed.domain.lint.facts import (
    Flag,
    GdpChoice,
    HandCount,
    Made,
    Protection,
    Quantity,
    Reading,
    Seed,
    Term,
)
from securefed.domain.lint.reading.data import MAKERS, Data, given_loader
from securefed.domain.lint.reading.definitions import argument, last_name
from securefed.domain.lint.reading.engines import Engines
from securefed.domain.lint.reading.federation import Federation
from securefed.domain.lint.reading.origins import Origin
from securefed.domain.lint.reading.seeds import Seeds
from securefed.domain.lint.reading.terms import product, quantity_of
from securefed.domain.lint.reading.training import Training
from securefed.domain.lint.reading.words import words

_READERS = ("get_epsilon", "get_privacy_spent")
_ACCOUNTANTS = ("RDPAccountant", "PRVAccountant", "GaussianAccountant", "create_accountant")


class Opacus:
    """The uses of Opacus in a script."""

    def __init__(self, data: Data, federation: Federation, engines: Engines, seeds: Seeds) -> None:
        self._data = data
        self._origins = data.origins
        self._source = data.origins.source
        self._federation = federation
        self._engines = engines
        self._seeds = seeds
        self.makers = [one for one in self._source.calls() if self._makes_private(one)]
        self.keys: dict[ast.AST, int] = {one: key for key, one in enumerate(self.makers)}

    def protections(self) -> tuple[Protection, ...]:
        """Every place at which training is made private."""
        return tuple(self._protection(call) for call in self.makers)

    def readings(self) -> tuple[Reading, ...]:
        """Every place at which an ε is read."""
        found = []
        for call in self._source.calls():
            if last_name(call.func) in _READERS and isinstance(call.func, ast.Attribute):
                delta = argument(call, "delta", 0)
                found.append(self._reading(call, call.func.value, delta))
            elif (handed := self._handed(call)) is not None:
                deltas = [one for one in _arguments(call) if "delta" in words(last_name(one))]
                found.append(self._reading(call, handed, deltas[0] if deltas else None))
        return tuple(found)

    def counts(self, training: Training) -> tuple[HandCount, ...]:
        """Steps that are counted by hand: for an accountant, or for choosing the noise."""
        found = []
        for call in self._source.calls():
            name = last_name(call.func)
            if name == "step" and argument(call, "sample_rate") is not None:
                amount, every_round = training.passed(call, batches=True)
                if every_round:
                    rounds = quantity_of(Quantity.ROUNDS, self._federation.rounds())
                    amount = product(amount, rounds)
                found.append(HandCount(line=call.lineno, unit=Quantity.STEPS, amount=amount))
            for wanted, unit in _COUNTED_BY.get(name, {}).items():
                given = argument(call, wanted)
                if given is not None:
                    amount = self._data.terms.of(given, wanted)
                    found.append(HandCount(line=call.lineno, unit=unit, amount=amount))
        return tuple(found)

    def gdp(self) -> tuple[GdpChoice, ...]:
        """The places at which the GDP accountant is chosen, or may be."""
        found = []
        for call in self._source.calls():
            chosen = Flag.YES if self._engines.is_opacus(call, "GaussianAccountant") else Flag.NO
            given = argument(call, *_CHOOSERS.get(last_name(call.func), ("", None)))
            if given is not None:
                named = self._text(given)
                chosen = Flag.UNKNOWN if named is None else Flag.NO
                chosen = Flag.YES if named == "gdp" else chosen
            if chosen is not Flag.NO:
                found.append(GdpChoice(line=call.lineno, chosen=chosen))
        return tuple(found)

    def _protection(self, call: ast.Call) -> Protection:
        name = last_name(call.func)
        made = Made(name) if name in MAKERS else Made.OPTIMIZER
        engine = None
        if isinstance(call.func, ast.Attribute) and made is not Made.OPTIMIZER:
            engine = self._engines.of(call.func.value)
        given = given_loader(call) if made is not Made.OPTIMIZER else None
        origin = self._origins.of(given) if given is not None else Origin(node=None)
        default = Flag.UNKNOWN if made is Made.OPTIMIZER else Flag.YES
        owner = self._engines.calls[engine] if engine is not None else call
        return Protection(
            key=self.keys[call],
            line=call.lineno,
            made=made,
            engine=engine,
            noise=self._data.terms.of(argument(call, "noise_multiplier"), "the noise multiplier"),
            target=self._data.terms.of(argument(call, "target_epsilon"), "the target ε"),
            epochs=self._data.terms.of(argument(call, "epochs"), "the number of epochs"),
            delta=self._term(argument(call, "target_delta")),
            loader=self._data.loader(origin, call.lineno),
            data=None if origin.key is None else hash(origin.key),
            poisson=self._flag(argument(call, "poisson_sampling"), default),
            generator=self._generator(call),
            secure=self._flag(argument(owner, "secure_mode"), Flag.NO),
            every_round=self._federation.reason(call),
        )

    def _generator(self, call: ast.Call) -> Seed | None:
        given = argument(call, "noise_generator") or argument(call, "generator")
        return None if given is None else self._seeds.generator(given)

    def _reading(self, call: ast.Call, base: ast.expr, delta: ast.expr | None) -> Reading:
        return Reading(
            line=call.lineno,
            engine=self._engines.of(base),
            delta=self._term(delta),
            summed=self._is_summed(call),
            by_hand=self._is_by_hand(base),
        )

    def _handed(self, call: ast.Call) -> ast.expr | None:
        """The engine that is handed to another file, where what comes back is called an ε."""
        above = self._source.parents.get(call)
        if self._origins.called_by(call) is not None or not isinstance(above, ast.Assign):
            return None
        said = {word for one in above.targets for word in words(last_name(one))}
        given = [one for one in _arguments(call) if self._engines.of(one) is not None]
        return given[0] if given and said & {"epsilon", "eps"} else None

    def _makes_private(self, call: ast.Call) -> bool:
        own = self._engines.is_opacus(call, "DPOptimizer")
        return own or last_name(call.func) in MAKERS

    def _is_by_hand(self, base: ast.expr) -> bool:
        """Whether ε is read from an accountant that the script made and steps itself."""
        made = self._origins.of(base).node
        return isinstance(made, ast.Call) and last_name(made.func) in _ACCOUNTANTS

    def _is_summed(self, call: ast.Call) -> bool:
        for above, _ in self._source.above(call):
            if isinstance(above, ast.AugAssign):
                return isinstance(above.op, ast.Add)
            if isinstance(above, ast.stmt):
                return False
        return False

    def _flag(self, node: ast.expr | None, default: Flag) -> Flag:
        if node is None:
            return default
        value = self._origins.of(node)
        if isinstance(value.node, ast.Constant) and not value.why:
            return Flag.YES if value.node.value else Flag.NO
        return Flag.UNKNOWN

    def _text(self, node: ast.expr | None) -> str | None:
        found = None if node is None else self._origins.of(node).node
        value = found.value if isinstance(found, ast.Constant) else None
        return value if isinstance(value, str) else None

    def _term(self, node: ast.expr | None) -> Term | None:
        return None if node is None else self._data.terms.of(node, "δ")


def _arguments(call: ast.Call) -> list[ast.expr]:
    return [*call.args, *(keyword.value for keyword in call.keywords)]


_CHOOSERS: dict[str, tuple[str, int | None]] = {
    "PrivacyEngine": ("accountant", None),
    "get_noise_multiplier": ("accountant", None),
    "create_accountant": ("mechanism", 0),
}
_COUNTED_BY = {
    "compute_rdp": {"steps": Quantity.STEPS},
    "get_noise_multiplier": {"steps": Quantity.STEPS, "epochs": Quantity.EPOCHS},
}
