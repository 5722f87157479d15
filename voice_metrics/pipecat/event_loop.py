"""Lag of an event loop, and the function that held it: a ticker on the loop, and a thread that watches it."""

from __future__ import annotations

import asyncio
import os
import sys
import sysconfig
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType

from loguru import logger

from voice_metrics.call.lags import STALL_SECONDS
from voice_metrics.call.text import clean

TICK_SECONDS = 0.1
# Lag at which the thread takes the loop's stack, before the stall is over.
_SUSPICIOUS_SECONDS = 0.8 * STALL_SECONDS
_LONGEST_NAME = 200
# Interval of the thread's looks, and the one while the loop is late.
_LOOK_SECONDS, _LOOK_AGAIN_SECONDS = 0.35, 0.02
# Least time between two lines of the log.
QUIET_SECONDS = 60.0
# A longer stall is logged and counted while it lasts, because it may never end.
PATIENCE_SECONDS = 10.0
_LIBRARIES = tuple(f"{sysconfig.get_paths()[kind]}{os.sep}" for kind in ("stdlib", "platstdlib", "purelib", "platlib"))
_ASYNCIO = f"{os.sep}asyncio{os.sep}"
_WAITS = ("select", "selectors.py")
_RUNS_THE_LOOP = {"_run", "_run_once", "run_forever", "run_until_complete", "run"}

LagListener = Callable[[float, str | None], None]


class LoopWatch:
    """Measures one event loop until it is closed."""

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin, on the loop's own thread.

        Args:
            loop: The running loop.
            clock: Monotonic seconds.
        """
        self._loop = weakref.ref(loop)
        self._clock = clock
        self._listeners: list[LagListener] = []
        self._series: Callable[[float], None] = lambda milliseconds: None
        self._listeners.append(lambda seconds, function: self._series(max(seconds - self._counted, 0.0) * 1000))
        # Seconds of the present stall that are in the series.
        self._counted = 0.0
        self._due = clock() + TICK_SECONDS
        loop.call_later(TICK_SECONDS, self._tick)
        self._sentinel = _Sentinel(
            threading.get_ident(),
            self.late,
            lambda: (loop := self._loop()) and not loop.is_closed(),
            self._runs,
            self._count_so_far,
        )
        threading.Thread(target=self._sentinel.run, name="voice-metrics-event-loop", daemon=True).start()

    def late(self) -> float:
        """Return the seconds by which the next tick is overdue; negative before it is due, or while nothing runs it."""
        if not self._runs():
            # An application may go on without its loop, and run it again later: nothing holds it meanwhile.
            self._due = self._clock() + TICK_SECONDS
        return self._clock() - self._due

    def _runs(self) -> bool:
        loop = self._loop()
        return loop is not None and loop.is_running()

    @property
    def holder(self) -> str | None:
        """The function that holds the loop, or `None` if none was seen since the last tick."""
        return self._sentinel.seen

    def add_listener(self, listener: LagListener) -> None:
        """Call `listener` with each tick's lag in seconds and the function that held the loop, or `None`."""
        self._listeners.append(listener)

    def record_in(self, series: Callable[[float], None]) -> None:
        """Pass each tick's lag in milliseconds to the process's series, in place of the one given before."""
        self._series = series

    def remove_listener(self, listener: LagListener) -> bool:
        """Stop calling a listener; return False if it was removed before."""
        known = listener in self._listeners
        if known:
            self._listeners.remove(listener)
        return known

    def _tick(self) -> None:
        loop = self._loop()
        if loop is None or loop.is_closed():
            return
        # A timer's own rounding may be a little early.
        lag = max(self._clock() - self._due, 0.0)
        self._due = self._clock() + TICK_SECONDS
        function, self._sentinel.seen = self._sentinel.seen, None
        caller = sys._getframe().f_back
        self._sentinel.runner = caller.f_code if caller else None
        loop.call_later(TICK_SECONDS, self._tick)
        for listener in tuple(self._listeners):
            try:
                listener(lag, function)
            except Exception as fault:
                self.remove_listener(listener)
                logger.warning("The event loop's lag could not be recorded: {!r}", fault)
        self._counted = 0.0

    def _count_so_far(self) -> None:
        """Count a stall in the process's series while it lasts, on the watching thread."""
        late = self.late()
        if late - self._counted < PATIENCE_SECONDS:
            return
        more, self._counted = late - self._counted, late
        try:
            self._series(more * 1000)
        except Exception as fault:
            logger.warning("The event loop's lag could not be recorded: {!r}", fault)


class _Sentinel:
    """Takes the stack of the loop's thread while a function holds the loop."""

    def __init__(
        self,
        thread: int,
        late: Callable[[], float],
        lives: Callable[[], object],
        runs: Callable[[], bool],
        lasts: Callable[[], None],
    ) -> None:
        self._thread = thread
        self._late = late
        self._lives = lives
        self._runs = runs
        self._lasts = lasts
        self._said_at: float | None = None
        self.seen: str | None = None
        self.runner: CodeType | None = None

    def run(self) -> None:
        """Record and log each function that holds the loop, until the loop is closed."""
        while self._lives():
            before, look = time.monotonic(), _LOOK_SECONDS if self._late() < TICK_SECONDS else _LOOK_AGAIN_SECONDS
            time.sleep(look)
            if not self._lives():
                return
            if not self._runs():
                continue
            # This thread could not run either, so its look is too late for the cause.
            if time.monotonic() - before > look + STALL_SECONDS:
                self._log_stall(None)
            elif self._late() > _SUSPICIOUS_SECONDS:
                self._record_holder(self.holder())
                self._lasts()

    def holder(self) -> str | None:
        """Return the function that holds the loop's thread now, or `None`, as `held_by` does."""
        return held_by(sys._current_frames().get(self._thread), self.runner)

    def _record_holder(self, where: str | None) -> None:
        # Otherwise the loop ran meanwhile, and the stack belongs to another function.
        if (late := self._late()) > _SUSPICIOUS_SECONDS:
            self.seen = where
            if late > STALL_SECONDS:
                self._log_stall(where)

    def _log_stall(self, where: str | None) -> None:
        now = time.monotonic()
        if self._said_at is not None and now - self._said_at < QUIET_SECONDS:
            return
        self._said_at = now
        seconds = self._late()
        while self._lives() and seconds < PATIENCE_SECONDS and (late := self._late()) > 0:
            seconds = max(seconds, late)
            time.sleep(_LOOK_AGAIN_SECONDS)
        lasted = f"{max(seconds, STALL_SECONDS):.1f} s"
        if where:
            logger.warning("The event loop was held for {} by {}: every call of this process waited", lasted, where)
        else:
            logger.warning(
                "The event loop had work and could not run for more than {} s: a function in C held it, another thread "
                "kept Python's interpreter lock, or the machine had no time for this process",
                STALL_SECONDS,
            )


def held_by(frame: FrameType | None, runner: CodeType | None = None) -> str | None:
    """Return the function that holds a thread: the innermost of the application's, and the one that it called.

    Args:
        frame: The thread's innermost frame, or `None` if it is gone.
        runner: The function that calls the loop's callbacks, or `None` if only asyncio's own are known.

    Returns:
        Names and places for a line of the log; `None` if the thread is gone, the loop waits for its turn to run, or a
        function in C holds it.
    """
    if frame is None or (frame.f_code.co_name, Path(frame.f_code.co_filename).name) == _WAITS:
        return None
    if _runs_the_loop(frame, runner):
        return None
    own: FrameType | None = frame
    while own is not None and own.f_code.co_filename.startswith(_LIBRARIES):
        own = own.f_back
        # The caller of the loop does not hold it.
        if own is not None and _runs_the_loop(own, runner):
            own = None
    if own is None or own is frame:
        return clean(_place_of(frame), _LONGEST_NAME)
    return clean(f"{_place_of(own)}, in {_place_of(frame)}", _LONGEST_NAME)


def _runs_the_loop(frame: FrameType, runner: CodeType | None) -> bool:
    # Loops in C such as uvloop's have no frame: the function that runs the loop calls the callbacks.
    code = frame.f_code
    return code is runner or (code.co_name in _RUNS_THE_LOOP and _ASYNCIO in code.co_filename)


def _place_of(frame: FrameType) -> str:
    return f"{frame.f_code.co_qualname} ({Path(frame.f_code.co_filename).name}:{frame.f_lineno})"


_watches: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, LoopWatch] = weakref.WeakKeyDictionary()


def watch() -> LoopWatch:
    """Return the watch of the running loop, made on first use."""
    loop = asyncio.get_running_loop()
    if loop not in _watches:
        _watches[loop] = LoopWatch(loop)
    return _watches[loop]
