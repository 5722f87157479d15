"""Checks of this machine: the ledger's file, the price file, packages, ports, and a `.env` that bots read."""

from __future__ import annotations

import os
import socket
import stat
import tempfile
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

from voice_metrics.cli.environment_file import FromFile
from voice_metrics.cli.findings import Finding, Mark
from voice_metrics.cli.printable import several
from voice_metrics.ledger import LedgerReader, LedgerUnreadable, NoCallYet
from voice_metrics.prices import PriceBook
from voice_metrics.series.footprint import Footprint
from voice_metrics.settings.dotenv_file import CURE
from voice_metrics.settings.environment import Settings, SettingsError
from voice_metrics.settings.extras import missing

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PREFIXES = ("OTEL_", "VOICE_METRICS_")
_MOST_CALLS = 1000
_ACTIVE_SECONDS = 20 * 60
_MOST_FILES, _MOST_BYTES = 50, 262_144
_ANSWER_SECONDS = 2.0
_DIRECT = build_opener(ProxyHandler({}))


def sources(names: Iterable[str], from_file: FromFile) -> Iterator[Finding]:
    """Report the origin of each variable; `names` includes those of the `.env`."""
    ours = sorted(name for name in names if name.startswith(_PREFIXES) and name.isidentifier() and len(name) < 80)
    filed = [name for name in ours if name in from_file.taken]
    given = [name for name in ours if name not in from_file.taken]
    origin = [f"{where}: {', '.join(found)}" for where, found in (("environment", given), (".env", filed)) if found]
    yield Finding(
        Mark.GOOD, f"Read from the {'; from the '.join(origin)}." if origin else "All settings are the defaults."
    )
    if from_file.unread:
        yield Finding(Mark.ADVICE, from_file.unread)
    if from_file.advice:
        yield Finding(Mark.BAD, from_file.advice)
    if not from_file.taken.isdisjoint(_ENDPOINTS) and not _reads_dotenv(Path()):
        yield Finding(Mark.ADVICE, f"This command reads .env by itself. A bot does not: {CURE}")


def _reads_dotenv(folder: Path) -> bool:
    """True if a program in a folder seems to read its `.env`."""
    with suppress(OSError):
        for path in sorted(folder.glob("*.py"))[:_MOST_FILES]:
            if path.is_file() and path.stat().st_size < _MOST_BYTES and b"dotenv" in path.read_bytes():
                return True
    return False


def price_file(settings: Settings) -> Iterator[Finding]:
    """Check the user's price file."""
    if settings.prices is None:
        return
    try:
        PriceBook.from_environment(settings.price_variables)
    except SettingsError as error:
        yield Finding(Mark.BAD, str(error))
    else:
        yield Finding(Mark.GOOD, "VOICE_METRICS_PRICES: the file can be used.")


def metrics_page(settings: Settings) -> Iterator[Finding]:
    """Check the package and the port of the `/metrics` page."""
    if "prometheus" not in settings.exporters:
        return
    host, port = settings.prometheus_host, settings.prometheus_port
    if lack := missing("prometheus"):
        yield Finding(Mark.BAD, f"OTEL_METRICS_EXPORTER=prometheus: {lack}.")
    address = f"http://{host}:{port}/metrics"
    if _is_free(host, port):
        yield Finding(Mark.GOOD, f"Series are shown at {address} while a bot runs.")
    elif _shows_metrics(host, port):
        yield Finding(Mark.GOOD, f"Series are shown at {address} by a program that runs now.")
    else:
        yield Finding(
            Mark.BAD, f"{host} has no free port {port} for {address}: set OTEL_EXPORTER_PROMETHEUS_PORT to another one."
        )


def _is_free(host: str, port: int) -> bool:
    with suppress(OSError, UnicodeError):
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.create_server(address[:2], family=family):
            return True
    return False


def _shows_metrics(host: str, port: int) -> bool:
    reached = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    # Bypass any proxy, because the page is on this machine; another program may answer with anything.
    with suppress(Exception), _DIRECT.open(f"http://{reached}:{port}/metrics", timeout=_ANSWER_SECONDS) as page:
        return b"target_info" in page.read(_MOST_BYTES)
    return False


def busiest(calls: Collection[tuple[float, float]]) -> int:
    """Return the largest number of calls whose series were active at once: until 20 minutes after their last value.

    Args:
        calls: Start in Unix seconds and length in seconds of each call.
    """
    ends = sorted(start + length + _ACTIVE_SECONDS for start, length in calls)
    most = over = 0
    for begun, (start, _) in enumerate(sorted(calls), start=1):
        while ends[over] <= start:
            over += 1
        most = max(most, begun - over)
    return most


def ledger(settings: Settings, cost: Footprint) -> Iterator[Finding]:
    """Check the ledger's file and report its size and busiest hour; `cost` is a call's footprint."""
    path = settings.ledger
    if path is None:
        yield Finding(Mark.ADVICE, "There is no ledger: what is not delivered when a process ends is lost.")
        return
    if fault := _write_fault(path):
        text = f"Ledger {shown(path)} cannot be written: {fault}. Calls go on, but nothing of them is kept."
        yield Finding(Mark.BAD, f"{text} Set VOICE_METRICS_DB to another file.")
        return
    try:
        with LedgerReader(path) as reader:
            waiting, count = reader.pending(), reader.count()
            calls = [(row.started_at, row.duration_seconds or 0.0) for row in reader.calls(limit=_MOST_CALLS)]
    except LedgerUnreadable as error:
        mark = Mark.GOOD if isinstance(error, NoCallYet) else Mark.BAD
        yield Finding(mark, f"Ledger {error}.".replace(str(path), shown(path)))
        return
    if settings.endpoint is not None and settings.call_ids and (most := busiest(calls)):
        yield Finding(
            Mark.GOOD,
            f"Of the latest {several(len(calls), 'call')} in the ledger, at most {most} counted as active at once: "
            f"about {most * cost.series} active series.",
        )
    held = f"Ledger {shown(path)}: {several(count, 'call')}, "
    if not waiting.requests:
        yield Finding(Mark.GOOD, f"{held}nothing waits to be sent.")
        return
    wait = f"series of {several(waiting.calls, 'call')}" if waiting.calls else "shared series"
    first = "" if settings.endpoint is not None or settings.logs_endpoint is not None else "once an endpoint is set, "
    yield Finding(Mark.ADVICE, f"{held}{wait} wait to be sent: {first}`voice-metrics resend` sends them.")


def _write_fault(path: Path) -> str | None:
    # Do not open the file: closing it would release this process's SQLite locks on it.
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        mode = None
    except OSError as error:
        return f"it cannot be reached ({error.strerror})"
    if mode is not None and stat.S_ISDIR(mode):
        return "it is a folder"
    if mode is not None and not os.access(path, os.W_OK):
        return "it is read-only" if os.access(path, os.R_OK) else "this user may not open it"
    # A bot makes the missing folders of its ledger, but not those of a file that a link names.
    target = Path(os.path.realpath(path))
    missing = [] if path.is_symlink() else target.parents
    folder = next((place for place in missing if os.access(place, os.F_OK)), target.parent)
    try:
        # Permissions do not show a full or odd file system, such as /proc, so write a nameless file.
        with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
            file.write(b"x" * 4096)
            return None
    except OSError as error:
        return f"no file can be made in {shown(folder)} ({error.strerror})"


def shown(path: Path) -> str:
    """Return a path without the user's name, for people to read."""
    try:
        return str(Path("~") / path.relative_to(Path.home()))
    except (ValueError, RuntimeError):
        return str(path)
