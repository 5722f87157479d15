"""Identity of a process across reboots, containers and reused pids, and whether it still runs.

Sends no signal but 0, and none on Windows.
"""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path

HEARTBEAT_SECONDS = 20.0
# Six heartbeats, because a machine may swap or sleep for a moment.
STALE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """One process, distinct from every other one that ever wrote to the file.

    Parameters:
        machine: Host, boot and pid namespace; pids compare only where it is the same.
        pid: Process id.
        started: Start of the process as the machine reports it, or "" if it does not.
    """

    machine: str
    pid: int
    started: str


def this_process() -> ProcessIdentity:
    """Return the calling process's identity; a forked child has its own."""
    pid = os.getpid()
    return ProcessIdentity(_machine(), pid, _start_of(pid) or "")


def is_gone(process: ProcessIdentity, heartbeat_at: float, here: ProcessIdentity, now: float) -> bool:
    """Return True if a process has ended, by the process table on this machine, else by its heartbeat.

    Args:
        process: The process.
        heartbeat_at: Unix seconds of its last heartbeat.
        here: The calling process.
        now: Unix seconds.
    """
    if process == here:
        return False
    if process.machine == here.machine:
        started = _start_of(process.pid)
        if started is not None and process.started:
            return started != process.started
        if not _exists(process.pid):
            return True
    return now - heartbeat_at > STALE_SECONDS


def _machine() -> str:
    parts = [platform.node()]
    try:
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    except OSError:
        parts.append(sys.platform)
    return " ".join(parts)


def _start_of(pid: int) -> str | None:
    """Start of a process in clock ticks since boot, "gone" for a zombie, `None` if unreadable."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The second field, the command in parentheses, may itself contain blanks and parentheses.
    fields = text.rpartition(")")[2].split()
    return "gone" if fields[0] in "ZX" else fields[19]


def _exists(pid: int) -> bool:
    if sys.platform == "win32":
        # On Windows os.kill(pid, 0) sends CTRL+C.
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
