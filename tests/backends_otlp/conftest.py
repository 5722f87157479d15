"""Fixtures that run the programs that are built."""

from __future__ import annotations

import pytest

from tests.backends.conftest import demand
from tests.backends.programs import BUILT, INSTALL, INSTALL_BUILT, missing


@pytest.fixture(scope="session", autouse=True)
def programs() -> None:
    """The programs are there; a run of CI fails without them, any other skips with the command that installs them."""
    demand(missing(BUILT, INSTALL_BUILT))
    demand(missing(("nginx",), INSTALL))
