"""Fixtures that run the programs that are built."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.backends.conftest import demand
from tests.backends.programs import BUILT, INSTALL, INSTALL_BUILT, Program, missing

from .stack import DEPLOY, prometheus


@pytest.fixture(scope="session", autouse=True)
def programs() -> None:
    """The programs are there; a run of CI fails without them, any other skips with the command that installs them."""
    demand(missing(BUILT, INSTALL_BUILT))
    demand(missing(("nginx",), INSTALL))


@pytest.fixture(scope="module")
def prom(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """The Prometheus of deploy/fleet."""
    folder = tmp_path_factory.mktemp("prometheus")
    running = prometheus(folder, DEPLOY / "fleet" / "prometheus.yaml", "created-timestamp-zero-ingestion")
    running.start()
    yield running
    running.stop()
