"""The program and the sites of its tests."""

from tests.cli.conftest import desks as desks
from tests.cli.conftest import prepared as prepared
from tests.cli.conftest import ready as ready
from tests.cli.conftest import run as run
