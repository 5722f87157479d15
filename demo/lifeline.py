"""The child's end of the pipes between the demo and one of its processes.

A child writes JSON lines to standard output and reads them from standard input. When its parent ends, in any way,
standard input closes and the child exits at once, so that no process outlives the demo.
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
        # Ctrl-C reaches every process of a terminal, but the parent ends its children.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        threading.Thread(target=self._listen, daemon=True).start()

    def send(self, event: str, **details: Any) -> None:
        """Send one event to the parent, with JSON-ready details."""
        print(json.dumps({"event": event, **details}), flush=True)

    async def hear(self) -> dict[str, Any]:
        """Wait for the parent's next message."""
        return await self._heard.get()

    def _listen(self) -> None:
        for line in sys.stdin:
            self._loop.call_soon_threadsafe(self._heard.put_nowait, json.loads(line))
        # Exit hard: the event loop may be busy or gone, and a child has nothing to save.
        os._exit(0)


def fail(reason: str) -> int:
    """Report to the parent, in one line for the demo's user, why this process fails; return its exit code."""
    print(json.dumps({"event": "failed", "reason": reason}), flush=True)
    return 1
