"""`voice-metrics serve` in a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def serving(path: Path, *arguments: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """What the command says when it is ready, and its process; it is ended as a service is."""
    process = subprocess.Popen(
        [sys.executable, "-m", "voice_metrics", "serve", "--no-browser", *arguments],
        env=os.environ | {"VOICE_METRICS_DB": str(path)},
        stdout=subprocess.PIPE,
        text=True,
        cwd=path.parent,
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline(), process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        process.stdout.close()


@contextmanager
def served(path: Path, *arguments: str) -> Iterator[str]:
    """The page's address."""
    with serving(path, *arguments) as (said, _):
        found = re.search(r"http://127\.0\.0\.1:\d+/", said)
        assert found is not None, said
        yield found[0]
