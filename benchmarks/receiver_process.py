"""An OTLP receiver on loopback in its own process, so that its CPU time does not count as the bot's."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

from testbed.otlp_answers import answering
from testbed.otlp_server import PROTOBUF, Listener, listening


def _serve(told: Connection) -> None:
    listener = Listener(answering(200, content_type=PROTOBUF))
    with listening(listener):
        told.send(listener.url)
        threading.Event().wait()


@contextmanager
def receiver() -> Iterator[str]:
    """Run a receiver and yield its address."""
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(there,), daemon=True)
    process.start()
    try:
        yield here.recv()
    finally:
        process.terminate()
        process.join()
