"""Moments in an answer's headers: the wait that Retry-After asks for, and the server's clock (pure)."""

from __future__ import annotations

import math
import re
from datetime import UTC
from email.utils import parsedate_to_datetime

# RFC 9110, section 5.6.7.
_DATE = re.compile(r"[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT")


def retry_after_seconds(value: str | None, now: float, date: str = "") -> float | None:
    """Return the wait in seconds of a Retry-After header (RFC 9110, section 10.2.3), or `None` if unusable.

    Args:
        value: The header, or `None`.
        now: Unix seconds.
        date: The answer's Date header, the reference for a date in `value`; empty without one.
    """
    if value is None:
        return None
    value = value[:100]
    try:
        seconds = float(value)
    except ValueError:
        until = _moment(value)
        if until is None:
            return None
        # A proxy may add its own date beside the server's: the nearest one is of the same clock.
        seconds = min((until - moment for moment in _moments(date) if moment <= until), default=until - now)
    return max(seconds, 0.0) if math.isfinite(seconds) else None


def behind_seconds(now: float, date: str) -> float | None:
    """Return the seconds by which a clock is behind the nearest of an answer's dates, or `None` without one.

    Args:
        now: Unix seconds of the clock at the answer.
        date: The answer's Date header.
    """
    return min((moment - now for moment in _moments(date)), key=abs, default=None)


def _moments(date: str) -> list[float]:
    return [moment for found in _DATE.findall(date[:200]) if (moment := _moment(found)) is not None]


def _moment(date: str) -> float | None:
    """Return a date's Unix seconds; `None` if it is no date."""
    try:
        moment = parsedate_to_datetime(date)
    except (TypeError, ValueError, OverflowError):
        return None
    # Dates of HTTP are in UTC, with or without a word about it.
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
