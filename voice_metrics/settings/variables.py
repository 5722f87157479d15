"""Variables of an environment, one by one, as people write them.

What is misspelt gives advice, never an error: telemetry that is set up wrongly costs no call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from voice_metrics.settings.quantities import count_in, days_in, seconds_in
from voice_metrics.settings.secrecy import looks_secret, shown

ON = frozenset({"on", "true", "1", "yes", "y", "t", "enabled", "enable"})
OFF = frozenset({"off", "false", "0", "no", "n", "f", "none", "disabled", "disable"})
_NEVER = OFF - {"0"} | {"never", "forever", "unlimited", "infinite"}
_QUOTES = ("'", '"')
# A bare number of seconds beyond it is one of milliseconds: no request and no caller waits for minutes.
MOST_BARE_SECONDS = 300
_HOUR_SECONDS = 3600.0
_CENTURY_DAYS = 36_500
_LONGEST_PATH = 4096
_LONGEST_NAME = 255

Value = TypeVar("Value")


class Variables:
    """Reads an environment and collects advice about it."""

    __slots__ = ("_advice", "_environ")

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Begin without advice.

        Args:
            environ: The environment.
        """
        self._environ = environ
        self._advice: dict[str, None] = {}

    def __repr__(self) -> str:
        """Nothing of it: a traceback that shows the variables of its frames must not show secrets."""
        return "Variables()"

    @property
    def advice(self) -> tuple[str, ...]:
        """What is misspelt and how it is right, each once; free of secrets."""
        return tuple(self._advice)

    def names(self) -> tuple[str, ...]:
        """The names of all variables."""
        return tuple(self._environ)

    def advise(self, text: str) -> None:
        """Note advice.

        Args:
            text: A sentence or two, free of secrets.
        """
        self._advice[text] = None

    def wrong(self, name: str, value: str, expected: str) -> None:
        """Advise that a value cannot be used.

        Args:
            name: The variable.
            value: Its value.
            expected: What is right, and what is used instead.
        """
        self.advise(f"{name}={shown(value)}: expected {expected}")

    def text(self, name: str) -> str:
        """A variable without blanks and quotes around it; empty if it is not set.

        Args:
            name: The variable.
        """
        value = self._environ.get(name, "").strip()
        if len(value) > 1 and value[0] in _QUOTES and value[-1] == value[0]:
            value = value[1:-1].strip()
            self.advise(
                f"{name} stands in quotes; they were taken off. Write it without: `docker --env-file` keeps them."
            )
        return value

    def first(self, *names: str) -> tuple[str, str]:
        """The first of some variables that is set, and its value; the last and an empty text if none is.

        Args:
            *names: The variables, the most particular first.
        """
        return next(((name, value) for name in names if (value := self.text(name))), (names[-1], ""))

    def choice(self, name: str, choices: tuple[str, ...], synonyms: Mapping[str, str] | None = None) -> str:
        """One of a few words; the first if the variable is not set or names none of them.

        Args:
            name: The variable.
            choices: The words.
            synonyms: Further words that mean one of them.
        """
        value = self.text(name)
        word = (synonyms or {}).get(value.lower(), value.lower())
        if value and word not in choices:
            self.wrong(name, value, f"{', '.join(choices[:-1])} or {choices[-1]}; {choices[0]} is used.")
        return word if word in choices else choices[0]

    def switch(self, name: str, on: str, off: str = "off") -> bool:
        """A switch that is on unless it is turned off.

        Args:
            name: The variable.
            on: The word for on, beside the obvious ones.
            off: The word for off, beside the obvious ones.
        """
        synonyms = dict.fromkeys(ON, on) | dict.fromkeys(OFF, off)
        return self.choice(name, (on, off), synonyms) == on

    def seconds(self, name: str, default: float, value: str | None = None) -> float:
        """A length of time; a bare number beyond 300 is one of milliseconds.

        Args:
            name: The variable.
            default: Seconds if it is not set or cannot be used.
            value: Its value, if it was read already.
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
        """A number of things.

        Args:
            name: The variable.
            default: The number if it is not set or cannot be used.
        """
        return self._number(name, count_in, default, "a positive whole number")

    def days(self, name: str, default: int) -> int:
        """A number of days, a century for never.

        Args:
            name: The variable.
            default: The number if it is not set or cannot be used.
        """
        if self.text(name).lower() in _NEVER:
            return _CENTURY_DAYS
        return min(self._number(name, days_in, default, "a positive whole number of days"), _CENTURY_DAYS)

    def path(self, name: str, value: str) -> Path | None:
        """A file's path with the home directory for a tilde, or `None` with advice if it is none.

        Args:
            name: The variable.
            value: Its value.
        """
        if mistake := path_mistake(value):
            self.advise(f"{name} {mistake}; expected the path of a file.")
            return None
        try:
            return Path(value).expanduser()
        except RuntimeError:
            # pathlib's error for a user whom the system does not know, such as a bare number in a container.
            self.advise(f"{name}={shown(value)}: no such home directory is known; expected the path of a file.")
            return None

    def _number(self, name: str, read: Callable[[str], int | None], default: int, expected: str) -> int:
        value = self.text(name)
        number = read(value)
        if value and number is None:
            self.wrong(name, value, f"{expected}, such as {default}; {default} is used.")
        return default if number is None else number


def path_mistake(value: str) -> str | None:
    """What a value is that should be a file's path, without any part of it; `None` if it may be one.

    Args:
        value: The value.
    """
    if "-----BEGIN" in value or "\n" in value:
        return "holds a key or a certificate itself"
    if len(value) > _LONGEST_PATH or any(len(part) > _LONGEST_NAME for part in value.split("/")):
        return "is longer than a path can be"
    if "://" in value:
        return "is a URL"
    return "looks like a token" if "/" not in value and looks_secret(value) else None
