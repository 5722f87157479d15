"""What happens to the file when the process forks.

Owns the hooks of the process. SQLite keeps its locks in memory that a child inherits, while the locks themselves stay
with the parent: a child of a process that has the file open would write as if it held them. So the file is let go of
before every fork.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from typing import Protocol


class Forkable(Protocol):
    """Something that has the file open."""

    def pause(self) -> None:
        """Before a fork: let go of the file."""

    def resume(self) -> None:
        """After it, in the parent: go on."""

    def forget(self) -> None:
        """After it, in the child: leave alone what is the parent's."""


_watched: weakref.WeakSet[Forkable] = weakref.WeakSet()


def watch(writer: Forkable) -> None:
    """Tell a writer of every fork, for as long as it lives."""
    _watched.add(writer)


def _each(act: Callable[[Forkable], None]) -> Callable[[], None]:
    def on_fork() -> None:
        for writer in list(_watched):
            act(writer)

    return on_fork


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_each(lambda writer: writer.pause()),
        after_in_parent=_each(lambda writer: writer.resume()),
        after_in_child=_each(lambda writer: writer.forget()),
    )
