"""The child's end of the pipes between the demo and one of its processes.

A child speaks JSON lines on standard output and hears them on standard input. When its parent goes away, however that
happens, standard input closes and the child leaves at once: no process of the demo outlives the demo.
"""

import asyncio
import json
import os
import signal
import sys
import threading
from typing import Any


class Lifeline:
    """Standard input and output of a child process as JSON lines."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        # Ctrl-C reaches every process of a terminal; the parent decides when a child ends.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        threading.Thread(target=self._listen, daemon=True).start()

    def tell(self, event: str, **details: Any) -> None:
        """Send one event to the parent.

        Args:
            event: What happened, one word or two.
            **details: JSON-ready values that belong to it.
        """
        print(json.dumps({"event": event, **details}), flush=True)

    async def hear(self) -> dict[str, Any]:
        """Wait for the parent's next message."""
        return await self._heard.get()

    def _listen(self) -> None:
        for line in sys.stdin:
            self._loop.call_soon_threadsafe(self._heard.put_nowait, json.loads(line))
        # The event loop may be busy or gone; nothing of a child is worth saving.
        os._exit(0)


def fail(reason: str) -> int:
    """Tell the parent why this process cannot do its work.

    Args:
        reason: One line for the demo's user.

    Returns:
        The exit code to leave with.
    """
    print(json.dumps({"event": "failed", "reason": reason}), flush=True)
    return 1
