"""Errors of budget: the privacy allowance does not allow it, and nothing was charged."""

from securefed.errors.family import BudgetError


class AllowanceMissing(BudgetError):
    """Nobody has granted an allowance for this dataset, so nothing may be spent on it."""

    code = "allowance-missing"
    hint = "Grant one with 'securefed budget grant DATASET --epsilon E --delta D'."


class AllowanceExpired(BudgetError):
    """The dataset's allowance has an end, and it has passed."""

    code = "allowance-expired"
    hint = "Grant a new one with 'securefed budget grant'; what was spent stays spent."


class AllowanceInvalid(BudgetError):
    """The granted ε and δ leave nothing to spend at the order that the filter uses, or the order is
    not one that it can use."""

    code = "allowance-invalid"
    hint = "Grant a larger ε or δ, or leave the order out and let it be chosen."


class AllowanceBelowSpent(BudgetError):
    """An allowance can't be lowered below what is already spent and reserved."""

    code = "allowance-below-spent"
    hint = "Revoke requests to free what they reserve; what is spent stays spent."


class BudgetInsufficient(BudgetError):
    """What is left of the allowance is less than the request needs.

    Nothing was reserved. The site counts everything reserved, running and committed, at the fixed
    Rényi order of the allowance."""

    code = "budget-insufficient"
    hint = "Ask for fewer rounds or more noise; 'securefed budget show' says what is left."
