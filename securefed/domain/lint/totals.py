"""What each training costs in all, where its numbers are known, and which of them are not."""

from securefed.domain.lint.case import Case, Setting
from securefed.domain.lint.facts import Known, Made, Protection, Remark, Value
from securefed.domain.lint.mistakes.mistake import claim
from securefed.domain.lint.verdict import Claim


def totals(case: Case) -> list[tuple[int | None, Claim]]:
    """Every training whose whole cost can be computed, by its line."""
    found = [(line, setting) for line, setting, _ in _settings(case)]
    claims = [(line, claim("all steps", one, one.total)) for line, one in found]
    return [(line, one) for line, one in claims if one.charges]


def open_numbers(case: Case) -> list[Remark]:
    """Every number of a script's trainings that could not be told, and how to settle it."""
    if case.script is None:
        return []
    found = [
        remark
        for line, setting, protection in _settings(case)
        for what, value, declare in _numbers(setting, protection)
        if (remark := _remark(what, value, declare, line)) is not None
    ]
    return list(dict.fromkeys(found))


def _settings(case: Case) -> list[tuple[int | None, Setting, Protection | None]]:
    if case.script is None:
        return [(None, case.setting(None), None)]
    return [(one.line, case.setting(one), one) for one in case.script.protections]


def _numbers(setting: Setting, protection: Protection | None) -> list[tuple[str, Value, str]]:
    noise = ("the noise multiplier", setting.noise, "noise")
    if protection is not None and protection.made is Made.TARGET and setting.noise_is_chosen:
        noise = ("the target ε", setting.target, "epsilon")
    return [
        noise,
        ("the number of records", setting.records, "records"),
        ("the batch size", setting.batch, "batch"),
        ("the passes of a round", setting.amount, "local-epochs or local-steps"),
        ("the number of rounds", setting.rounds, "rounds"),
    ]


def _remark(what: str, value: Value, declare: str, line: int | None) -> Remark | None:
    if isinstance(value, Known):
        return None
    return Remark(line=value.line or line, what=f"{what}: {value.why}", declare=declare)
