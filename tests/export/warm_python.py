"""A Python that imports what many programs need, and forks each of them: most of a short program is its imports.

`python warm_python.py SOCKET MODULE...` is told over the socket what to run; `programs.py` is the other end. Each
program is the main module of a process of its own, and ends as any other does.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import socket
import sys
from typing import Any

LINE = socket.socket(fileno=int(sys.argv[1]))


def program() -> dict[str, Any]:
    """What to run; returns only in the process of a program."""
    while True:
        said, handed, *_ = socket.recv_fds(LINE, 1, 4)
        if not said:
            os._exit(0)
        if os.fork() == 0:
            LINE.close()
            return _begun(*handed)
        for each in handed:
            os.close(each)


def _begun(stdin: int, stdout: int, stderr: int, answers: int) -> dict[str, Any]:
    with socket.socket(fileno=answers) as line, line.makefile("r") as words:
        wanted: dict[str, Any] = json.loads(words.readline())
        if child := os.fork():
            # Else the readers of its output would wait for this process too.
            for each in (stdin, stdout, stderr):
                os.close(each)
            line.sendall(b"%d\n" % child)
            line.sendall(b"%d\n" % os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
            os._exit(0)
    for place, each in enumerate((stdin, stdout, stderr)):
        os.dup2(each, place)
        os.close(each)
    return wanted


for name in sys.argv[2:]:
    importlib.import_module(name)
# Else each program's collector would write on all of it, and so copy it.
gc.freeze()
WANTED = program()
os.environ.clear()
os.environ.update(WANTED["environ"])
os.chdir(WANTED["folder"])
sys.path[0] = WANTED["folder"]
sys.argv = WANTED["arguments"]
__file__ = sys.argv[0]
exec(compile(WANTED["code"], __file__, "exec"))
