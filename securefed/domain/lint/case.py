"""One training to be judged: what its script says, with what was declared where the script is
silent.

A number that the script states wins over a declared one; a declared one wins over a default. A
number that neither says is missing, and whoever needs it says so.
"""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TypeAlias

from securefed.domain.lint.declared import Declared
from securefed.domain.lint.facts import (
    Flag,
    Known,
    Loader,
    Made,
    Protection,
    Quantity,
    ScriptFacts,
    Term,
    Unknown,
    Value,
    Work,
)
from securefed.domain.lint.verdict import Charge, Noise, Target


@dataclass(frozen=True, kw_only=True)
class Setting:
    """The numbers of one private training. `steps` are those of a round, or all where none are."""

    noise: Value
    target: Value
    target_steps: Value
    target_delta: Value
    rate: Value
    batches: Value
    records: Value
    batch: Value
    # Passes or steps of a round.
    amount: Value
    steps: Value
    rounds: Value
    delta: Value
    # What would have to be declared to know δ.
    delta_keys: tuple[str, ...]

    @property
    def noise_is_chosen(self) -> bool:
        """Whether the library chooses the noise for a target."""
        return self.noise is _CHOSEN

    @property
    def total(self) -> Value:
        """All steps."""
        return times(self.rounds, self.steps)


DECLARED = "declared"
_CHOSEN = Unknown(why="it is chosen for a target")
Missing: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Case:
    """A script's facts and what was declared. `script` is None where there is no script."""

    script: ScriptFacts | None
    declared: Declared

    @property
    def facts(self) -> ScriptFacts:
        """What the script says; nothing, where there is none."""
        return self.script or ScriptFacts()

    def rounds(self) -> Value:
        """How many rounds there are."""
        return filled(self.facts.rounds, self.declared.rounds)

    def delta_of(self, protection: Protection | None) -> Term:
        """The δ at which a training's ε is stated."""
        terms = [] if protection is None else [protection.delta]
        engine = None if protection is None else protection.engine
        terms += [one.delta for one in self.facts.readings if one.engine in (engine, None)]
        found = [one for one in terms if one is not None]
        term = found[0] if found else Term(value=Unknown(why="no δ is given"))
        return replace(term, value=filled(term.value, self.declared.delta))

    def work_of(self, protection: Protection) -> Work | None:
        """The one training loop of a protection; None where it could not be told."""
        every = [one for one in self.facts.work if one.private is not Flag.NO]
        own = [one for one in every if protection.key in (one.returned_by, one.original_of)]
        found = own or (every if len(self.facts.protections) == 1 else [])
        return found[0] if len(found) == 1 else None

    def setting(self, protection: Protection | None) -> Setting:
        """The numbers of a training; of the declared one where no protection is given."""
        declared, work = self.declared, None
        noise = target = epochs = records = batch = batches = self._silence()
        if protection is not None:
            work = self.work_of(protection)
            loader = _loader(protection, work)
            records, batch, batches = loader.records, loader.batch, loader.batches
            noise, target = protection.noise.value, protection.target.value
            epochs = self._epochs(protection.epochs)
        records, batch = filled(records, declared.records), filled(batch, declared.batch)
        if isinstance(batches, Unknown) or DECLARED in (_how(records), _how(batch)):
            batches = _batches(records, batch)
        by_target = protection is not None and protection.made is Made.TARGET
        term = self.delta_of(protection)
        sizes = {Quantity.RECORDS: records, Quantity.BATCHES: batches}
        delta = resolved(term, sizes)
        return Setting(
            noise=filled(_CHOSEN if by_target else noise, declared.noise),
            target=filled(target, declared.epsilon),
            target_steps=times(epochs, batches),
            target_delta=delta,
            rate=filled(_inverse(batches), declared.sampling_rate),
            batches=batches,
            records=records,
            batch=batch,
            amount=self._amount(work),
            steps=self._steps(work, batches),
            rounds=self._rounds(work),
            delta=delta,
            delta_keys=_delta_keys(term),
        )

    def _epochs(self, term: Term) -> Value:
        local = filled(Unknown(why=""), self.declared.local_epochs)
        return resolved(term, {Quantity.ROUNDS: self.rounds(), Quantity.EPOCHS: local})

    def _silence(self) -> Value:
        return Unknown(why="it is not in this file" if self.script else "it is not declared")

    def _steps(self, work: Work | None, batches: Value) -> Value:
        amount, declared = self._amount(work), self.declared
        if work is not None and isinstance(work.amount.value, Known):
            counted_in_steps = work.unit is Quantity.STEPS
        else:
            counted_in_steps = declared.steps is not None or declared.local_steps is not None
        return amount if counted_in_steps else times(amount, batches)

    def _amount(self, work: Work | None) -> Value:
        """The passes, or the steps, of a round; of all where there are no rounds."""
        declared = self.declared
        if work is not None and isinstance(work.amount.value, Known):
            own = declared.local_steps if work.unit is Quantity.STEPS else declared.local_epochs
            return filled(work.amount.value, own)
        for said in (declared.steps, declared.local_steps, declared.local_epochs):
            if said is not None:
                return Known(number=Decimal(said), how=DECLARED)
        if self.script is None:
            return Known(number=Decimal(1))
        if work is None:
            several = len(self.facts.work) > 1
            why = "there are several training loops" if several else "the loop is not in this file"
            return Unknown(why=why)
        return work.amount.value

    def _rounds(self, work: Work | None) -> Value:
        if self.declared.steps is not None and (work is None or not work.every_round):
            return Known(number=Decimal(1))
        if work is not None and not work.every_round and not self.facts.federated:
            return Known(number=Decimal(1))
        return self.rounds()


def filled(value: Value, declared: Decimal | int | None) -> Value:
    """A script's number, or the declared one where the script has none of its own."""
    if declared is not None and (isinstance(value, Unknown) or _is_default(value)):
        return Known(number=Decimal(declared), how=DECLARED)
    return value


def times(left: Value, right: Value) -> Value:
    """The product of two numbers."""
    if isinstance(left, Unknown):
        return left
    if isinstance(right, Unknown):
        return right
    how = left.how or right.how
    return Known(number=left.number * right.number, line=left.line or right.line, how=how)


def resolved(term: Term, sizes: dict[Quantity, Value]) -> Value:
    """A term's number, also where it is made of sizes that were only declared."""
    if isinstance(term.value, Known) or term.factor is None or not term.exact:
        return term.value
    number = term.factor
    for quantity, exponent in term.powers:
        size = sizes.get(quantity)
        if not isinstance(size, Known) or exponent not in (1, -1):
            return term.value
        number = number * size.number if exponent == 1 else number / size.number
    return Known(number=number, line=term.value.line, how=DECLARED)


def charge(setting: Setting, steps: Value) -> Charge | Missing:
    """What a number of steps costs, or the keys that would have to be declared to know it."""
    noise, missing = _noise(setting)
    if not isinstance(setting.rate, Known):
        missing += ["records", "batch"]
    if not isinstance(steps, Known):
        missing += _missing_steps(setting)
    if not isinstance(setting.delta, Known):
        missing += setting.delta_keys
    numbers = [one.number for one in (setting.rate, steps, setting.delta) if isinstance(one, Known)]
    if missing or noise is None or len(numbers) < 3:
        return tuple(dict.fromkeys(missing))
    rate, many, delta = numbers
    found = Charge(noise=noise, rate=rate, steps=_whole(many), delta=delta)
    return found.unusable or found


def _noise(setting: Setting) -> tuple[Noise | None, list[str]]:
    if isinstance(setting.noise, Known):
        return setting.noise.number, []
    parts = (setting.target, setting.target_steps, setting.rate, setting.target_delta)
    known = [one.number for one in parts if isinstance(one, Known)]
    if len(known) == len(parts):
        epsilon, steps, rate, delta = known
        target = Target(epsilon=epsilon, steps=_whole(steps), rate=rate, delta=delta)
        meant = Charge(noise=epsilon, rate=rate, steps=target.steps, delta=delta)
        return (None, list(meant.unusable)) if meant.unusable else (target, [])
    if not isinstance(setting.target, Known):
        return None, ["epsilon" if setting.noise_is_chosen else "noise"]
    if not isinstance(setting.target_steps, Known) and isinstance(setting.batches, Known):
        return None, ["noise"]
    keys = () if isinstance(setting.target_delta, Known) else setting.delta_keys
    return None, [*keys, *([] if isinstance(setting.rate, Known) else ["records", "batch"])]


def _whole(steps: Decimal) -> int:
    return int(steps.to_integral_value("ROUND_CEILING"))


def _missing_steps(setting: Setting) -> list[str]:
    rounds = ["rounds"] if isinstance(setting.rounds, Unknown) else []
    if isinstance(setting.steps, Known):
        return rounds
    sizes = [] if isinstance(setting.batches, Known) else ["records", "batch"]
    return [*rounds, *sizes, *([] if isinstance(setting.amount, Known) else ["local-epochs"])]


def _batches(records: Value, batch: Value) -> Value:
    if isinstance(records, Unknown):
        return records
    if isinstance(batch, Unknown):
        return batch
    if records.number < 1 or batch.number < 1:
        return Unknown(why="the sizes are not positive")
    number = (records.number / batch.number).to_integral_value("ROUND_CEILING")
    return Known(number=number, line=batch.line, how=batch.how or records.how)


def _inverse(batches: Value) -> Value:
    if isinstance(batches, Unknown):
        return batches
    return Known(number=1 / batches.number, line=batches.line, how=batches.how)


def _how(value: Value) -> str:
    return value.how if isinstance(value, Known) else ""


def _is_default(value: Value) -> bool:
    return isinstance(value, Known) and value.how.startswith("the default of")


def _loader(protection: Protection, work: Work | None) -> Loader:
    """The loader of a training; that of the loop where Opacus is given none."""
    if protection.made is Made.OPTIMIZER and work is not None and work.loader is not None:
        return work.loader
    return protection.loader


def _delta_keys(term: Term) -> tuple[str, ...]:
    of = {quantity for quantity, _ in term.powers}
    if Quantity.BATCHES in of:
        return ("records", "batch")
    return ("records",) if Quantity.RECORDS in of else ("delta",)
