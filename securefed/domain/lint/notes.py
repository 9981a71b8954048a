"""What is worth knowing beside the findings: what was taken for granted, and weaker protections."""

from securefed.domain.lint.case import Case, Setting
from securefed.domain.lint.facts import Flag, Known, Remark
from securefed.domain.lint.mistakes.mistake import plain

_NAMES = {
    "noise": "the noise multiplier",
    "target": "the target ε",
    "batches": "the number of batches",
    "steps": "the number of steps",
    "rounds": "the number of rounds",
    "delta": "δ",
}


def notes_on(case: Case) -> tuple[Remark, ...]:
    """Every note on a case."""
    return (*_defaults(case), *_assumed(case), *_weak_generators(case), *_sums(case))


def _defaults(case: Case) -> list[Remark]:
    settings = [case.setting(one) for one in case.facts.protections]
    found = [note for setting in settings for note in _defaults_of(setting)]
    return list(dict.fromkeys(found))


def _defaults_of(setting: Setting) -> list[Remark]:
    found = []
    for name, words in _NAMES.items():
        value = getattr(setting, name)
        if isinstance(value, Known) and value.how.startswith("the default of"):
            what = f"{words} is taken as {plain(value.number)}, {value.how}"
            found.append(Remark(line=value.line, what=what))
    return found


def _assumed(case: Case) -> list[Remark]:
    declared = case.declared
    said = (declared.local_epochs, declared.local_steps, declared.steps)
    if case.script is not None or any(one is not None for one in said):
        return []
    return [Remark(line=None, what="a round is taken as one pass", declare="local-epochs")]


def _weak_generators(case: Case) -> list[Remark]:
    what = "secure_mode is off: the noise comes from a generator that is not a cryptographic one"
    weak = [one for one in case.facts.protections if one.secure is Flag.NO]
    return [Remark(line=one.line, what=what) for one in weak[:1]]


def _sums(case: Case) -> list[Remark]:
    what = (
        "the ε of single runs are added up: that is an upper bound, and holds at the sum of their δ"
    )
    return [Remark(line=one.line, what=what) for one in case.facts.readings if one.summed]
