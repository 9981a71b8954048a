"""Checking a site: is its ledger whole, are its data as registered, is anything still missing?

Every check is made and reported, so that an owner mends all of it in one go.
"""

from datetime import datetime

from securefed.domain.check import Check, advised, well, wrong
from securefed.domain.register import Register
from securefed.domain.site import DataCard
from securefed.errors import BudgetError, DataDrifted, SecurefedError, SitePaused
from securefed.ports import DataMeter
from securefed.steps.check_data import FindPlaces
from securefed.steps.keep_ledger import SiteLedger


def check_site(ledger: SiteLedger, find: FindPlaces, meter: DataMeter) -> list[Check]:
    """Everything about a site that can be checked by reading it."""
    try:
        register = ledger.register()
        now = ledger.now()
    except SecurefedError as error:
        return [wrong("ledger", error)]
    whole = well(f"ledger: {register.head.size} entries verify")
    checks = [whole, _check_kept(ledger), _check_policy(register), *_check_paused(register)]
    for card in register.cards.values():
        checks += [_check_data(card, find, meter), _check_allowance(register, card, now)]
    return checks if register.cards else [*checks, _NO_DATA]


_NO_DATA = advised(
    "data", "No dataset is registered", "Run 'securefed site add-data dataset.toml'."
)


def _check_kept(ledger: SiteLedger) -> Check:
    kept = ledger.kept
    if kept is not None:
        signers = len(kept.signatures)
        return well(f"kept checkpoint: {kept.head.size} entries, {signers} signatures")
    remedy = "Run 'securefed ledger checkpoint', have it co-signed, then 'securefed ledger keep'."
    return advised("kept checkpoint", "None is kept, so an old ledger could be put back", remedy)


def _check_policy(register: Register) -> Check:
    policy = register.policy
    if policy.rules:
        return well(f"policy {policy.name}: {len(policy.rules)} rules")
    remedy = "Run 'securefed site adopt-policy baseline'."
    return advised("policy", "No policy is adopted, so every request is refused", remedy)


def _check_paused(register: Register) -> list[Check]:
    if not register.paused:
        return []
    return [advised("pause", "The site is paused: no round begins", SitePaused.hint)]


def _check_data(card: DataCard, find: FindPlaces, meter: DataMeter) -> Check:
    what = f"data {card.dataset} v{card.version}"
    try:
        places = find(card.dataset)
        for path, known in ((places.data, card.data), (places.mock, card.mock)):
            if meter.measure(path, card.columns, card.unit).digest != known:
                raise DataDrifted(f"The file is not the one that {what} describes", where=str(path))
        if places.folders:
            meter.check_named(places.data, card.columns, card.unit, places.folders)
    except SecurefedError as error:
        return wrong(what, error)
    return well(f"{what}: {card.records} records of {card.units} units, as registered")


def _check_allowance(register: Register, card: DataCard, now: datetime) -> Check:
    what = f"allowance of {card.dataset}"
    try:
        granted = register.book(card.dataset).granted(now)
    except BudgetError as error:
        return advised(what, str(error), error.remedy)
    return well(f"{what}: ε = {granted.epsilon} at δ = {granted.delta}")
