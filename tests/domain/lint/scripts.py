"""Short scripts for tests, as the text that a person would write."""

import ast
from textwrap import dedent

from securefed.domain.lint.case import Case
from securefed.domain.lint.declared import declared_from
from securefed.domain.lint.facts import Remark, ScriptFacts, Value
from securefed.domain.lint.mistakes import MISTAKES
from securefed.domain.lint.reading.script import facts_of
from securefed.domain.lint.verdict import Mistake

HEAD = """
import torch
from opacus import PrivacyEngine
from torch.utils.data import DataLoader, TensorDataset
"""

PRIVATE = """
engine = PrivacyEngine(secure_mode=True)
model, optimizer, private = engine.make_private(
    module=model, optimizer=torch.optim.SGD(model.parameters(), lr=0.1), data_loader=loader,
    noise_multiplier=SIGMA, max_grad_norm=1.0)
for features, labels in private:
    optimizer.zero_grad()
    optimizer.step()
print(engine.get_epsilon(delta=1e-5))
"""

LOADER = "loader = DataLoader(TensorDataset(torch.randn(1000, 2)), batch_size=50)\n"


def facts(text: str) -> ScriptFacts:
    """What a script says."""
    return facts_of(ast.parse(dedent(text)), "script.py")


def case(text: str, *declared: str) -> Case:
    """A script with what is declared about it."""
    return Case(script=facts(text), declared=declared_from(declared))


def numbers(*declared: str) -> Case:
    """Declared numbers without a script."""
    return Case(script=None, declared=declared_from(declared))


def mistakes(one: Case) -> list[str]:
    """The mistakes that are found in a case, in the linter's order."""
    return [found.kind for found in _found(one) if isinstance(found, Mistake)]


def open_questions(one: Case) -> list[str]:
    """What would have to be declared to settle what the mistakes' classes could not decide."""
    return [found.declare for found in _found(one) if isinstance(found, Remark)]


def noise_of(assignments: str) -> Value:
    """The noise multiplier of a script in which SIGMA is made by these lines."""
    return facts(f"{HEAD}{dedent(assignments)}\n{LOADER}{PRIVATE}").protections[0].noise.value


def _found(one: Case) -> list[object]:
    return [found for rule in MISTAKES for found in rule.check(one)]
