"""Moments as people write and read them on a command line.

Owns the spellings: `2026-11-22`, `2026-11-22T13:05`, `today`, `yesterday`, `90m`, `2h`, `7d` ago. A moment without a
time zone is local.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import typer

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def moment(text: str, now: datetime) -> datetime:
    """Read a moment.

    Args:
        text: As a person wrote it.
        now: The present, with the local time zone.

    Returns:
        The moment, with time zone.

    Raises:
        ValueError: It is none; the message says what is expected.
    """
    written = text.strip().lower()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    days = {"now": now, "today": midnight, "yesterday": midnight - timedelta(days=1)}
    if written in days:
        return days[written]
    ago = re.fullmatch(r"(\d{1,9})\s*([smhdw])", written)
    try:
        if ago:
            return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        found = datetime.fromisoformat(text.strip())
        # A moment without a zone is local: the zone of that day, which may not be today's.
        return found if found.tzinfo else found.astimezone()
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r}: expected a time such as 2026-11-22, 2026-11-22T13:05, today, 2h or 7d") from None


def local(unix_seconds: float, *, offset: bool = False) -> str:
    """A moment in local time, to the second.

    Args:
        unix_seconds: The moment.
        offset: Whether its offset from UTC is said.

    Returns:
        The moment; the number itself where no calendar has it.
    """
    try:
        moment = datetime.fromtimestamp(unix_seconds).astimezone()
        return moment.isoformat(" ", "seconds") if offset else moment.strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return f"{unix_seconds:g} s"


def iso(unix_seconds: float) -> str:
    """A moment in UTC as ISO 8601, to the millisecond; the number itself where no calendar has it."""
    try:
        return datetime.fromtimestamp(unix_seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return f"{unix_seconds:g}"


def option_moment(text: str | None, option: str) -> float | None:
    """Read an option that is a moment.

    Args:
        text: As a person wrote it, or `None` where the option was left out.
        option: The option's name.

    Returns:
        Unix seconds, or `None`.

    Raises:
        BadParameter: It is no moment.
    """
    if text is None:
        return None
    try:
        return moment(text, datetime.now().astimezone()).timestamp()
    except ValueError as error:
        raise typer.BadParameter(f"{option} {error}") from None
