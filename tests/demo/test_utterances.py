from __future__ import annotations

import wave

import numpy as np
import pytest

from demo.caller.lines import LINES, Line
from demo.cloud.utterances import Utterances

RATE = 16_000


def tone(seconds: float) -> bytes:
    return (4000 * np.sin(np.arange(int(seconds * RATE)) / 10)).astype(np.int16).tobytes()


def silence(seconds: float) -> bytes:
    return bytes(int(seconds * RATE) * 2)


def cut(stream: bytes) -> list[float]:
    """Feed a stream in frames of 20 ms; how long each utterance is, in seconds."""
    utterances, frame = Utterances(RATE, endpointing_seconds=0.3), RATE // 50 * 2
    found = [utterances.add(stream[start : start + frame]) for start in range(0, len(stream), frame)]
    return [round(len(utterance) / 2 / RATE, 2) for utterance in found if utterance]


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        pytest.param(silence(2), [], id="silence-is-no-speech"),
        pytest.param(silence(1) + tone(1) + silence(1), [1.6], id="lead-and-tail-belong-to-it"),
        pytest.param(tone(1) + silence(0.3), [1.3], id="a-stream-may-begin-with-speech"),
        pytest.param(tone(1) + silence(0.2) + tone(1) + silence(1), [2.5], id="a-short-pause-does-not-end-it"),
        pytest.param(tone(1) + silence(1) + tone(2) + silence(1), [1.3, 2.6], id="two"),
        pytest.param(silence(1) + tone(0.1) + silence(1), [], id="a-click-is-no-speech"),
        pytest.param(silence(1) + tone(1), [], id="unfinished"),
    ],
)
def test_a_stream_is_cut_into_utterances(stream: bytes, expected: list[float]) -> None:
    assert cut(stream) == expected


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.recording.stem)
def test_each_line_of_the_caller_is_one_utterance(line: Line) -> None:
    with wave.open(str(line.recording)) as wav:
        assert (wav.getframerate(), wav.getnchannels(), wav.getsampwidth()) == (RATE, 1, 2)
        assert len(cut(silence(0.5) + wav.readframes(wav.getnframes()) + silence(0.5))) == 1
