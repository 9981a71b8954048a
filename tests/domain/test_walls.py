"""Walls as a description: paths that would show too much, and limits that are none."""

from dataclasses import fields

import pytest

from securefed.domain.identifiers import Version
from securefed.domain.site import Sandbox
from securefed.domain.walls import Enclosure, Interpreter, Limits, refuse_sight
from securefed.errors import ConfigInvalid, NumberInvalid, WallsTooWide


def enclosure(*, program: str = "/usr/bin/python3", data: str = "/data/a.csv") -> Enclosure:
    return Enclosure(
        sandbox=Sandbox.BUBBLEWRAP,
        interpreter=Interpreter(
            program=program, version=Version("3.11.2"), folders=("/usr",), libraries=()
        ),
        arguments=("-m", "x"),
        data=(data,),
        hidden=("/site/keys", "/site/ledger.db"),
        log="/site/log",
    )


def test_what_a_run_may_read() -> None:
    assert enclosure().readable == ("/usr", "/data/a.csv")
    assert enclosure(data="/site/data").readable == ("/usr", "/site/data")


@pytest.mark.parametrize("data", ["/site", "/site/keys", "/site/keys/_site.key", "/site/ledger.db"])
def test_nothing_within_or_around_a_secret(data: str) -> None:
    with pytest.raises(WallsTooWide):
        enclosure(data=data)


def test_names_that_only_begin_alike_are_apart() -> None:
    refuse_sight(("/site/keys-of-others", "/sit"), ("/site/keys",))


@pytest.mark.parametrize("path", ["", "/", "x", "./x", "/a/../b", "/a/./b", "//a", "/a/", "/a\0b"])
def test_paths_that_are_not_plain(path: str) -> None:
    with pytest.raises(ConfigInvalid):
        enclosure(data=path)
    with pytest.raises(ConfigInvalid):
        enclosure(program=path)


@pytest.mark.parametrize("name", [field.name for field in fields(Limits)])
@pytest.mark.parametrize("value", [0, -1, 2**51, 1.5, True])
def test_a_limit_is_a_number_that_limits(name: str, value: int) -> None:
    with pytest.raises(NumberInvalid):
        Limits(**{name: value})
