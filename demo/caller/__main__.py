"""Runs the caller as a process: its offer goes out on standard output, the bot's answer comes in on standard input."""

import asyncio
import sys

from demo.caller.lines import LINES, Line
from demo.caller.phone import Phone
from demo.lifeline import Lifeline, fail
from demo.loopback import stay_on_loopback

# A busy machine loads the models, and makes speech and text of speech, several times slower.
_PATIENCE_SECONDS = 180.0
# If a busy machine detects the caller's voice after the transcript came, Pipecat drops the transcript (1.14).
# A bot that is only slow still sends messages, and the line said twice would interrupt its answer.
_REPEAT_SECONDS = 30.0
_PAUSE_SECONDS = 0.3
_BARGE_IN_SECONDS = 1.5
# The conversation takes about 33 s. A fixed length gives every call the same seconds of recognised audio.
_CALL_SECONDS = 34.99


async def _take_turn(phone: Phone, line: Line, lifeline: Lifeline) -> None:
    if line.interrupts:
        await asyncio.sleep(_BARGE_IN_SECONDS)
    else:
        await phone.hear("bot-stopped-speaking")
        await asyncio.sleep(_PAUSE_SECONDS)
    _say(phone, line, lifeline)
    if line.interrupts:
        await phone.hear("bot-stopped-speaking")
    while not await phone.hear_in_time("bot-started-speaking", _REPEAT_SECONDS):
        _say(phone, line, lifeline)


def _say(phone: Phone, line: Line, lifeline: Lifeline) -> None:
    lifeline.send("says", text=line.text)
    phone.say(line.recording)


async def _call() -> int:
    stay_on_loopback()
    lifeline = Lifeline()
    async with Phone() as phone:
        lifeline.send("offer", **await phone.offer())
        await phone.connect(await lifeline.hear())
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await phone.hear("bot-started-speaking")
        for line in LINES:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await _take_turn(phone, line, lifeline)
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await phone.hear("bot-stopped-speaking")
        await phone.stay(_CALL_SECONDS)
    lifeline.send("hung up")
    return 0


def main() -> int:
    """Hold one call."""
    try:
        return asyncio.run(_call())
    except TimeoutError:
        return fail(f"the bot did not speak for {_PATIENCE_SECONDS:g} s")


if __name__ == "__main__":
    sys.exit(main())
