"""What a process holds, and whether that grew."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Usage:
    """What the process holds when no call runs.

    Parameters:
        resident_mb: Resident memory after the C allocator gave back what it could.
        heap_mb: What the C allocator has handed out, to SQLite, protobuf and large objects of Python; 0 without glibc.
        blocks: Blocks that Python's own allocator has handed out.
        objects: Objects that the garbage collector knows.
        threads: Names of running threads.
        sockets: Open sockets.
        files: Other open descriptors.
    """

    resident_mb: float
    heap_mb: float
    blocks: int
    objects: int
    threads: list[str]
    sockets: int
    files: int

    def __str__(self) -> str:
        """In one line."""
        return (
            f"{self.resident_mb:.1f} MB resident, {self.heap_mb:.2f} MB heap, {self.blocks} blocks, "
            f"{self.objects} objects, {len(self.threads)} threads, {self.sockets} sockets, {self.files} files"
        )


class _Heap(ctypes.Structure):
    """glibc's `struct mallinfo2`: 5th, bytes in maps of their own; 8th, bytes in use elsewhere."""

    _fields_ = [(f"field_{number}", ctypes.c_size_t) for number in range(1, 11)]


def _heap_bytes() -> int:
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallinfo2"):
        return 0
    libc.malloc_trim(0)
    libc.mallinfo2.restype = _Heap
    heap = libc.mallinfo2()
    return int(heap.field_5 + heap.field_8)


def usage() -> Usage:
    """What the process holds now."""
    gc.collect()
    heap = _heap_bytes()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    links = [_target(entry) for entry in Path("/proc/self/fd").iterdir()]
    sockets = sum(link.startswith("socket:") for link in links)
    return Usage(
        pages * os.sysconf("SC_PAGE_SIZE") / 2**20,
        heap / 2**20,
        sys.getallocatedblocks(),
        len(gc.get_objects()),
        sorted(thread.name for thread in threading.enumerate()),
        sockets,
        len(links) - sockets,
    )


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""


def growth(before: Usage, after: Usage) -> Iterator[str]:
    """What the process holds more than before, beyond what it does at a receiver that always takes."""
    # Three minutes there (`--mood takes`) leave 48 objects more and 62 blocks less after 2 765 calls.
    if after.blocks - before.blocks > 2_000:
        yield f"blocks grew from {before.blocks} to {after.blocks}"
    if after.objects - before.objects > 600:
        yield f"objects grew from {before.objects} to {after.objects}"
    # SQLite keeps up to 2 MB of pages.
    if after.heap_mb - before.heap_mb > 2.5:
        yield f"the heap grew from {before.heap_mb:.2f} to {after.heap_mb:.2f} MB"
    # Python's allocator keeps the arenas of a backlog in which anything is left, and fills them again: 15 MB were seen.
    if after.resident_mb - before.resident_mb > 24:
        yield f"resident memory grew from {before.resident_mb:.1f} to {after.resident_mb:.1f} MB"


def leftovers(before: Usage, after: Usage) -> Iterator[str]:
    """What is open after the end that was not before the beginning."""
    if after.threads != before.threads:
        yield f"threads are {after.threads}, were {before.threads}"
    if (after.sockets, after.files) != (before.sockets, before.files):
        yield f"{after.sockets} sockets and {after.files} files are open, were {before.sockets} and {before.files}"
