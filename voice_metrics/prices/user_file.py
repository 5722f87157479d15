"""Reading the user's price file, TOML, with the line number of any mistake; `user_table` checks its entries."""

from __future__ import annotations

import re
import stat
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

from voice_metrics.prices.user_table import UserTable, read_table
from voice_metrics.settings.environment import SettingsError

_LINE = re.compile(r"line (\d+)")
# A price file of a thousand models has about 100 kB.
_MOST_BYTES = 1_000_000


def read_file(path: Path, name: str, *, shown: str) -> UserTable:
    """Read a price file.

    Args:
        path: The file.
        name: Name of the setting in messages, such as "VOICE_METRICS_PRICES".
        shown: Its value in messages: the path as the user wrote it.

    Raises:
        SettingsError: The file cannot be read or used; the message has the line.
    """
    setting = f"{name}={shown!r}"
    try:
        text = _read_text(path.expanduser())
    except _UnusableFile as error:
        raise SettingsError(f"{setting}: {error}: expected a TOML file of prices") from None
    except RuntimeError as error:
        raise SettingsError(f"{setting}: no such home directory is known: expected the path of a TOML file") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise SettingsError(f"{setting}: {reason}: expected a readable TOML file of prices") from error
    try:
        table = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{setting}: {_syntax_message(error, text)}: expected TOML") from error
    except (ArithmeticError, ValueError) as error:
        # Python refuses integers of more than 4 300 digits.
        raise SettingsError(
            f"{setting}: line {_line_of_longest_number(text)}: a number cannot be read: expected TOML"
        ) from error
    except RecursionError as error:
        raise SettingsError(f"{setting}: brackets inside brackets without end: expected TOML") from error

    def place(model: str, number: int, key: str | None) -> str:
        # Line numbers are computed for messages only.
        return f"{setting}: line {_Lines(text).line_of(model, number, key)}: model {_quoted(model)}"

    return read_table(table, f"your price file {path.name}", place)


class _UnusableFile(Exception):
    """A file that is not read; its text says why."""


def _read_text(path: Path) -> str:
    # Reading a pipe would block the bot, and a device has no end.
    found = path.stat()
    if not stat.S_ISREG(found.st_mode) and not stat.S_ISDIR(found.st_mode):
        raise _UnusableFile("it is no regular file")
    if found.st_size > _MOST_BYTES:
        raise _UnusableFile(f"it has more than {_MOST_BYTES} bytes")
    # Editors on Windows write a byte order mark.
    return path.read_text("utf-8-sig")


def _quoted(model: str) -> str:
    return repr(model if len(model) <= 200 else f"{model[:200]}…")


def _line_of_longest_number(text: str) -> int:
    longest = max(re.finditer(r"[0-9a-fA-FxX_]{100,}", text), key=lambda run: len(run[0]), default=None)
    return 1 if longest is None else text.count("\n", 0, longest.start()) + 1


def _syntax_message(error: tomllib.TOMLDecodeError, text: str) -> str:
    # tomllib says "Invalid value (at line 2, column 5)" or "… (at end of document)".
    reason, _, place = str(error).rpartition(" (at ")
    line = _LINE.match(place)
    return f"line {line[1] if line else len(text.splitlines())}: {reason or place}"


class _Lines:
    """Line numbers of models, prices and their keys in a TOML file."""

    def __init__(self, text: str) -> None:
        self._places: dict[tuple[str, int, str | None], int] = {}
        # The current section's model and entry number, and the model of an open array.
        self._section: tuple[str, int] | None = None
        self._array: str | None = None
        self._sections: dict[str, int] = {}
        for line, content in enumerate(text.splitlines(), 1):
            self._read_line(line, content.strip())

    def line_of(self, model: str, number: int, key: str | None) -> int:
        """The line of a key, else of its entry, else of its model, else the first."""
        places = ((model, number, key), (model, number, None), (model, 0, None))
        return next((self._places[place] for place in places if place in self._places), 1)

    def _read_line(self, line: int, content: str) -> None:
        if self._array is not None:
            self._read_element(line, content)
        elif content.startswith("["):
            self._read_header(line, content)
        elif (table := _parsed_toml(content)) is not None:
            for key, value in table.items():
                self._read_key(line, key, value)
        elif table := _parsed_toml(f"{content}]"):
            # `"model" = [` opens an array with an entry on each following line.
            self._array = next(iter(table))
            self._places.setdefault((self._array, 0, None), line)
            self._section = (self._array, -1)

    def _read_header(self, line: int, content: str) -> None:
        for model, value in (_parsed_toml(content) or {}).items():
            number = self._sections.get(model, 0)
            self._sections[model] = number + 1
            self._section = (model, number if isinstance(value, list) else 0)
            self._places.setdefault((*self._section, None), line)

    def _read_key(self, line: int, key: str, value: Any) -> None:
        if self._section is not None:
            self._places[*self._section, key] = line
            return
        entries = value if isinstance(value, list) else [value]
        for number, entry in enumerate(entries):
            self._places.setdefault((key, number, None), line)
            for inner in entry if isinstance(entry, dict) else ():
                self._places[key, number, inner] = line

    def _read_element(self, line: int, content: str) -> None:
        model, number = self._section or ("", -1)
        for entry in (_parsed_toml(f"x = [{content.rstrip(',]')}]") or {}).get("x", ()):
            number += 1
            self._places[model, number, None] = line
            for inner in entry if isinstance(entry, dict) else ():
                self._places[model, number, inner] = line
        self._section = (model, number)
        if content.endswith("]"):
            self._array = self._section = None


def _parsed_toml(content: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(content)
    except (ValueError, ArithmeticError, RecursionError):
        return None
