"""Where the real programs are, and how one is run: on a free port, until ready, and stopped again."""

from __future__ import annotations

import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PROGRAMS = ("prometheus", "promtool", "prometheus-alertmanager", "amtool", "victoria-metrics", "vmagent", "nginx")
# Built with Go.
BUILT = ("otelcol", "prometheus-otlp", "victoria-logs")
READY_SECONDS = 120.0
# With little memory in use, Go collects garbage for a fifth of promtool's time.
LESS_GARBAGE_COLLECTION = {"GOGC": "400"}
INSTALL = "run scripts/get-backends"
INSTALL_BUILT = "install Go (apt-get install golang-go), then run scripts/get-backends"
_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
# What scripts/get-backends fills; read once, as tests run without the settings of the machine.
FOLDER = Path(os.environ.get("VOICE_METRICS_BACKENDS") or _CACHE / "voice-metrics" / "backends")


def missing(programs: Sequence[str] = PROGRAMS, install: str = INSTALL) -> str | None:
    """Why programs cannot be used, with the command that installs them; `None` when all are there."""
    absent = [name for name in programs if not (FOLDER / "bin" / name).exists()]
    return f"no {', '.join(absent)} in {FOLDER}: {install}" if absent else None


def program(name: str) -> str:
    """Path of one program."""
    return str(FOLDER / "bin" / name)


@dataclass
class Program:
    """One program that listens on a port of its own.

    Parameters:
        name: Its file name.
        arguments: Command line, without the name.
        url: Where it answers.
        ready_path: Path that answers 200 once it is ready.
        log: File that receives its output.
        environ: Environment variables beside those of the tests.
    """

    name: str
    arguments: Sequence[str]
    url: str
    ready_path: str
    log: Path
    environ: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """Start it and wait until it is ready."""
        with self.log.open("ab") as output:
            # Debian's Alertmanager finds its templates relative to this folder.
            self.process = subprocess.Popen(
                [program(self.name), *self.arguments],
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=FOLDER,
                env={**os.environ, **LESS_GARBAGE_COLLECTION, **self.environ},
            )
        deadline = time.monotonic() + READY_SECONDS
        while not self._ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"{self.name} did not become ready: {self.log.read_text()[-1500:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop it, politely first; nothing to do when it does not run."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(60)
        self.process = None

    def kill(self) -> None:
        """End it at once, as a crash does."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(60)
        self.process = None

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(self.url + self.ready_path, timeout=10) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run promtool; the caller looks at its exit code and output."""
    environ = {**os.environ, **LESS_GARBAGE_COLLECTION}
    command = [program("promtool"), *arguments]
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=240, check=False)
