"""Which process owns a call or a request, and whether it still runs.

Owns the identity of a process across reboots, containers and reused pids. Refuses to signal anything but 0, and on
Windows anything at all.
"""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path

HEARTBEAT_SECONDS = 20.0
# Six heartbeats: a machine that swaps or sleeps for a moment is not gone.
STALE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """One process, distinguishable from every other that ever wrote to the same file.

    Parameters:
        machine: Host, boot and pid namespace; processes can look for each other's pid only where it is the same.
        pid: Process id.
        started: When the process started, in the machine's own words, or "" where it does not say.
    """

    machine: str
    pid: int
    started: str


def this_process() -> ProcessIdentity:
    """The identity of the calling process; a forked child has its own."""
    pid = os.getpid()
    return ProcessIdentity(_machine(), pid, _started(pid) or "")


def is_gone(process: ProcessIdentity, heartbeat_at: float, here: ProcessIdentity, now: float) -> bool:
    """Whether a process has ended.

    Args:
        process: The process in question.
        heartbeat_at: Unix seconds of its last sign of life in the ledger.
        here: The calling process.
        now: Unix seconds.

    Returns:
        True if it is gone, from the process table where that can be seen, else from a heartbeat that stopped.
    """
    if process == here:
        return False
    if process.machine == here.machine:
        started = _started(process.pid)
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


def _started(pid: int) -> str | None:
    """Start of a process in clock ticks since boot, "gone" for a zombie, `None` where that cannot be read."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The second field is the command in parentheses and may hold anything, blanks and parentheses included.
    fields = text.rpartition(")")[2].split()
    return "gone" if fields[0] in "ZX" else fields[19]


def _exists(pid: int) -> bool:
    if sys.platform == "win32":
        # os.kill(pid, 0) would send CTRL+C there.
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
