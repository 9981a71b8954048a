"""Every module says what it promises, and none is too long to be read at once."""

import ast

import pytest

from tests.architecture.sources import inside, modules

LONGEST = 300
SHAPELESS = {"utils", "util", "helpers", "helper", "manager", "handler", "common", "misc"}


def opens_with_a_promise(source: str) -> bool:
    """Whether a source begins with a docstring of at least one sentence."""
    docstring = ast.get_docstring(ast.parse(source)) or ""
    return len(docstring.split()) >= 4 and "." in docstring


@pytest.mark.parametrize(
    ("source", "opens"),
    [
        ('"""The ledger of a site, append-only."""', True),
        ('"""Ledger."""', False),
        ('"""The ledger of a site"""', False),
        ("# The ledger of a site, append-only.", False),
        ("", False),
    ],
)
def test_a_promise_is_a_docstring_with_a_sentence(source: str, opens: bool) -> None:
    assert opens_with_a_promise(source) is opens


def test_every_module_opens_with_what_it_promises() -> None:
    assert modules()
    silent = [inside(path) for path in modules() if not opens_with_a_promise(path.read_text())]
    assert silent == []


def test_no_module_is_longer_than_can_be_read_at_once() -> None:
    lengths = {inside(path): len(path.read_text().splitlines()) for path in modules()}
    assert {where: lines for where, lines in lengths.items() if lines > LONGEST} == {}


def test_every_module_is_named_after_its_one_idea() -> None:
    assert [inside(path) for path in modules() if path.stem in SHAPELESS] == []
