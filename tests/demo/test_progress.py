"""What the demo's log says of the conversation."""

from __future__ import annotations

import pytest
from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    Frame,
    InterruptionFrame,
    LLMContextAssistantTurnFrame,
    LLMFullResponseStartFrame,
)
from pipecat.observers.base_observer import FramePushed
from pipecat.processors.filters.identity_filter import IdentityFilter
from pipecat.processors.frame_processor import FrameDirection

from demo.progress import Progress


def said(text: str) -> Frame:
    return LLMContextAssistantTurnFrame(text=text, timestamp="2026-11-30T12:00:00+00:00")


@pytest.mark.parametrize(
    ("frames", "lines"),
    [
        pytest.param([said("Hello."), InterruptionFrame()], ["Hello."], id="heard-to-its-end"),
        pytest.param(
            [BotStoppedSpeakingFrame(), InterruptionFrame(), said("I have")],
            ["I have (interrupted)"],
            id="interrupted-in-a-pause",
        ),
        pytest.param(
            [InterruptionFrame(), BotStartedSpeakingFrame(), said("I have")],
            ["I have (interrupted)"],
            id="played-on-for-a-moment",
        ),
        pytest.param(
            [InterruptionFrame(), LLMFullResponseStartFrame(), said("Done.")],
            ["Done."],
            id="answer-to-the-caller-who-interrupted",
        ),
    ],
)
async def test_an_answer_is_marked_as_interrupted(frames: list[Frame], lines: list[str], log: list[str]) -> None:
    progress, place = Progress(), IdentityFilter()
    for frame in [LLMFullResponseStartFrame(), BotStartedSpeakingFrame(), *frames]:
        await progress.on_push_frame(FramePushed(place, place, frame, FrameDirection.DOWNSTREAM, 0))
    assert log == [f"INFO {'bot':<9} {line}" for line in lines]
