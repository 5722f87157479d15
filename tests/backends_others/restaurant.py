"""A voice bot as a web server: FastAPI, SQLite through SQLAlchemy, retrieval, webhooks, and calls at the same time."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass

from fastapi import FastAPI
from pipecat.frames.frames import Frame, LLMFullResponseStartFrame
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from sqlalchemy import create_engine, text

from tests.scripted import SHORT, run_call
from voice_metrics import VoiceMetricsProcessor
from voice_metrics.pipecat.current_call import duration, record_metric
from voice_metrics.retrieval import Retrieval, Webhook
from voice_metrics.server import instrument_server


@dataclass(frozen=True, slots=True)
class Guest:
    """What one caller's call does.

    Parameters:
        search_ms: How long its search takes.
        hits: Embeddings it finds in the cache.
        prompt: Characters of its prompt.
        waiting: Guests before it in the queue.
    """

    search_ms: float
    hits: int
    prompt: int
    waiting: int


GUESTS = {"ann": Guest(120, 3, 900, 2), "bob": Guest(480, 5, 7000, 4)}


class Retrieving(FrameProcessor):
    """Searches, reranks and books before the bot answers."""

    def __init__(self, guest: Guest, metrics: VoiceMetricsProcessor) -> None:
        super().__init__()
        self._guest = guest
        self._metrics = metrics
        self._done = False

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, LLMFullResponseStartFrame) and not self._done:
            self._done = True
            record_metric(Retrieval.TIME, self._guest.search_ms, index="menu")
            async with duration(Retrieval.RERANKING_TIME):
                await asyncio.to_thread(look_up)
            record_metric(Retrieval.CACHE_LOOKUPS, self._guest.hits, outcome="hit")
            record_metric(Retrieval.CACHE_LOOKUPS, 1, outcome="miss")
            record_metric(Retrieval.PROMPT_LENGTH, self._guest.prompt)
            async with duration(Webhook.TIME):
                await asyncio.create_task(deliver())
            self._metrics.record("restaurant.guests.waiting", self._guest.waiting, kind="gauge", unit="{guest}")
        await self.push_frame(frame, direction)


async def deliver() -> None:
    record_metric(Webhook.DELIVERIES, 1, outcome="delivered")


def look_up() -> None:
    with engine.connect() as connection:
        connection.execute(text("select 1"))


engine = create_engine(f"sqlite:///{os.environ['RESTAURANT_DB']}")
app = FastAPI()
instrument_server(app, engine)
_both = asyncio.Barrier(len(GUESTS))


@app.post("/calls/{guest}")
async def call(guest: str) -> str:
    """Hold one call, at the same time as the other guest's."""
    await _both.wait()
    metrics = VoiceMetricsProcessor(call_id=guest, llm_model="gpt-4.1")
    await run_call(SHORT, before_output=[Retrieving(GUESTS[guest], metrics), metrics])
    return metrics.call_id


@app.post("/reservations")
async def reserve(reservation: dict) -> None:
    """Book outside of any call."""
    await deliver()
    raise RuntimeError("the kitchen is closed")
