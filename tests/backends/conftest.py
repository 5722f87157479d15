"""Fixtures that run the real programs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from .chain import Chain
from .programs import missing


def demand(reason: str | None) -> None:
    """Skip for a reason, or fail in CI; nothing without one."""
    if reason is not None:
        if os.environ.get("CI") == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)


@pytest.fixture(scope="session", autouse=True)
def programs() -> None:
    """The programs are there; a run of CI fails without them, any other skips with the command that installs them."""
    demand(missing())


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """The chain without alert rules, shared by the tests of a module."""
    running = Chain(Path(tmp_path_factory.mktemp("chain")))
    running.start()
    yield running
    running.stop()
