"""The caller's lines."""

from dataclasses import dataclass
from pathlib import Path

_RECORDINGS = Path(__file__).parent / "recordings"


@dataclass(frozen=True, slots=True)
class Line:
    """One sentence of the caller.

    Parameters:
        text: The words.
        recording: A WAV of them, 16 kHz mono, 16 bit.
        interrupts: True to say it while the bot speaks, False to wait for the bot's silence.
    """

    text: str
    recording: Path
    interrupts: bool = False


LINES = (
    Line("What are your opening hours on Saturday?", _RECORDINGS / "opening_hours.wav"),
    Line("Can you book a table for four people on Friday at seven?", _RECORDINGS / "table_for_four.wav"),
    Line("Please make that five people.", _RECORDINGS / "make_that_five.wav", interrupts=True),
    Line("Thank you very much and goodbye!", _RECORDINGS / "goodbye.wav"),
)
