"""The variables that a command takes from the `.env` of its folder, and those that it must not take."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_ROUTE = re.compile(r"OTEL_EXPORTER_OTLP_(?:[A-Z]+_)?(?:ENDPOINT|CERTIFICATE)")
_CREDENTIALS = re.compile(r"OTEL_EXPORTER_OTLP_(?:[A-Z]+_)?(?:HEADERS|CLIENT_KEY)")
# The system refuses any other name.
_NAME = re.compile(r"[^\0=]+")
_MOST_LINES = 10
_REFERENCE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


@dataclass(frozen=True, slots=True)
class FromFile:
    """Names of the variables that a command took from a `.env`, and of those that it withheld.

    Parameters:
        taken: Names of variables read from it.
        withheld: Names of variables not read, because they would send the environment's credentials elsewhere.
        undecodable: True if the file is no UTF-8, so that nothing of it was read.
        unparsed: Numbers of the lines, from 1, that python-dotenv could not parse.
    """

    taken: frozenset[str] = frozenset()
    withheld: tuple[str, ...] = ()
    undecodable: bool = False
    unparsed: tuple[int, ...] = ()

    @property
    def advice(self) -> str | None:
        """Advice about withheld variables or an undecodable file, or `None`."""
        if self.undecodable:
            return ".env is no UTF-8, so nothing of it is read, here and by load_dotenv(): save it as UTF-8."
        if not self.withheld:
            return None
        return (
            f"{', '.join(self.withheld)} of .env is not used: the credentials of the environment do not go where the "
            "file of a folder points. Set both in the environment, or both in .env."
        )

    @property
    def unread(self) -> str | None:
        """Advice about lines that are not read, or `None`."""
        if not self.unparsed:
            return None
        lines = ", ".join(map(str, self.unparsed[:_MOST_LINES]))
        return f".env, line {lines}: expected NAME=value. It is not read, here and by load_dotenv()."


def load(folder: Path, environ: MutableMapping[str, str]) -> FromFile:
    """Add to `environ` the variables of a folder's `.env` that it lacks, and return which were taken or withheld."""
    guarded = any(environ[name] and _is_credential(name, environ[name]) for name in environ)
    taken, withheld = [], []
    try:
        values, unparsed = _values(folder / ".env")
    except UnicodeError:
        return FromFile(undecodable=True)
    for name, value in values.items():
        if name in environ:
            continue
        if guarded and (_ROUTE.fullmatch(name) or name.upper() in _PROXIES):
            withheld.append(name)
        else:
            environ[name] = value
            taken.append(name)
    return FromFile(frozenset(taken), tuple(withheld), unparsed=unparsed)


def _is_credential(name: str, value: str) -> bool:
    # An endpoint may contain a password, which a signal's own endpoint or a proxy would redirect.
    return bool(_CREDENTIALS.fullmatch(name) or (_ROUTE.fullmatch(name) and "@" in value))


def _values(path: Path) -> tuple[dict[str, str], tuple[int, ...]]:
    """The file's variables, and the numbers of the lines that are none."""
    from dotenv import dotenv_values

    unparsed = _UnparsedLines()
    logger = logging.getLogger("dotenv.main")
    logger.addFilter(unparsed)
    try:
        # Opening a pipe of that name would block.
        found = dotenv_values(path, interpolate=False) if path.is_file() else {}
    except OSError:
        found = {}
    finally:
        logger.removeFilter(unparsed)
    values: dict[str, str] = {}
    for name, value in found.items():
        if value is not None and _NAME.fullmatch(name) and "\0" not in value:
            values[name] = _expanded(value, values)
    return values, tuple(unparsed.lines)


class _UnparsedLines(logging.Filter):
    """Takes the lines that python-dotenv names in a warning, which does not name the file."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[int] = []

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep a record of a line to itself."""
        line = re.search(r"at line (\d+)$", record.getMessage())
        if line:
            self.lines.append(int(line[1]))
        return line is None


def _expanded(value: str, known: Mapping[str, str]) -> str:
    # Expand the file's own variables only: an address in the file could carry away a secret of the environment.
    return _REFERENCE.sub(lambda found: known.get(found[1], found[2] or ""), value)
