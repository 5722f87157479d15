"""The caller's patience with a bot that takes its time."""

from __future__ import annotations

import asyncio
import json

from demo.caller.phone import Phone
from tests.virtual_time import in_virtual_time


async def hears_answer(arrivals: list[tuple[float, str]]) -> bool:
    """Whether a caller with patience for 30 s hears the bot speak, of messages that arrive after so many seconds."""
    async with Phone() as phone:
        for seconds, kind in arrivals:
            asyncio.get_running_loop().call_later(seconds, phone._on_message, json.dumps({"type": kind}))
        return await phone.hear_in_time("bot-started-speaking", 30.0)


@in_virtual_time
async def test_a_slow_bot_that_gets_on_is_waited_for() -> None:
    assert await hears_answer([(20.0, "user-transcription"), (45.0, "bot-llm-started"), (70.0, "bot-started-speaking")])


@in_virtual_time
async def test_a_bot_that_does_nothing_any_more_is_not() -> None:
    assert not await hears_answer([(20.0, "user-transcription"), (51.0, "bot-started-speaking")])
