"""The `service.instance.id` of a process's export, which no other one of its service may have at the same time.

Processes of one server or pod share their environment, and with it an id that stands there. Series of two exports that
have one id are one series for a store, whose value jumps from one to the other.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import socket
import sys
import uuid

# Names that this process holds, with their file descriptors; a socket object would warn at the exit.
_held: dict[str, int] = {}
# Names of exports of this process that have not ended.
_used: set[str] = set()


def instance_id(given: str | None, *, child: bool) -> str:
    """Return the id of an export of this process, until `release`.

    Args:
        given: The environment's id, or `None`.
        child: True for a process whose parent may use that one.
    """
    if not given:
        return str(uuid.uuid4())
    own = f"{given}-{os.getpid()}"
    for name in (own,) if child else (given, own):
        if name not in _used and _claim(name):
            _used.add(name)
            return name
    return f"{given}-{uuid.uuid4()}"


def release(name: str) -> None:
    """Leave an id to the next export of this process; no other process gets it before this one ends."""
    _used.discard(name)


def _claim(name: str) -> bool:
    """Hold a name until the process ends; return False if another process of this machine or container holds it."""
    if sys.platform != "linux" or name in _held:
        return True
    try:
        holder = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    except OSError:
        return True  # a sandbox has no such sockets, or the process no file descriptor left
    try:
        # An abstract address has no file, and is free again once its process has ended, however it ends.
        holder.bind(b"\0voice_metrics-" + hashlib.sha256(name.encode()).hexdigest().encode())
    except OSError as error:
        holder.close()
        return error.errno != errno.EADDRINUSE
    _held[name] = holder.detach()
    return True


def _release_in_child() -> None:
    for descriptor in _held.values():
        with contextlib.suppress(OSError):
            os.close(descriptor)
    _held.clear()
    _used.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_release_in_child)
