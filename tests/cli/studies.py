"""Commands about one study, for the tests of several of them."""

from tests.cli.conftest import Desks, Ran, Run
from tests.study_desks import StudyDesks

AT = ("--federation", "federation.toml", "--as", "dana", "--key", "dana.key")


def study(run: Run, verb: str, *options: str, file: str = "study.toml") -> Ran:
    """A command that calls the sites."""
    return run("study", verb, file, *AT, *options)


def approved(run: Run, desks: Desks, **changes: object) -> StudyDesks:
    """Sites that approved what was filed."""
    made = desks(**changes)
    assert study(run, "submit").code == 0
    made.approve()
    return made
