"""Constants are followed through a script exactly as far as its text decides them."""

from decimal import Decimal

import pytest

from securefed.domain.lint.facts import Known, Unknown
from tests.domain.lint.scripts import noise_of

KNOWN = {
    "a constant": ("SIGMA = 1.1", "1.1"),
    "exactly as written": ("SIGMA = 0.1 + 0.2", "0.3"),
    "a small one": ("SIGMA = 1e-5", "0.00001"),
    "a name for a name": ("BASE = 2\nSIGMA = BASE", "2"),
    "arithmetic": ("A = 6\nSIGMA = (A - 2) * 3 / 8 ** 0.5 * 8 ** 0.5", "12"),
    "whole division": ("SIGMA = 7 // 2", "3"),
    "a negative exponent": ("SIGMA = 2 ** -2", "0.25"),
    "a sign": ("SIGMA = -(-1.5)", "1.5"),
    "a conversion": ("SIGMA = float(2)", "2"),
    "a root": ("import math\nSIGMA = math.sqrt(2.25)", "1.5"),
    "rounding up": ("import math\nSIGMA = math.ceil(1.2)", "2"),
    "unpacking": ("OTHER, SIGMA = 3, 1.3", "1.3"),
    "an entry of a dictionary": ("CONFIG = {'sigma': 0.7}\nSIGMA = CONFIG['sigma']", "0.7"),
    "an element of a list": ("LEVELS = [0.5, 0.9]\nSIGMA = LEVELS[1]", "0.9"),
    "the last assignment": ("SIGMA = 1\nSIGMA = 2", "2"),
    "an annotated one": ("SIGMA: float = 1.25", "1.25"),
    "in a with block": ("with open('x') as f:\n    SIGMA = 1.75", "1.75"),
    "what a function returns": ("def sigma():\n    return 0.6\nSIGMA = sigma()", "0.6"),
    "what a function is called with": ("def same(x):\n    return x\nSIGMA = same(1.9)", "1.9"),
    "by keyword": ("def same(y, x=1):\n    return x\nSIGMA = same(0, x=1.8)", "1.8"),
    "one of what a function returns": ("def f():\n    return 3, 0.4\nA, SIGMA = f()", "0.4"),
    "what is set on the way": ("(SIGMA := 0.45)", "0.45"),
    "an attribute that a class sets": (
        "class C:\n    def __init__(self):\n        self.s = 1.15\nSIGMA = C().s",
        "1.15",
    ),
    "a field that is given": (
        "@dataclass\nclass C:\n    s: float = 1.0\nSIGMA = C(s=1.4).s",
        "1.4",
    ),
}


@pytest.mark.parametrize(("text", "number"), KNOWN.values(), ids=list(KNOWN))
def test_a_number_that_the_text_decides_is_known(text: str, number: str) -> None:
    value = noise_of(text)
    assert isinstance(value, Known), value
    assert value.number == Decimal(number)
    assert value.how == ""


DEFAULTS = {
    "of a class": ("class C:\n    s = 1.2\nSIGMA = C().s", "C.s"),
    "of a parameter": ("def f(s=1.2):\n    return s\nSIGMA = f()", "the parameter s"),
    "of a dataclass": ("@dataclass\nclass C:\n    s: float = 1.2\nSIGMA = C().s", "C.s"),
    "of an option": (
        "p = argparse.ArgumentParser()\np.add_argument('-s', '--noise-level', default=1.2)\n"
        "args = p.parse_args()\nSIGMA = args.noise_level",
        "--noise-level",
    ),
    "of an option with another name": (
        "p = argparse.ArgumentParser()\np.add_argument('--noise', dest='sigma', default=1.2)\n"
        "args = p.parse_args()\nSIGMA = args.sigma",
        "--noise",
    ),
}


@pytest.mark.parametrize(("text", "origin"), DEFAULTS.values(), ids=list(DEFAULTS))
def test_a_default_is_followed_and_said_to_be_one(text: str, origin: str) -> None:
    value = noise_of(text)
    assert isinstance(value, Known), value
    assert value.number == Decimal("1.2")
    assert origin in value.how
    assert value.how.startswith("the default of")


UNKNOWN = {
    "a deleted one": ("try:\n    f()\nexcept ValueError as SIGMA:\n    pass", "decide"),
    "one of unpacked": ("A, SIGMA = f()", "unpacked"),
    "a remainder of a product": ("SIGMA = 3 @ 2", "not simple"),
    "too many unpacked": ("A, *SIGMA = (1, 2, 3)", "unpacked"),
    "nowhere set": ("", "not set in this file"),
    "from another file": ("from settings import SIGMA", "another file"),
    "one of two": ("if torch.cuda.is_available():\n    SIGMA = 1\nelse:\n    SIGMA = 2", "lines"),
    "changed on the way": ("SIGMA = 1\nSIGMA *= 2", "does not decide"),
    "changed by a function": ("SIGMA = 1\ndef f():\n    global SIGMA\n    SIGMA = 2", "decide"),
    "two calls": (
        "def f(x):\n    g(x)\ndef g(y):\n    global SIGMA\nf(1)\nf(2)\nSIGMA = h()",
        "computed when",
    ),
    "called with two values": (
        "def f(x):\n    return x\nf(1)\nSIGMA = f(2)",
        "set differently at lines",
    ),
    "a parameter of nobody": ("def f(x):\n    return x\nSIGMA = f(*values)", "a parameter"),
    "computed": ("SIGMA = compute()", "computed when the script runs"),
    "in a loop": ("for SIGMA in [1, 2]:\n    pass", "loop"),
    "an option without a default": (
        "p.add_argument('--sigma', type=float)\nargs = p.parse_args()\nSIGMA = args.sigma",
        "given on the command line",
    ),
    "an option of another file": ("args = p.parse_args()\nSIGMA = args.sigma", "command line"),
    "infinite": ("SIGMA = 1e999", "not a finite number"),
    "true": ("SIGMA = True", "not a finite number"),
    "none": ("SIGMA = None", "not set"),
    "a text": ("SIGMA = '1.0'", "not a finite number"),
    "divided by zero": ("SIGMA = 1 / 0", "cannot be computed"),
    "beyond all bounds": ("SIGMA = 9 ** 9 ** 9", "exponent"),
    "in terms of itself": ("def f(x):\n    return f(x)\nSIGMA = f(1)", "depends on itself"),
    "in a comprehension": (
        "SIGMA = 1\nall = [SIGMA for SIGMA in values]\nSIGMA = all[0]",
        "no number",
    ),
}


@pytest.mark.parametrize(("text", "why"), UNKNOWN.values(), ids=list(UNKNOWN))
def test_a_number_that_the_text_does_not_decide_is_unknown(text: str, why: str) -> None:
    value = noise_of(text)
    assert isinstance(value, Unknown), value
    assert why in value.why


def test_attributes_of_self_lead_to_what_the_class_is_made_with() -> None:
    value = noise_of(
        """
        class Trainer:
            def __init__(self, sigma, clip=1.0):
                self.sigma = sigma

            def noise(self):
                return self.sigma

        trainer = Trainer(sigma=0.85)
        SIGMA = trainer.noise()
        """
    )
    assert isinstance(value, Known)
    assert value.number == Decimal("0.85")


def test_the_line_is_the_one_that_states_the_number() -> None:
    value = noise_of("\nBASE = 3\nSIGMA = BASE\n")
    assert isinstance(value, Known)
    assert value.line == 6
