"""The caller's microphone, which a slow bot can ask to rest."""

from __future__ import annotations

import asyncio
import time

from demo.caller.lines import LINES
from demo.caller.microphone import Microphone

FRAME_SECONDS = 0.02


async def sound(microphone: Microphone, seconds: float) -> list[bool]:
    """Take so much sound, and say of each frame whether it holds any."""
    return [bool((await microphone.recv()).to_ndarray().any()) for _ in range(round(seconds / FRAME_SECONDS))]


async def test_a_recording_is_sent_between_silence() -> None:
    microphone = Microphone()
    assert not any(await sound(microphone, 0.1))
    microphone.play(LINES[2].recording)
    assert any(await sound(microphone, microphone.unsaid_seconds))
    assert microphone.unsaid_seconds == 0.0


async def test_a_microphone_that_rests_sends_nothing_until_the_next_recording() -> None:
    microphone = Microphone()
    await sound(microphone, 0.1)
    microphone.rest()
    taken = asyncio.create_task(microphone.recv())
    await asyncio.sleep(0.3)
    assert not taken.done()

    microphone.play(LINES[2].recording)
    began = time.monotonic()
    assert (await taken).pts == 0.1 * 16_000  # the sound goes on where it stopped
    await sound(microphone, 0.2)
    assert time.monotonic() - began > 0.15  # and what was not sent meanwhile is not made up for


async def test_the_end_of_a_call_is_counted_in_sound() -> None:
    microphone = Microphone()
    await sound(microphone, 0.1)
    microphone.rest()
    await asyncio.sleep(0.5)
    began = time.monotonic()
    await asyncio.gather(microphone.reach(0.4), sound(microphone, 0.3))
    assert time.monotonic() - began > 0.25
