"""How a study combines its rounds, as lines of a review plan.

Every number appears. None of it changes what a site's data gives away, and the lines say so.
"""

from dataclasses import fields

from securefed.domain.combining import Combining, EarlyStop
from securefed.domain.schedule import Constant, Cosine, Course, Schedule, Steps
from securefed.domain.server_rule import ServerRule

_CONTROL = (
    "steps are corrected by a control variate (SCAFFOLD): a second file of the model's size comes "
    "down, and one of this site's own stays here"
)


def combining_lines(combining: Combining) -> tuple[str, ...]:
    """The rule and its rate; what else a study asks, each in a line."""
    pull, drawn, stop = combining.proximal, combining.sites_per_round, combining.stop
    return (
        f"{_rule(combining.rule)}; {_schedule(combining.schedule)}; no cost in privacy",
        f"the sites' learning rate: {_schedule(combining.site_schedule)}",
        *((_CONTROL,) if combining.control else ()),
        *(() if pull is None else (f"steps are pulled to the round's start, strength {pull}",)),
        *(() if drawn is None else (f"{drawn} sites are drawn for each round, by a public lot",)),
        *(() if stop is None else (_stop(stop),)),
    )


def _rule(rule: ServerRule) -> str:
    numbers = ", ".join(f"{one.name} {getattr(rule, one.name)}" for one in fields(rule))
    return f"{rule.kind} with {numbers}"


def _schedule(schedule: Schedule) -> str:
    return f"{_course(schedule.course)} rate after {schedule.warm_up} rounds of warm-up"


def _course(course: Course) -> str:
    match course:
        case Constant():
            return course.kind
        case Cosine():
            return f"{course.kind} (to {course.final} of it)"
        case Steps():
            return f"{course.kind} (to {course.final} of it in {course.times} steps)"


def _stop(stop: EarlyStop) -> str:
    rule = stop.rule
    return (
        f"ends early once {stop.metric} ({rule.aim} is better, means of {rule.window} rounds, "
        f"margin {rule.margin}) is no better for {rule.patience} rounds"
    )
