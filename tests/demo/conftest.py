from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from aiohttp import ClientSession, web

from demo.caller.lines import LINES
from demo.cloud.ears import Canned
from demo.cloud.one_port import application
from demo.cloud.voice import Tone


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "whole_call: holds a whole call in real time, about 45 s")


@dataclass(frozen=True)
class Cloud:
    """The stand-in without models, and a client for it."""

    host: str
    client: ClientSession


@pytest.fixture
async def cloud() -> AsyncIterator[Cloud]:
    runner = web.AppRunner(application(Canned([line.text for line in LINES]), Tone()), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with ClientSession() as client:
        yield Cloud(f"127.0.0.1:{runner.addresses[0][1]}", client)
    await runner.cleanup()
