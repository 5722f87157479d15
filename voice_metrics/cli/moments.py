"""Moments on a command line: `2026-11-22`, `2026-11-22T13:05`, `today`, `yesterday`, `90m`, `2h`, `7d` ago.

A moment without a time zone is local.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import typer

_DAYS_AGO = {"today": 0, "yesterday": 1}
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def moment(text: str, now: datetime) -> datetime:
    """Parse a moment; `now` has the local time zone, the result a time zone.

    Raises:
        ValueError: The text is no moment; the message says the accepted forms.
    """
    written = text.strip().lower()
    if written == "now":
        return now
    if written in _DAYS_AGO:
        return _midnight(now, _DAYS_AGO[written])
    ago = re.fullmatch(r"(\d{1,9})\s*([smhdw])", written)
    try:
        if ago:
            return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        found = datetime.fromisoformat(text.strip())
        # Take the local zone of that day, which may differ from today's.
        return found if found.tzinfo else found.astimezone()
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r}: expected a time such as 2026-11-22, 2026-11-22T13:05, today, 2h or 7d") from None


def _midnight(now: datetime, days_ago: int) -> datetime:
    """The local beginning of a day, whose offset from UTC may be another than now's."""
    day = now.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None) - timedelta(days=days_ago)
    return day.astimezone()


def local(unix_seconds: float, *, offset: bool = False) -> str:
    """Format a moment in local time, to the second; `offset` adds the offset from UTC.

    A number beyond any calendar stays as it is.
    """
    try:
        moment = datetime.fromtimestamp(unix_seconds).astimezone()
        return moment.isoformat(" ", "seconds") if offset else moment.strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return f"{unix_seconds:g} s"


def iso(unix_seconds: float) -> str:
    """Format a moment in UTC as ISO 8601, to the millisecond; a number beyond any calendar as it is."""
    try:
        return datetime.fromtimestamp(unix_seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return f"{unix_seconds:g}"


def option_moment(text: str | None, option: str) -> float | None:
    """Parse an option's moment as Unix seconds; `None` if the option was left out.

    Raises:
        BadParameter: The text is no moment; the message names the option.
    """
    if text is None:
        return None
    try:
        return moment(text, datetime.now().astimezone()).timestamp()
    except ValueError as error:
        raise typer.BadParameter(f"{option} {error}") from None
