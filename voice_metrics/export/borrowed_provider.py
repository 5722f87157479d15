"""The application's meter provider, recorded into.

Owns one meter of it and the calls that record there, whichever `Telemetry` they came by. Refuses to
flush, shut down or forget anything of the application's.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterable
from concurrent.futures import Future

from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation

from voice_metrics.export.own_provider import DISTRIBUTION, SCOPE, installed
from voice_metrics.export.running import RunningCalls, Tags
from voice_metrics.series import table


class BorrowedProvider:
    """A provider of the application, or one that does nothing; made by `borrowed`."""

    def __init__(self, provider: MeterProvider) -> None:
        """Make a meter.

        Args:
            provider: Whose life is its own.
        """
        self.provider = provider
        self.meter = provider.get_meter(SCOPE, installed(DISTRIBUTION))
        row = table.SESSION_DURATION
        self._running = RunningCalls(self.meter.create_up_down_counter(row.name, row.unit, row.description))
        # Called by whoever collects; it yields no point of its own.
        self.meter.create_observable_gauge("voice.telemetry.refresh", [self._refresh])

    def _refresh(self, _: CallbackOptions) -> Iterable[Observation]:
        self._running.refresh()
        return ()

    def forget(self) -> None:
        """Leave alone the calls of the parent, in a forked child."""
        self._running.forget()

    def has_room(self) -> bool:
        """Always: what the application's provider keeps is its own."""
        return True

    def begin(self, tags: Tags, tell_rest: Callable[[], None]) -> None:
        """Note that a call begins.

        Args:
            tags: What every point of it carries.
            tell_rest: Tells what else the call has not told yet.
        """
        self._running.begin(tags, tell_rest)

    def end(self, tags: Tags) -> Future[bool | None] | None:
        """Note that a call ended.

        Returns:
            That nothing acknowledges it, or `None` if it was not running.
        """
        if not self._running.end(tags):
            return None
        answer: Future[bool | None] = Future()
        answer.set_result(None)
        return answer


# By the identity of the application's provider, which what is found holds on to.
_borrowed: weakref.WeakValueDictionary[int, BorrowedProvider] = weakref.WeakValueDictionary()
_lock = threading.Lock()


def borrowed(provider: MeterProvider) -> BorrowedProvider:
    """What records into a provider, the same one for whoever asks.

    Args:
        provider: The application's.

    Returns:
        The one of this provider: the SDK ignores the callback of a second instrument of one name.
    """
    with _lock:
        found = _borrowed.get(id(provider))
        if found is None:
            found = _borrowed[id(provider)] = BorrowedProvider(provider)
        return found


def after_fork() -> None:
    """Begin anew in a forked child, whose calls are its own."""
    global _lock
    _lock = threading.Lock()
    for found in list(_borrowed.values()):
        found.forget()
