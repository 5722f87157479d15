"""Fixtures that run the real programs."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backends.chain import Chain, Store
from tests.backends.conftest import chain, programs
from tests.backends.programs import Program
from tests.receiver import free_port
from tests.waiting import PATIENCE_SECONDS

__all__ = ["Chain", "chain", "programs"]

_SCRAPING = """
global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}
scrape_configs: [{{job_name: bot, static_configs: [{{targets: {targets}}}]}}]
"""


class Scraping:
    """A real Prometheus that scrapes one port."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        at = f"127.0.0.1:{free_port()}"
        (folder / "prometheus.yml").write_text(_SCRAPING.format(targets=json.dumps([f"127.0.0.1:{self.port}"])))
        self.program = Program(
            "prometheus",
            (
                f"--config.file={folder}/prometheus.yml",
                f"--storage.tsdb.path={folder}/data",
                f"--web.listen-address={at}",
            ),
            f"http://{at}",
            "/-/ready",
            folder / "prometheus.log",
        )

    @property
    def environ(self) -> dict[str, str]:
        """What lets a bot be scraped."""
        return {
            "OTEL_METRICS_EXPORTER": "prometheus",
            "OTEL_EXPORTER_PROMETHEUS_HOST": "127.0.0.1",
            "OTEL_EXPORTER_PROMETHEUS_PORT": str(self.port),
        }

    @property
    def store(self) -> Store:
        """What was scraped."""
        return Store(self.program.url)


@pytest.fixture
def scraping(programs: None, tmp_path: Path) -> Iterator[Scraping]:
    """A Prometheus that scrapes every 200 ms."""
    prometheus = Scraping(tmp_path)
    prometheus.program.start()
    yield prometheus
    prometheus.program.stop()


async def found(store: Store, expression: str, at: float, value: float | None = None) -> dict:
    """What an expression gives, once it gives something, or `value`."""
    began_at = time.monotonic()
    while (waited := time.monotonic() - began_at) < PATIENCE_SECONDS:
        rows = store.instant(expression, at + waited)
        if rows and (value is None or list(rows.values()) == [value]):
            return rows
        await asyncio.sleep(0.1)
    raise AssertionError(f"{expression} gives {rows}, expected {value}")
