"""Hooks that close the file around a fork.

SQLite records its locks in memory, which a child inherits, but the operating system keeps them with the parent: a child
of a process with the file open would write without a lock. Writers therefore close the file before every fork.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from typing import Protocol


class Forkable(Protocol):
    """A writer with the file open."""

    def pause(self) -> None:
        """Close the file before a fork."""

    def resume(self) -> None:
        """Continue after a fork, in the parent."""

    def forget(self) -> None:
        """Abandon the parent's queue and connection after a fork, in the child."""


_watched: weakref.WeakSet[Forkable] = weakref.WeakSet()


def watch(writer: Forkable) -> None:
    """Call a writer's hooks around every fork; holds the writer weakly."""
    _watched.add(writer)


def _for_each_writer(act: Callable[[Forkable], None]) -> Callable[[], None]:
    def on_fork() -> None:
        for writer in list(_watched):
            act(writer)

    return on_fork


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_for_each_writer(lambda writer: writer.pause()),
        after_in_parent=_for_each_writer(lambda writer: writer.resume()),
        after_in_child=_for_each_writer(lambda writer: writer.forget()),
    )
