"""What the export thread is asked for by others, who do not wait.

Owns the questions and their answers. Refuses to know what it takes to answer them.
"""

from __future__ import annotations

import queue
import time
from concurrent.futures import Future
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Flush:
    """The wish for the last export of a call.

    Parameters:
        call_id: The call, or "" for one whose series are shared.
        result: Told whether it was acknowledged; `None` where nothing acknowledges.
    """

    call_id: str
    result: Future[bool | None] = field(default_factory=Future)

    def answer(self, acknowledged: bool | None) -> None:
        """Answer who waits, who may have given up, or have been told already."""
        if not self.result.done() and self.result.set_running_or_notify_cancel():
            self.result.set_result(acknowledged)


@dataclass(slots=True)
class Wishes:
    """What was asked for since the last look.

    Parameters:
        flushes: Calls that ended.
        stop: Whether this is the end.
    """

    flushes: list[Flush] = field(default_factory=list)
    stop: bool = False


class Inbox:
    """Wishes from any thread, for one that grants them."""

    def __init__(self) -> None:
        """Begin with no wish."""
        self._queue: queue.SimpleQueue[Flush | None] = queue.SimpleQueue()
        self._closed = False

    def flush(self, call_id: str) -> Future[bool | None]:
        """Ask for the last export of a call.

        Args:
            call_id: The call, or "" for one whose series are shared.

        Returns:
            Whether it was acknowledged; `None` where nothing acknowledges.
        """
        flush = Flush(call_id)
        self._queue.put(flush)
        if self._closed:
            self._refuse()
        return flush.result

    def stop(self) -> None:
        """Ask for the end."""
        self._queue.put(None)

    def empty(self) -> bool:
        """Whether nobody asks for anything."""
        return self._queue.empty()

    def wait(self, until: float) -> Wishes:
        """Wait for wishes, and take all there are.

        Args:
            until: When to come back without any, in monotonic seconds.
        """
        wishes = Wishes()
        timeout = max(until - time.monotonic(), 0.0)
        while True:
            try:
                wish = self._queue.get(timeout=timeout)
            except queue.Empty:
                return wishes
            if wish is None:
                wishes.stop = True
            else:
                wishes.flushes.append(wish)
            timeout = 0.0

    def close(self) -> None:
        """Answer what is still asked for, and all that will be, that nothing was acknowledged."""
        # Before the last look, so that who asks meanwhile is answered by one side or the other.
        self._closed = True
        self._refuse()

    def _refuse(self) -> None:
        for flush in self.wait(0.0).flushes:
            flush.answer(False)
