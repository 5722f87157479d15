"""Requests that a server does not take whole, delivered in parts."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from voice_metrics.export.answers import Outcome, Verdict

Item = TypeVar("Item")
Part = Sequence[Item]
# Requests that may be spent on finding what a server cannot take; what it takes gives one back.
SPARE_DIVISIONS = 16


def halves(part: Part[Item], outcome: Outcome | None = None) -> Sequence[Part[Item]]:
    """A part in two, or nothing for a single item."""
    middle = len(part) // 2
    return (part[:middle], part[middle:]) if middle else ()


def deliver(
    parts: Iterable[Part[Item]],
    send: Callable[[Part[Item]], Outcome],
    smaller: Callable[[Part[Item], Outcome], Sequence[Part[Item]]] = halves,
    spare: int = SPARE_DIVISIONS,
) -> Iterator[tuple[Part[Item], Outcome]]:
    """Send parts, and yield each with its outcome once it is taken or not divided any more.

    Of parts that a server cannot take, large ones are divided before small ones, so that the search for one bad item
    does not keep others from being divided. After an outcome that concerns every request, the rest is yielded with it
    and not sent.

    Args:
        parts: What to send; it is asked for the next part when that is sent.
        send: Sends one.
        smaller: Returns what to send instead of a part, or nothing.
        spare: Most divisions of parts that a server cannot take, beyond those that it makes up for.
    """
    waiting, rest, left = deque[Part[Item]](), iter(parts), spare
    over: Outcome | None = None
    # The smallest part that was too large; none of its size is sent after it.
    large: tuple[int, Outcome] | None = None
    while (part := waiting.popleft() if waiting else next(rest, None)) is not None:
        outcome = over or (large[1] if large and len(part) >= max(large[0], 2) else send(part))
        too_large = outcome.verdict is Verdict.TOO_LARGE
        if outcome.acknowledged:
            left = min(left + 1, spare)
        elif not over and (too_large or (outcome.fault == "400" and left > 0)) and (these := smaller(part, outcome)):
            if too_large:
                large = large if large and large[0] <= len(part) else (len(part), outcome)
                waiting.extendleft(reversed(these))
            else:
                left -= 1
                waiting.extend(these)
            continue
        elif outcome.concerns_all:
            over = outcome
        yield part, outcome
