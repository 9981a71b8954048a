"""The numbers of a script: constants and simple arithmetic, as products that keep their factors.

Everything is exact decimals. What is not a number here is unknown with a reason; sizes of data come
from `data`, which this file is handed.
"""

import ast
from collections.abc import Callable
from dataclasses import replace
from decimal import Context, Decimal, InvalidOperation, localcontext
from decimal import DivisionByZero as ByZero
from decimal import Overflow as TooLarge
from typing import TypeAlias

from securefed.domain.lint.facts import Known, Powers, Quantity, Term, Unknown, Value
from securefed.domain.lint.reading.definitions import last_name
from securefed.domain.lint.reading.origins import Origin, Origins
from securefed.domain.lint.reading.source import quoted
from securefed.domain.lint.reading.words import counted

SizeOf: TypeAlias = Callable[[ast.Call], Term | None]

_DEEPEST = 25
_ONE = Decimal(1)
_PLAIN = {"int", "float", "Decimal", "round", "ceil", "floor"}
_NOISE = {"randn", "randn_like", "standard_normal"}
_EXACT = Context(prec=40, Emax=100, Emin=-100, traps=[InvalidOperation, ByZero, TooLarge])


class Terms:
    """The terms of a script's expressions, each computed once."""

    def __init__(self, origins: Origins, size_of: SizeOf) -> None:
        self._origins = origins
        self._size_of = size_of
        self._known: dict[ast.AST, Term] = {}

    def of(self, node: ast.expr | None, what: str = "it", depth: int = 0) -> Term:
        """The term of an expression; `what` names it where there is none."""
        if node is None:
            return Term(value=Unknown(why=f"{what} is not given"))
        if node not in self._known:
            self._known[node] = Term(value=Unknown(why="it depends on itself"))
            self._known[node] = self._read(node, depth)
        return self._known[node]

    def value(self, node: ast.expr | None, what: str = "it") -> Value:
        """The number of an expression."""
        return self.of(node, what).value

    def _read(self, node: ast.expr, depth: int) -> Term:
        origin = self._origins.of(node)
        line = origin.line
        if origin.why or depth > _DEEPEST:
            return _said(Term(value=Unknown(why=origin.why or "too indirect", line=line)), origin)
        if origin.place is not None:
            return _said(Term(value=Unknown(why="it is unpacked", line=line)), origin)
        found = self._expression(origin.node, depth + 1)
        if isinstance(found.value, Known):
            how = found.value.how or origin.how
            value = Known(number=found.value.number, line=found.value.line or line, how=how)
            found = replace(found, value=value)
        return _said(found, origin)

    def _expression(self, node: ast.AST | None, depth: int) -> Term:
        match node:
            case ast.Constant(value=value):
                return _constant(value, node.lineno)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return product(
                    Term(value=Known(number=-_ONE), factor=-_ONE), self.of(operand, depth=depth)
                )
            case ast.BinOp(left=left, op=op, right=right):
                return self._combined(self.of(left, depth=depth), op, self.of(right, depth=depth))
            case ast.Call():
                return self._call(node, depth)
        text = quoted(node) if node is not None else "it"
        return Term(value=Unknown(why=f"{text} is no number that this file states", line=_at(node)))

    def _combined(self, left: Term, op: ast.operator, right: Term) -> Term:
        match op:
            case ast.Mult():
                return product(left, right)
            case ast.Div():
                return product(left, power(right, -_ONE))
            case ast.Pow() if isinstance(right.value, Known) and not right.powers:
                return power(left, right.value.number)
        value = _computed(left.value, right.value, _OPERATIONS.get(type(op)))
        return Term(value=value, powers=left.powers or right.powers, exact=False)

    def _call(self, node: ast.Call, depth: int) -> Term:
        name = last_name(node.func)
        if name == "len" or name == "sum":
            size = self._size_of(node)
            if size is not None:
                return size
        if name in _NOISE:
            noise = Unknown(why="it is random", line=node.lineno)
            return quantity_of(Quantity.NOISE, noise)
        if name == "sqrt" and len(node.args) == 1:
            return power(self.of(node.args[0], depth=depth), Decimal("0.5"))
        if name in _PLAIN and len(node.args) == 1:
            inner = self.of(node.args[0], depth=depth)
            if name in ("int", "round", "ceil", "floor"):
                return Term(value=_whole(inner.value, name), powers=inner.powers, exact=False)
            return inner
        why = f"{quoted(node)} is computed when the script runs"
        return Term(value=Unknown(why=why, line=node.lineno))


def product(*terms: Term) -> Term:
    """The product of terms."""
    powers: dict[Quantity, Decimal] = {}
    value: Value = Known(number=_ONE)
    for term in terms:
        value = _computed(value, term.value, lambda a, b: a * b)
        for quantity, exponent in term.powers:
            powers[quantity] = powers.get(quantity, Decimal(0)) + exponent
    kept = tuple((quantity, exponent) for quantity, exponent in powers.items() if exponent)
    factors = [Unknown(why="") if one.factor is None else Known(number=one.factor) for one in terms]
    factor: Value = Known(number=_ONE)
    for each in factors:
        factor = _computed(factor, each, lambda a, b: a * b)
    return Term(
        value=value,
        powers=kept,
        exact=all(term.exact for term in terms),
        factor=factor.number if isinstance(factor, Known) else None,
    )


def power(term: Term, exponent: Decimal) -> Term:
    """A term raised to an exponent."""
    if abs(exponent) > 64:
        return Term(value=Unknown(why="its exponent is very large"))
    value = _computed(term.value, Known(number=exponent), lambda a, b: a**b)
    powers: Powers = tuple((quantity, one * exponent) for quantity, one in term.powers)
    factor = Unknown(why="") if term.factor is None else Known(number=term.factor)
    raised = _computed(factor, Known(number=exponent), lambda a, b: a**b)
    return Term(
        value=value,
        powers=powers,
        exact=term.exact,
        factor=raised.number if isinstance(raised, Known) else None,
    )


def counting(term: Term, quantity: Quantity) -> Term:
    """The term as a count of a quantity, where it does not say by itself what it counts."""
    return term if term.powers else quantity_of(quantity, term.value)


def quantity_of(quantity: Quantity, value: Value) -> Term:
    """A quantity, by itself."""
    return Term(value=value, powers=((quantity, _ONE),), factor=_ONE)


def _said(term: Term, origin: Origin) -> Term:
    """The term with what the names that led to it say; the one nearest to the number counts."""
    said = [quantity for name in reversed(origin.names) if (quantity := counted(name))]
    return counting(term, said[0]) if said else term


def _constant(value: object, line: int) -> Term:
    # A float's shortest text is what stands in the script, so nothing is lost on the way.
    if isinstance(value, int | float) and not isinstance(value, bool):
        text = repr(value)
        number = Decimal(text) if len(text) < 60 else Decimal("NaN")
        if number.is_finite():
            return Term(value=Known(number=number, line=line), factor=number)
    why = "it is not set" if value is None else "it is not a finite number"
    return Term(value=Unknown(why=why, line=line))


def _computed(
    left: Value, right: Value, operation: Callable[[Decimal, Decimal], Decimal] | None
) -> Value:
    if isinstance(left, Unknown):
        return left
    if isinstance(right, Unknown):
        return right
    line, how = left.line or right.line, left.how or right.how
    if operation is None:
        return Unknown(why="its arithmetic is not simple", line=line)
    try:
        with localcontext(_EXACT):
            number = operation(left.number, right.number)
        # A power of zero is infinite without an error.
        if number.is_finite():
            return Known(number=number, line=line, how=how)
    except (InvalidOperation, ByZero, TooLarge):
        pass
    return Unknown(why="it cannot be computed", line=line)


def _whole(value: Value, name: str) -> Value:
    if isinstance(value, Unknown):
        return value
    rounding = {"ceil": "ROUND_CEILING", "round": "ROUND_HALF_EVEN", "floor": "ROUND_FLOOR"}
    number = value.number.to_integral_value(rounding.get(name, "ROUND_DOWN"))
    return Known(number=number, line=value.line, how=value.how)


def _at(node: ast.AST | None) -> int | None:
    return getattr(node, "lineno", None)


_OPERATIONS: dict[type[ast.operator], Callable[[Decimal, Decimal], Decimal]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.FloorDiv: lambda a, b: (a / b).to_integral_value("ROUND_FLOOR"),
    ast.Mod: lambda a, b: a - b * (a / b).to_integral_value("ROUND_FLOOR"),
}
