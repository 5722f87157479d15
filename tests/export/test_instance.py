"""The instance id that a process holds: how long, and where there is no way to hold it."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import uuid

import pytest

from voice_metrics.export.instance import instance_id, release


def test_exports_of_one_process_have_an_id_each_until_they_end() -> None:
    name = f"pod-{uuid.uuid4()}"
    first, second, third = (instance_id(name, child=False) for _ in range(3))
    assert (first, second) == (name, f"{name}-{os.getpid()}")
    assert third.startswith(f"{name}-")
    assert len({first, second, third}) == 3
    release(first)
    assert instance_id(name, child=False) == name


@pytest.mark.parametrize("code", [errno.EPERM, errno.EAFNOSUPPORT, errno.EMFILE], ids=errno.errorcode.get)
def test_id_that_cannot_be_held_is_taken_as_it_is_given(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(socket, "socket", refuse)
    name = f"pod-{uuid.uuid4()}"
    assert instance_id(name, child=False) == name


@pytest.mark.skipif(sys.platform != "linux", reason="ids are held on Linux")
def test_a_child_that_outlives_its_parent_leaves_the_id_free() -> None:
    name = f"pod-{uuid.uuid4()}"
    program = (
        "import os, time\n"
        "from voice_metrics.export.instance import instance_id\n"
        f"print(instance_id({name!r}, child=False))\n"
        "if child := os.fork():\n"
        "    print(child, flush=True)\n"
        "    os._exit(0)\n"
        "os.close(1)\n"
        "time.sleep(60)\n"
    )
    # Unbuffered, or the child would have the first line, too.
    parent = subprocess.run(
        [sys.executable, "-u", "-c", program], stdout=subprocess.PIPE, text=True, timeout=60, check=True
    )
    held, child = parent.stdout.split()
    try:
        assert (held, instance_id(name, child=False)) == (name, name)
    finally:
        os.kill(int(child), signal.SIGKILL)
