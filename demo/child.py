"""The parent's end of the pipes between the demo and one of its processes."""

import contextlib
import json
import queue
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from demo.demo_error import DemoError

_CLONE = Path(__file__).resolve().parent.parent
_GRACE_SECONDS = 3.0


class Child:
    """A Python module as a process that ends with the `with` block.

    Args:
        name: Its name in error messages.
        module: Module to run, as in `python -m`.
        *arguments: Its command-line arguments.
        on_event: Called, on a thread of its own, with each event that no `expect` awaits.
    """

    def __init__(
        self, name: str, module: str, *arguments: str, on_event: Callable[[dict[str, Any]], None] | None = None
    ) -> None:
        self._name = name
        self._command = [sys.executable, "-m", module, *arguments]
        self._on_event = on_event
        self._events: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._last_words: deque[str] = deque(maxlen=1)

    def __enter__(self) -> Self:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            self._command, cwd=_CLONE, stdin=pipe, stdout=pipe, stderr=pipe, text=True, encoding="utf-8"
        )
        self._readers = [
            threading.Thread(target=self._read_events, daemon=True),
            threading.Thread(target=self._read_errors, daemon=True),
        ]
        for reader in self._readers:
            reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for reader in self._readers:
            reader.join(_GRACE_SECONDS)

    @property
    def ended(self) -> bool:
        """True if the process has ended."""
        return self._process.poll() is not None

    def check(self) -> None:
        """Raise `DemoError` if the process has ended."""
        if self.ended:
            raise DemoError(f"{self._name} ended early: {self._reason()}")

    def send(self, **message: Any) -> None:
        """Send one message to the process."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()

    def expect(self, event: str, timeout_seconds: float) -> dict[str, Any]:
        """Wait at most `timeout_seconds` for one event of the process and return it.

        Raises:
            DemoError: The process failed, ended, or did not send it in time.
        """
        try:
            heard = self._events.get(timeout=timeout_seconds)
        except queue.Empty:
            raise DemoError(f"waited {timeout_seconds:g} s in vain for {self._name}: {event}") from None
        if heard is None:
            raise DemoError(f"{self._name} ended early: {self._reason()}")
        if heard["event"] == "failed":
            raise DemoError(f"{self._name}: {heard['reason']}")
        if heard["event"] != event:
            raise DemoError(f"{self._name} said {heard['event']!r} instead of {event!r}")
        return heard

    def _reason(self) -> str:
        self._readers[1].join(_GRACE_SECONDS)
        code = self._process.wait(_GRACE_SECONDS)
        return self._last_words[-1] if self._last_words else f"exit code {code}"

    def _read_events(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            event = json.loads(line)
            if event["event"] == "says" and self._on_event:
                self._on_event(event)
            else:
                self._events.put(event)
        self._events.put(None)

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            if line.strip():
                self._last_words.append(line.strip())
