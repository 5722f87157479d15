"""Delivery in parts, for requests that a server does not take whole."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from voice_metrics.export.answers import Outcome, Verdict

Item = TypeVar("Item")
Part = Sequence[Item]
# Requests spent on the search for items that a server cannot take; each part that it takes gives one back.
SPARE_DIVISIONS = 16


def halves(part: Part[Item], outcome: Outcome | None = None) -> Sequence[Part[Item]]:
    """Return a part in two halves; empty for a single item."""
    middle = len(part) // 2
    return (part[:middle], part[middle:]) if middle else ()


def deliver(
    parts: Iterable[Part[Item]],
    send: Callable[[Part[Item]], Outcome],
    smaller: Callable[[Part[Item], Outcome], Sequence[Part[Item]]] = halves,
    spare: int = SPARE_DIVISIONS,
) -> Iterator[tuple[Part[Item], Outcome]]:
    """Send parts, and yield each with its outcome once it is taken or no longer divided.

    Large parts that a server cannot take are divided before small ones, so that the search for one bad item does not
    delay the others. If the server resets the connection of a part, its first item is tried alone. After an outcome
    that concerns every request, the rest is yielded with it and not sent.

    Args:
        parts: The parts, iterated as they are sent.
        send: Sends one part.
        smaller: Returns the parts to send in place of one; empty if it is not divided.
        spare: Most divisions beyond those that deliver a part.
    """
    waiting, coming, left = deque[Part[Item]](), iter(parts), spare
    over: Outcome | None = None
    # Size of the smallest part that was too large, and its outcome; no part of that size is sent afterwards.
    large: tuple[int, Outcome] | None = None
    while (part := waiting.popleft() if waiting else next(coming, None)) is not None:
        outcome = over or (large[1] if large and len(part) >= max(large[0], 2) else send(part))
        too_large = outcome.verdict is Verdict.TOO_LARGE
        if outcome.acknowledged:
            left = min(left + 1, spare)
        elif not over and (too_large or (outcome.unacceptable and left > 0)) and (these := smaller(part, outcome)):
            if too_large:
                large = large if large and large[0] <= len(part) else (len(part), outcome)
                waiting.extendleft(reversed(these))
            else:
                left -= 1
                waiting.extend(these)
            continue
        elif outcome.fault == "reset" and not over and len(part) > 1 and (first := send(part[:1])).acknowledged:
            # The server is well, and ends the connection of a request that is too large for it.
            yield part[:1], first
            rest, refused = part[1:], replace(outcome, verdict=Verdict.TOO_LARGE)
            waiting.extendleft(reversed(smaller(rest, refused) or (rest,)))
            continue
        elif outcome.concerns_all:
            over = outcome
        yield part, outcome
