"""Opacus' PRV figures: reference values, what is left out, and what can't be reached."""

import ast
import sys
import warnings
from collections.abc import Hashable
from decimal import Decimal

import opacus
import pytest
from opacus.accountants import gdp
from opacus.accountants.analysis.prv import prvs

from securefed.adapters.opacus_training import prv
from securefed.adapters.opacus_training.prv import OpacusPrv
from securefed.domain.privacy import DpSgd, Sampling
from tests.architecture.sources import inside, modules

pytestmark = pytest.mark.slow

DELTA = Decimal("1e-5")


def training(rate: str, noise: str, steps: int) -> DpSgd:
    return DpSgd(
        noise_multiplier=Decimal(noise),
        sampling_rate=Decimal(rate),
        sampling=Sampling.POISSON,
        steps=steps,
        clip=Decimal(1),
    )


@pytest.mark.parametrize(
    ("rate", "noise", "steps", "expected"),
    [
        ("0.01", "1", 1000, "1.838"),
        ("0.004", "0.8", 5000, "2.509"),
        ("0.05", "2", 400, "2.257"),
        ("1", "20", 100, "2.003"),
    ],
)
def test_reference_values(rate: str, noise: str, steps: int, expected: str) -> None:
    found = OpacusPrv().epsilon((training(rate, noise, steps),), DELTA)
    assert found is not None
    assert round(found, 3) == Decimal(expected)


@pytest.mark.parametrize(
    ("work", "delta"),
    [
        ((training("0.01", "1", 10**9),), "1e-5"),
        ((training("0.01", "1", 1000),), "1e-12"),
        (tuple(training("0.01", f"1.{n}", 1000) for n in range(10, 99)), "1e-5"),
        ((training("0.01", "0.0001", 1),), "1e-5"),
    ],
    ids=["many steps", "small delta", "many mechanisms", "large loss"],
)
def test_what_is_dear_or_beyond_floats_has_no_figure(
    work: tuple[DpSgd, ...], delta: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(prv, "_epsilon")
    assert OpacusPrv().epsilon(work, Decimal(delta)) is None


def test_an_integral_that_fails_is_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object, **__: object) -> tuple[float, float]:
        warnings.warn("it diverges", prvs.integrate.IntegrationWarning, stacklevel=2)
        return 0.0, 0.0

    monkeypatch.setattr(prvs.integrate, "quad", failing)
    assert OpacusPrv().epsilon((training("0.01", "1", 1001),), DELTA) is None


def imported_names(source: str) -> set[str]:
    """Every name that a source imports, in full."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def leads_to_gdp(name: str) -> bool:
    """Whether an imported name is the GDP accountant or hands it out."""
    return name in {
        "opacus",
        "opacus.accountants",
        "opacus.accountants.*",
        "opacus.accountants.create_accountant",
        "opacus.accountants.registry",
        "opacus.accountants.gdp",
    } or name.rpartition(".")[2] in {"GaussianAccountant", "create_accountant", "gdp"}


def test_no_module_imports_the_gdp_accountant_or_what_hands_it_out() -> None:
    found = {inside(path): imported_names(path.read_text()) for path in modules()}
    assert "opacus.accountants.prv.PRVAccountant" in found["adapters/opacus_training/prv.py"]
    leading = [
        (where, name) for where, names in found.items() for name in names if leads_to_gdp(name)
    ]
    assert leading == []


@pytest.mark.parametrize(
    "source",
    [
        "import opacus",
        "from opacus import accountants",
        "from opacus.accountants import GaussianAccountant",
        "from opacus.accountants.gdp import GaussianAccountant as Accountant",
        "from opacus.accountants import create_accountant",
        "def late():\n    from opacus.accountants import gdp",
    ],
)
def test_such_an_import_would_be_found(source: str) -> None:
    assert any(leads_to_gdp(name) for name in imported_names(source))


def test_nothing_public_of_the_adapter_is_the_gdp_accountant() -> None:
    banned = {gdp.GaussianAccountant, gdp, sys.modules["opacus.accountants"], opacus}
    public = {name: value for name, value in vars(prv).items() if not name.startswith("_")}
    assert public["OpacusPrv"] is OpacusPrv
    assert [name for name, value in public.items() if _hashed(value) & banned] == []


def _hashed(value: object) -> set[object]:
    return {value} if isinstance(value, Hashable) else set()
