"""Parsing of single variables. A misspelt value gives advice, never an error."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from voice_metrics.settings.quantities import count_in, days_in, seconds_in
from voice_metrics.settings.secrecy import looks_secret, shown
from voice_metrics.settings.wrapping import unwrapped

ON = frozenset({"on", "true", "1", "yes", "y", "t", "enabled", "enable"})
OFF = frozenset({"off", "false", "0", "no", "n", "f", "none", "disabled", "disable"})
# Values of a variable that names a file or an address, and is to name none; templates write the last ones.
NOTHING = OFF | {"null", "nil", "undefined"}
_NEVER = OFF - {"0"} | {"never", "forever", "unlimited", "infinite"}
# A larger bare number is taken for milliseconds, because no request and no caller waits for minutes.
MOST_BARE_SECONDS = 300
_HOUR_SECONDS = 3600.0
_CENTURY_DAYS = 36_500
_TEMPLATE = re.compile(r"\$\{[A-Z_]\w*[}:]|\$\([A-Z_]\w*\)|^\$[A-Z_][A-Z0-9_]*(?=/|$)")
_LONGEST_PATH = 4096
_LONGEST_NAME = 255

Value = TypeVar("Value")


class Variables:
    """Parses an environment's variables and collects advice about them."""

    __slots__ = ("_advice", "_environ")

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._advice: dict[str, None] = {}

    def __repr__(self) -> str:
        """Show nothing: tracebacks with local variables must not show secrets."""
        return "Variables()"

    @property
    def advice(self) -> tuple[str, ...]:
        """Advice about misspelt variables, each once; free of secrets."""
        return tuple(self._advice)

    def names(self) -> tuple[str, ...]:
        """Names of all variables."""
        return tuple(self._environ)

    def advise(self, text: str) -> None:
        """Add advice: a sentence or two, free of secrets."""
        self._advice[text] = None

    def wrong(self, name: str, value: str, expected: str) -> None:
        """Advise that a value cannot be used; `expected` says the right form and the default used."""
        self.advise(f"{name}={shown(value)}: expected {expected}")

    def text(self, name: str) -> str:
        """Return a variable without what surrounds its value; empty if not set, or if it names another variable."""
        value = self.list_text(name)
        if is_template(value):
            self.advise(f"{name} names another variable, which nothing replaced by its value; it counts as not set.")
            return ""
        return value

    def list_text(self, name: str) -> str:
        """Return a list without what surrounds it, even if an item of it names another variable."""
        value, advice = unwrapped(name, self._environ.get(name, ""))
        for text in advice:
            self.advise(text)
        return value

    def first(self, *names: str) -> tuple[str, str]:
        """Return the first variable that is set, with its value; the last name and "" if none is.

        Args:
            *names: Variables, the most specific first.
        """
        return next(((name, value) for name in names if (value := self.text(name))), (names[-1], ""))

    def choice(self, name: str, choices: tuple[str, ...], synonyms: Mapping[str, str] | None = None) -> str:
        """Return one of `choices`; the first if the variable is not set or names none.

        Args:
            name: The variable.
            choices: Accepted words.
            synonyms: Further words to one of the choices.
        """
        value = self.text(name)
        word = (synonyms or {}).get(value.lower(), value.lower())
        if value and word not in choices:
            self.wrong(name, value, f"{', '.join(choices[:-1])} or {choices[-1]}; {choices[0]} is used.")
        return word if word in choices else choices[0]

    def switch(self, name: str, on: str, off: str = "off") -> bool:
        """Return False only if the variable switches off; `on` and `off` are accepted beside the usual words."""
        return self.choice(name, (on, off), switch_words(on, off)) == on

    def seconds(self, name: str, default: float, value: str | None = None) -> float:
        """Parse a length of time; a bare number above 300 is taken for milliseconds.

        Args:
            name: The variable.
            default: Seconds if it is not set or unusable.
            value: Its value, if read already.
        """
        value = self.text(name) if value is None else value
        found = seconds_in(value)
        seconds, has_unit = found or (0.0, True)
        if not has_unit and seconds > MOST_BARE_SECONDS:
            seconds /= 1000
        if value and not 0 < seconds <= _HOUR_SECONDS:
            self.wrong(name, value, f"a positive number of seconds, such as 5; {default:g} is used.")
        return seconds if 0 < seconds <= _HOUR_SECONDS else default

    def count(self, name: str, default: int) -> int:
        """Parse a positive whole number; `default` if not set or unusable."""
        return self._number(name, count_in, default, "a positive whole number")

    def days(self, name: str, default: int) -> int:
        """Parse a number of days, a century for "never"; `default` if not set or unusable."""
        if self.text(name).lower() in _NEVER:
            return _CENTURY_DAYS
        return min(self._number(name, days_in, default, "a positive whole number of days"), _CENTURY_DAYS)

    def path(self, name: str, value: str) -> Path | None:
        """Return a file's path, with the home directory for a tilde; `None`, with advice, if the value is none."""
        if mistake := path_mistake(value):
            self.advise(f"{name} {mistake}; expected the path of a file.")
            return None
        try:
            return Path(value).expanduser()
        except RuntimeError:
            # pathlib raises this for a user unknown to the system, as is common in containers.
            self.advise(f"{name}={shown(value)}: no such home directory is known; expected the path of a file.")
            return None

    def _number(self, name: str, read: Callable[[str], int | None], default: int, expected: str) -> int:
        value = self.text(name)
        number = read(value)
        if value and number is None:
            self.wrong(name, value, f"{expected}, such as {default}; {default} is used.")
        return default if number is None else number


def switch_words(on: str, off: str) -> dict[str, str]:
    """Return the usual words that switch on and off, as synonyms of a variable's own two."""
    return dict.fromkeys(ON, on) | dict.fromkeys(OFF, off)


def is_template(value: str) -> bool:
    """True if a value names another variable, as shells, Docker and Kubernetes replace them in some files only."""
    return _TEMPLATE.search(value) is not None


def path_mistake(value: str) -> str | None:
    """Describe a value that is no file path, without any part of it; `None` if it may be one."""
    if "-----BEGIN" in value or "\n" in value:
        return "holds a key or a certificate itself"
    if len(value) > _LONGEST_PATH or any(len(part) > _LONGEST_NAME for part in value.split("/")):
        return "is longer than a path can be"
    if "://" in value or value.startswith(("file:", "sqlite:")):
        return "is a URL"
    return "looks like a token" if "/" not in value and looks_secret(value) else None
