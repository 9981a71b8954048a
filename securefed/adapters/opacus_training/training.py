"""Trains a recipe on a site's records with differential privacy.

The engine owns the loader, the loop, the keystreams and the optimiser; a recipe supplies the model,
the loss of each record and how records become tensors. Promises that no step runs before the gate
has let it through, that every step draws its own units and its own noise, and that whatever ends a
run early leaves no weights behind. Who is charged how much is the ledger's business.

    trained = train(TrainingRun(recipe=recipe, source=source, mechanism=mechanism), gate)
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import nn

from securefed.adapters.opacus_training.controlling import ControlCorrection
from securefed.adapters.opacus_training.devices import device_named
from securefed.adapters.opacus_training.loop import Loop
from securefed.adapters.opacus_training.mechanism import Numbers
from securefed.adapters.opacus_training.proximal import ProximalPull, check_proximal
from securefed.adapters.opacus_training.ranks import joined_ranks, local_rank
from securefed.adapters.opacus_training.run import StepGate, Trained, TrainingRun
from securefed.adapters.opacus_training.self_test import Claim, proven_module
from securefed.adapters.opacus_training.step import Pull
from securefed.adapters.opacus_training.weights import (
    copied,
    kept_parameters,
    put,
    shared_parameters,
)
from securefed.errors import LossUnusable, SecurefedError, TrainingFailed, UnsupportedLayer
from securefed.recipes.fit import check_fit
from securefed.recipes.frozen import Remembering
from securefed.recipes.recipe import Recipe


def train(run: TrainingRun, gate: StepGate) -> Trained:
    """Runs all steps of the mechanism, or raises and leaves nothing."""
    check_fit(run.recipe, run.source.columns)
    check_proximal(run.proximal, run.recipe.settings)
    device = device_named(run.device, local_rank())
    with failures_named(), joined_ranks(device) as ranks:
        model = begun_model(run).to(device)
        numbers = Numbers.of(run.mechanism, run.source.units, model)
        claim = Claim(
            recipe=run.recipe,
            clip=numbers.clip,
            noise=numbers.step_noise(),
            deviation=numbers.deviation,
            bound=run.source.unit.bound,
            device=device,
        )
        # Taken now: what leaves at the end is what was noised, whatever becomes of the model.
        shared, kept = shared_parameters(model, run.recipe), kept_parameters(model, run.recipe)
        ranks.spread_weights(model.parameters())
        module, proof = proven_module(claim, model)
        loop = Loop(run, gate, ranks, numbers, model, module, device, _pull(run, shared))
        try:
            loop.run_all()
        except (LossUnusable, UnsupportedLayer) as error:
            # Which of the two would tell something of the records: on made-up ones neither came.
            raise TrainingFailed("The model is not the one that was tested any more") from error
        finally:
            module.detach()
        return Trained(
            weights=copied(shared),
            kept=copied(kept),
            executed=numbers.executed(loop.steps),
            lost_steps=loop.progress.lost_steps,
            silenced=loop.progress.silenced,
            proof=proof,
        )


def begun_model(run: TrainingRun) -> nn.Module:
    """The recipe's model, in training mode, with the weights that the run begins with."""
    model = first_model(run.recipe)
    if run.weights is not None:
        put(run.weights, shared_parameters(model, run.recipe))
    kept = kept_parameters(model, run.recipe)
    if run.kept is not None:
        put(run.kept, kept)
    if run.memory is not None and isinstance(model, Remembering):
        model.remember_in(run.memory)
    return model.train()


def _pull(run: TrainingRun, shared: Mapping[str, nn.Parameter]) -> Pull | None:
    if run.correction is not None:
        steps = run.mechanism.steps
        return ControlCorrection(run.correction, shared, run.recipe.settings, steps)
    return None if run.proximal is None else ProximalPull(run.proximal, shared.values())


def first_model(recipe: Recipe) -> nn.Module:
    """The recipe's model as everybody begins with it: its seed is public."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.settings.seed)
        return recipe.model()


@contextmanager
def failures_named() -> Iterator[None]:
    """Whatever a model or a recipe raises on private records leaves under one name."""
    try:
        yield
    except SecurefedError:
        raise
    except (Exception, SystemExit) as error:
        raise TrainingFailed(f"Training ended with {type(error).__name__}") from error
