"""A scientist's own Python file as a recipe: approved by its digest, read by a person."""

from typing import Final

from securefed.domain.identifiers import Digest
from securefed.recipes.own_code.calls import functions_of
from securefed.recipes.own_code.recipe import OwnCode
from securefed.recipes.own_code.settings import OwnCodeSettings

NAME: Final = "own-code"
VERSION: Final = "1.0.0"
SETTINGS: Final = OwnCodeSettings


def make(settings: OwnCodeSettings, code: bytes, digest: Digest) -> OwnCode:
    """The recipe of a file that a study names by its digest; the file is run once here."""
    return OwnCode(settings, functions_of(code, digest))


__all__ = ["NAME", "SETTINGS", "VERSION", "OwnCode", "OwnCodeSettings", "make"]
