"""Lag of a server's event loop, also without a call."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from voice_metrics.pipecat import event_loop
from voice_metrics.series.registry import SeriesSink
from voice_metrics.server.server_series import LOOP_LAG


class LoopLag:
    """Measures the loop while an application serves."""

    def __init__(self, sink: SeriesSink) -> None:
        self._sink = sink

    def watch(self, app: Any) -> None:
        """Measure from now on, or from the start of the FastAPI application."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            app.router.lifespan_context = self._lifespan_around(app.router.lifespan_context)
        else:
            event_loop.watch().add_listener(self._record)

    def _lifespan_around(self, inner: Any) -> Any:
        @contextlib.asynccontextmanager
        async def lifespan(app: Any) -> AsyncIterator[Any]:
            watch = event_loop.watch()
            watch.add_listener(self._record)
            try:
                async with inner(app) as state:
                    yield state
            finally:
                watch.remove_listener(self._record)

        return lifespan

    def _record(self, seconds: float, function: str | None) -> None:
        self._sink.series(LOOP_LAG, {})(seconds * 1000)
