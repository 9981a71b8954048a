"""`securefed budget plan`: what training costs, and what would fit, before anybody is asked."""

from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer

from securefed.cli.numbers import exact
from securefed.cli.output import AsJson, answer, table, working, write_text
from securefed.domain.canonical import Plain, decimal_text
from securefed.domain.chart import svg_curve, text_curve
from securefed.domain.numbers import count, positive, probability
from securefed.domain.planning import PlannedRound
from securefed.domain.privacy import DpSgd, GaussianRelease, Sampling
from securefed.domain.records import to_plain
from securefed.domain.rules.speak import shown
from securefed.errors import NumberInvalid
from securefed.steps.plan_budget import (
    Figures,
    Fitting,
    Population,
    Usefulness,
    cost_of,
    fitting,
    usefulness,
)

Noise = Annotated[str, typer.Option("--noise-multiplier", help="σ of a step.")]
Rate = Annotated[str, typer.Option("--sampling-rate", help="q of a step.")]
Steps = Annotated[int, typer.Option("--steps", help="Steps in one round.")]
Delta = Annotated[str, typer.Option("--delta", help="The δ at which ε is asked.")]
Rounds = Annotated[int, typer.Option("--rounds", help="How many rounds.")]
Metrics = Annotated[
    str | None, typer.Option("--metrics-noise", help="σ of a metric set in each round.")
]
Target = Annotated[
    str | None, typer.Option("--epsilon", help="Also say what would cost at most this ε.")
]
Units = Annotated[
    int | None, typer.Option("--units", help="Privacy units at the site: is it of use there?")
]
Parameters = Annotated[
    int, typer.Option("--parameters", help="Trained parameters of the model, for --units.")
]
Svg = Annotated[Path | None, typer.Option("--svg", help="Draw ε against rounds into this file.")]


def plan(
    noise_multiplier: Noise,
    sampling_rate: Rate,
    steps: Steps,
    delta: Delta,
    rounds: Rounds = 1,
    metrics_noise: Metrics = None,
    epsilon: Target = None,
    units: Units = None,
    parameters: Parameters = 1,
    svg: Svg = None,
    as_json: AsJson = False,
) -> None:
    """Say what training costs; with --epsilon, what would fit; with --units, whether it is of use.

    Example: securefed budget plan --noise-multiplier 1 --sampling-rate .1 --steps 100 --delta 1e-5
    """
    from securefed.wiring import basics

    one = _round(noise_multiplier, sampling_rate, steps, metrics_noise)
    at = probability("--delta", exact("--delta", delta))
    target = None if epsilon is None else positive("--epsilon", exact("--epsilon", epsilon))
    population = None if units is None else _population(units, parameters, at)
    count("--rounds", rounds)
    accountant = basics.accountant()
    with working("Accounting"):
        figures = cost_of(one, rounds, at, accountant)
        prv = basics.second_accountant().epsilon(one.times(rounds), at)
        fits = use = None
        if target is not None:
            fits = fitting(one, rounds, at, target, accountant)
        if population is not None:
            use = usefulness(one, rounds, at, population, accountant)
    if svg is not None:
        write_text(svg, svg_curve(figures.curve))
    parts = [_cost_text(figures, prv), _fitting_text(fits, rounds), _use_text(use)]
    answer(
        as_json,
        "budget-plan",
        {
            **_cost_document(figures, prv),
            "fits": _fitting_document(fits),
            "use": _use_document(use),
        },
        "\n\n".join(part for part in parts if part),
        "securefed study plan study.toml" if svg is None else f"open {svg} in a browser",
    )


def _round(noise: str, rate: str, steps: int, metrics_noise: str | None) -> PlannedRound:
    training = DpSgd(
        noise_multiplier=exact("--noise-multiplier", noise),
        sampling_rate=exact("--sampling-rate", rate),
        sampling=Sampling.POISSON,
        steps=steps,
        clip=Decimal(1),
    )
    if metrics_noise is None:
        return PlannedRound(training=training)
    sigma = exact("--metrics-noise", metrics_noise)
    metrics = GaussianRelease(noise_multiplier=sigma, releases=1)
    return PlannedRound(training=training, others=(metrics,))


def _population(units: int, parameters: int, delta: Decimal) -> Population:
    count("--units", units)
    count("--parameters", parameters)
    if delta * units >= 1:
        raise NumberInvalid(
            f"δ = {delta} is not below 1/n with {units} units", where="--delta", hint="Lower δ."
        )
    return Population(units=units, parameters=parameters)


def _cost_text(figures: Figures, prv: Decimal | None) -> str:
    loss = figures.loss
    rows = [
        ("privacy loss distribution (reports)", shown(loss.epsilon)),
        ("Rényi DP, best order (bound)", shown(loss.upper_bound)),
        ("PRV, Opacus (cross-check)", "no rule" if prv is None else shown(prv)),
        ("replace one unit (PLD)", shown(loss.replace_one)),
    ]
    return (
        f"{figures.rounds} rounds at δ = {loss.delta}, {loss.adjacency} one unit\n"
        + table(("figure", "ε"), rows, "")
        + "\n\n"
        + text_curve(figures.curve)
    )


def _fitting_text(fits: Fitting | None, rounds: int) -> str:
    if fits is None:
        return ""
    noise, rate = fits.noise_multiplier, fits.sampling_rate
    rows = [
        ("noise multiplier, at least", "none fits" if noise is None else str(noise)),
        ("sampling rate, at most", "none fits" if rate is None else str(rate)),
        ("rounds, at most", str(fits.rounds)),
    ]
    heading = f"What costs at most ε = {fits.target} over {rounds} rounds, changed alone"
    return f"{heading}\n" + table(("what", "value"), rows, "")


def _use_text(use: Usefulness | None) -> str:
    if use is None:
        return ""
    units, parameters = use.population.units, use.population.parameters
    who = f"With {units} units and {parameters:,} parameters"
    if use.least_epsilon is None:
        verdict = (
            f"{who} no useful ε exists: even if all units agreed, the noise would be larger than "
            "the signal at every ε up to 10. Train fewer parameters, or let the site not take part."
        )
    else:
        verdict = (
            f"{who} an ε below {shown(use.least_epsilon)} is of no use, however it is trained."
        )
    return f"{verdict}\nHere the largest possible signal is {use.signal:.2f} times the noise."


def _cost_document(figures: Figures, prv: Decimal | None) -> dict[str, Plain]:
    loss = figures.loss
    return {
        "rounds": figures.rounds,
        "delta": decimal_text(loss.delta),
        "adjacency": loss.adjacency,
        "accountant": loss.accountant,
        "pld": decimal_text(loss.epsilon),
        "rdp": decimal_text(loss.upper_bound),
        "prv": None if prv is None else decimal_text(prv),
        "replace_one": decimal_text(loss.replace_one),
        "curve": [to_plain(point) for point in figures.curve],
    }


def _fitting_document(fits: Fitting | None) -> Plain:
    return None if fits is None else to_plain(fits)


def _use_document(use: Usefulness | None) -> Plain:
    if use is None:
        return None
    least = use.least_epsilon
    return {
        "units": use.population.units,
        "parameters": use.population.parameters,
        "signal": f"{use.signal:.4f}",
        "least_useful_epsilon": None if least is None else decimal_text(least),
    }
