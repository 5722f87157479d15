"""The frames that processors push, read by one listener of Pipecat's for each processor.

Pipecat takes about a microsecond to call a listener, for each frame that its processor pushes, the caller's audio
included.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pipecat.frames.frames import Frame

Reader = Callable[[Any, Frame], None]
Reads = Callable[[type[Frame]], bool]
Faulted = Callable[[str, Exception], None]


class Pushes:
    """Listens for the frames that processors push, once each, for as long as they live.

    Args:
        faulted: Receives where a fault of a reader arose, and the fault.
    """

    def __init__(self, faulted: Faulted) -> None:
        self._faulted = faulted
        self._of_processor: dict[int, _Pushes] = {}

    def listen(self, processor: Any, reader: Reader, reads: Reads) -> None:
        """Read a processor's frames before it pushes them, synchronously.

        Args:
            processor: Any processor.
            reader: Receives the processor and each frame.
            reads: True for the classes of frames that it reads.
        """
        pushes = self._of_processor.get(processor.id)
        if pushes is None:
            pushes = self._of_processor[processor.id] = _Pushes(self._faulted)
            processor.add_event_handler("on_before_push_frame", pushes.read)
        pushes.add(reader, reads)


class _Pushes(dict[type[Frame], tuple[Reader, ...]]):
    """Readers of one processor's frames, by class: one look-up for each frame."""

    def __init__(self, faulted: Faulted) -> None:
        super().__init__()
        self._faulted = faulted
        self._all: list[tuple[Reader, Reads]] = []

    def __missing__(self, kind: type[Frame]) -> tuple[Reader, ...]:
        readers = self[kind] = tuple(reader for reader, reads in self._all if reads(kind))
        return readers

    def add(self, reader: Reader, reads: Reads) -> None:
        self._all.append((reader, reads))
        self.clear()

    def read(self, processor: Any, frame: Frame) -> None:
        for reader in self[type(frame)]:
            try:
                reader(processor, frame)
            except Exception as fault:
                self._faulted(type(frame).__name__, fault)
