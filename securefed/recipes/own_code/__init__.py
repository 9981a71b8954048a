"""A model of a study's own, in one Python file that is approved by its digest and read by a person.

The file defines `model()`, `collate(records)`, `losses(model, batch)` and `mock(records, seed)`; it
can define `tallies(model, batch)` and `metrics(tally)` for other figures than the mean loss. It is
given the study's columns alone, and nothing of the engine. docs/my_model.py is an example.
"""

from typing import Final

from securefed.domain.identifiers import Digest
from securefed.recipes.first_weights import first_weights
from securefed.recipes.own_code.calls import functions_of
from securefed.recipes.own_code.recipe import OwnCode
from securefed.recipes.own_code.settings import OwnCodeSettings

NAME: Final = "own-code"
VERSION: Final = "1.0.0"
SETTINGS: Final = OwnCodeSettings


def make(settings: OwnCodeSettings, code: bytes, digest: Digest) -> OwnCode:
    """The recipe of a file that a study names by its digest; the file is run once here."""
    with first_weights(settings.seed):
        functions = functions_of(code, digest)
    return OwnCode(settings, functions)


__all__ = ["NAME", "SETTINGS", "VERSION", "OwnCode", "OwnCodeSettings", "make"]
