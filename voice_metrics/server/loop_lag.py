"""How late the event loop is: a ticker that measures its own delay.

Owns one task for each loop that serves an application.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from voice_metrics.series.registry import SeriesSink
from voice_metrics.server.server_series import LOOP_LAG

INTERVAL_SECONDS = 0.25


class LoopLag:
    """Measures the loop while an application serves."""

    def __init__(self, sink: SeriesSink, interval_seconds: float = INTERVAL_SECONDS) -> None:
        """Prepare; nothing runs yet.

        Args:
            sink: Takes the lag.
            interval_seconds: Time between two measurements.
        """
        self._sink = sink
        self._interval = interval_seconds
        self._ticking: asyncio.Task[None] | None = None

    def watch(self, app: Any) -> None:
        """Measure from now on, or from the application's start.

        Args:
            app: The FastAPI application.
        """
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            app.router.lifespan_context = self._with(app.router.lifespan_context)
        else:
            self._ticking = asyncio.create_task(self._tick())

    def _with(self, inner: Any) -> Any:
        @contextlib.asynccontextmanager
        async def lifespan(app: Any) -> AsyncIterator[Any]:
            ticking = asyncio.create_task(self._tick())
            try:
                async with inner(app) as state:
                    yield state
            finally:
                ticking.cancel()

        return lifespan

    async def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + self._interval
            await asyncio.sleep(self._interval)
            # The timer's own rounding may wake the task a little early.
            self._sink.series(LOOP_LAG, {})(max(loop.time() - due, 0.0) * 1000)
