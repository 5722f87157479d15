"""Programs of tests, forked from a Python that has imported what they need."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[2]
# A run of every test on a busy machine.
PATIENCE_SECONDS = 240.0


@dataclass(frozen=True)
class Program:
    """A program that runs.

    Parameters:
        pid: Its process.
        stdin: What it reads.
        stdout: What it prints.
        stderr: The file that has its errors.
        end: Says its exit code.
    """

    pid: int
    stdin: IO[str]
    stdout: IO[str]
    stderr: Path
    end: IO[str]

    def send_signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def done(self) -> subprocess.CompletedProcess[str]:
        """Close its input and wait for its end."""
        with self.stdout, self.end:
            self.stdin.close()
            code = int(self.end.readline())
            return subprocess.CompletedProcess((), code, self.stdout.read(), self.stderr.read_text())


class WarmPython:
    """Starts programs.

    Args:
        line: Where the warm Python listens.
    """

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._numbers = count()

    def start(self, code: str, file: Path, environ: Mapping[str, str], *arguments: str) -> Program:
        """Start a program as if it were in a file, in the folder of that; the file need not exist."""
        (stdin, to_stdin), (from_stdout, stdout) = os.pipe(), os.pipe()
        ours, theirs = socket.socketpair()
        errors = file.with_name(f"stderr-{next(self._numbers)}")
        with theirs, errors.open("w") as stderr, os.fdopen(stdin), os.fdopen(stdout):
            socket.send_fds(self._line, [b"x"], [stdin, stdout, stderr.fileno(), theirs.fileno()])
        wanted = {"code": code, "folder": str(file.parent), "environ": dict(environ)}
        with ours:
            ours.settimeout(PATIENCE_SECONDS)
            ours.sendall(json.dumps(wanted | {"arguments": [str(file), *arguments]}).encode() + b"\n")
            end = ours.makefile("r")
        return Program(int(end.readline()), os.fdopen(to_stdin, "w"), os.fdopen(from_stdout), errors, end)


@contextmanager
def warm_python(*modules: str) -> Iterator[WarmPython]:
    """A Python that has these modules in memory."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("warm_python.py")), str(theirs.fileno()), *modules],
            pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        theirs.close()
        yield WarmPython(ours)
        ours.close()
        assert process.wait(PATIENCE_SECONDS) == 0
