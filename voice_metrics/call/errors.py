"""The errors of a call, each counted once whatever the number of places that report it.

Knows no Pipecat. Refuses texts: an error is its processor and its category.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from voice_metrics.call.facts import Fact, Failed
from voice_metrics.call.seen import Seen

# As many errors may wait for the pipeline's own word of them.
MOST_WAITING = 8192


@dataclass(frozen=True, slots=True)
class ErrorRaised:
    """A processor reported an error.

    Parameters:
        frame_id: Id of the error's frame.
        processor: Class name of the processor where it arose.
        category: Pipecat's category, or "unknown".
        fatal: Whether Pipecat ends the call because of it.
    """

    frame_id: int
    processor: str
    category: str
    fatal: bool = False


class Failures:
    """The errors of one call."""

    def __init__(self) -> None:
        self._frames = Seen(MOST_WAITING)

    def take(self, event: object) -> Sequence[Fact]:
        """Note an error.

        Args:
            event: What happened; an event of another kind is nobody's business here.

        Returns:
            The failure, unless it is known already.
        """
        if isinstance(event, ErrorRaised) and self._frames.first(event.frame_id):
            return (Failed(event.processor, event.category),)
        return ()
