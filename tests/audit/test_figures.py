"""When a stated ε agrees with a derived one, and the independent verifier's bounds for it."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from securefed.adapters.odometer import Odometer
from securefed.domain.evidence import Figure
from securefed.domain.evidence_figures import check_figures, check_same, check_second
from securefed.domain.identifiers import Line, StudyId
from securefed.domain.privacy import Adjacency, DpSgd, PrivacyLoss, Sampling
from securefed.errors import EvidenceInvalid
from tests.audit.forging import ALONE
from tests.domain.strategies import decimals
from tests.world import ADMISSIONS

pytestmark = pytest.mark.slow

LOSS = PrivacyLoss(
    epsilon=Decimal("1.2"),
    upper_bound=Decimal("1.5"),
    replace_one=Decimal("2.4"),
    delta=Decimal("0.000001"),
    adjacency=Adjacency.ADD_REMOVE,
    accountant=Line("an accountant"),
)


def test_a_figure_may_differ_by_rounding_and_by_who_computed_it() -> None:
    check_same("it", LOSS, LOSS)
    check_same("it", replace(LOSS, epsilon=Decimal("1.2001"), accountant=Line("another")), LOSS)


@pytest.mark.parametrize(
    "change",
    [
        {"epsilon": Decimal("1.2002")},
        {"epsilon": Decimal("1.1998")},
        {"epsilon": Decimal(0)},
        {"epsilon": Decimal("Infinity")},
        {"upper_bound": Decimal("1.6")},
        {"replace_one": Decimal("1.2")},
        {"delta": Decimal("0.00001")},
        {"adjacency": Adjacency.REPLACE_ONE},
    ],
)
def test_a_figure_that_does_not_come_out_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(EvidenceInvalid, match="it: "):
        check_same("it", replace(LOSS, **change), LOSS)


def test_what_is_infinite_is_so_for_both() -> None:
    endless = replace(LOSS, epsilon=Decimal("Infinity"))
    check_same("it", endless, endless)
    with pytest.raises(EvidenceInvalid):
        check_same("it", LOSS, endless)


def test_figures_are_about_the_same_work() -> None:
    one = Figure(dataset=ADMISSIONS, study=None, loss=LOSS)
    other = replace(one, study=StudyId("readmission"))
    check_figures((one, other), (one, other))
    for stated in ((one,), (other, one), (one, one), ()):
        with pytest.raises(EvidenceInvalid, match="not those"):
            check_figures(stated, (one, other))


def test_a_second_accountant_is_compared_where_it_has_a_figure() -> None:
    assert check_second([(Decimal(1), Decimal("1.04")), (Decimal(1), None)]) == 1
    assert check_second([(Decimal("Infinity"), Decimal("Infinity"))]) == 0
    for second in ("1.06", "0.94", "Infinity"):
        with pytest.raises(EvidenceInvalid, match="second accountant"):
            check_second([(Decimal(1), Decimal(second))])


# --- the independent verifier's bounds -----------------------------------------------------------


@settings(max_examples=15, deadline=None)
@given(
    noise=decimals("0.5", "20"),
    rate=decimals("0.0005", "1"),
    steps=st.integers(1, 3000),
    delta=st.sampled_from(["0.00001", "0.000001", "0.00000001"]),
)
def test_the_accountants_figure_lies_between_the_bounds(
    noise: Decimal, rate: Decimal, steps: int, delta: str
) -> None:
    ran = DpSgd(
        noise_multiplier=noise,
        sampling_rate=rate,
        sampling=Sampling.POISSON,
        steps=steps,
        clip=Decimal(1),
    )
    loss = Odometer().loss((ran,), Decimal(delta))
    work = {(float(rate), float(noise)): steps}
    # More than that nobody states.
    if loss.epsilon < 100:
        assert ALONE.lower(work, float(delta)) <= float(loss.epsilon) + 1e-4
        assert float(loss.upper_bound) <= ALONE.upper(work, float(delta)) * 1.0001 + 1e-5


@pytest.mark.parametrize(
    ("rate", "noise", "steps"),
    [(0.01, 1.1, 1), (0.01, 1.1, 800), (1.0, 5.0, 10), (0.2, 0.8, 200), (0.002, 1.0, 100_000)],
)
def test_the_bound_from_below_is_near(rate: float, noise: float, steps: int) -> None:
    ran = DpSgd(
        noise_multiplier=Decimal(str(noise)),
        sampling_rate=Decimal(str(rate)),
        sampling=Sampling.POISSON,
        steps=steps,
        clip=Decimal(1),
    )
    tight = float(Odometer().loss((ran,), Decimal("0.000001")).epsilon)
    assert ALONE.lower({(rate, noise): steps}, 1e-6) > 0.7 * tight
