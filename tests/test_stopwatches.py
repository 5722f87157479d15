"""A first byte is that of a speech if its voice worked on no other one."""

from __future__ import annotations

import pytest

from voice_metrics.call.stopwatches import Stopwatches

VOICE = "Voice#0"
# Moment and number of a speech's beginning, and whether the voice works on no other one.
Began = tuple[float, int, bool]


@pytest.mark.parametrize(
    ("speeches", "number", "is_false"),
    [
        pytest.param([], 5, False, id="its-beginning-was-not-seen"),
        pytest.param([(1.0, 1, True)], 5, False, id="alone"),
        pytest.param([(1.0, 1, True), (1.5, 6, False)], 5, False, id="another-one-begins-behind-it"),
        pytest.param([(1.0, 1, True), (1.5, 4, False)], 5, True, id="beside-another-one"),
        pytest.param([(1.0, 1, True), (1.01, 2, False)], 5, False, id="together-with-another-one"),
        pytest.param([(1.0, 1, True), (1.015, 2, False), (1.03, 3, False)], 5, True, id="too-long-behind-the-first"),
        pytest.param([(1.0, 1, False), (1.01, 2, False)], 5, True, id="two-beside-another-one"),
        pytest.param([(1.0, 1, False), (9.0, 2, True)], 5, False, id="later-and-alone"),
    ],
)
def test_first_byte_is_false_beside_another_speech(speeches: list[Began], number: int, is_false: bool) -> None:
    stopwatches = Stopwatches()
    for at, began, is_alone in speeches:
        stopwatches.started(VOICE, at, began, is_alone=is_alone)
    stopwatches.started("Voice#1", 1.0, 1, is_alone=not is_false)

    assert stopwatches.is_false(VOICE, number) is is_false
    assert stopwatches.was_false(VOICE) is is_false


def test_voices_without_end_are_not_kept_without_end() -> None:
    stopwatches = Stopwatches()
    for voice in range(1000):
        stopwatches.started(f"Voice#{voice}", 1.0, 1, is_alone=False)

    assert sum(stopwatches.is_false(f"Voice#{voice}", 2) for voice in range(1000)) == 200
