"""The rules that a policy can be made of: one small class each, named as in a policy file."""

from typing import TypeAlias

from securefed.domain.rules.budget import (
    DeltaBelowUnits,
    EpsilonPerDataset,
    EpsilonPerRequest,
    EpsilonPerRequester,
)
from securefed.domain.rules.data import MinimumRecords, Purpose, UnitProtected
from securefed.domain.rules.mechanism import MinimumNoise, PoissonSampling
from securefed.domain.rules.protection import (
    MetricsSummed,
    SandboxRequired,
    SealingRequired,
    TwoReviewers,
)
from securefed.domain.rules.study import (
    FirstModelFamily,
    MinimumSites,
    ModelSize,
    OwnCode,
    RecipeAllowed,
    ReleaseTypes,
    RequestLifetime,
    RoundCount,
)

AnyRule: TypeAlias = (
    EpsilonPerRequest
    | EpsilonPerDataset
    | EpsilonPerRequester
    | DeltaBelowUnits
    | MinimumNoise
    | PoissonSampling
    | MinimumRecords
    | UnitProtected
    | Purpose
    | MinimumSites
    | RecipeAllowed
    | OwnCode
    | ModelSize
    | ReleaseTypes
    | RoundCount
    | RequestLifetime
    | FirstModelFamily
    | SealingRequired
    | MetricsSummed
    | SandboxRequired
    | TwoReviewers
)

__all__ = [
    "AnyRule",
    "DeltaBelowUnits",
    "EpsilonPerDataset",
    "EpsilonPerRequest",
    "EpsilonPerRequester",
    "FirstModelFamily",
    "MetricsSummed",
    "MinimumNoise",
    "MinimumRecords",
    "MinimumSites",
    "ModelSize",
    "OwnCode",
    "PoissonSampling",
    "Purpose",
    "RecipeAllowed",
    "ReleaseTypes",
    "RequestLifetime",
    "RoundCount",
    "SandboxRequired",
    "SealingRequired",
    "TwoReviewers",
    "UnitProtected",
]
