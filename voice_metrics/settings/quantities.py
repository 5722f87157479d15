"""Numbers as people write them into an environment (pure): `2s`, `500 ms`, `20k`, `20_000`, `4 weeks`."""

from __future__ import annotations

import math
import re

_NUMBER = re.compile(r"(\d+(?:[_ ,']\d{3})+|\d*[.,]?\d+(?:e\+?\d{1,3})?|\d+[.,])\s*([a-zµ]*)", re.ASCII | re.IGNORECASE)
_LONGEST = 40
_SECONDS = {
    "ms": 1e-3, "msec": 1e-3, "msecs": 1e-3, "millis": 1e-3, "millisecond": 1e-3, "milliseconds": 1e-3,
    "s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0,
    "m": 60.0, "min": 60.0, "mins": 60.0, "minute": 60.0, "minutes": 60.0,
    "h": 3600.0, "hr": 3600.0, "hour": 3600.0, "hours": 3600.0,
}  # fmt: skip
_MULTIPLES = {"": 1, "k": 1000, "m": 1_000_000, "g": 1_000_000_000}
_DAYS = {"": 1, "d": 1, "day": 1, "days": 1, "w": 7, "week": 7, "weeks": 7, "y": 365, "year": 365, "years": 365}


def seconds_in(text: str) -> tuple[float, bool] | None:
    """Parse a length of time: the number, in seconds if it has a unit, else as written, and whether it has one.

    Returns:
        `None` if it is no positive, finite number.
    """
    number, unit = _number_and_unit(text)
    if number is None or (unit and unit not in _SECONDS):
        return None
    return number * _SECONDS.get(unit, 1.0), bool(unit)


def count_in(text: str) -> int | None:
    """Parse a positive whole number; `None` if the text is none."""
    return _whole_number(text, _MULTIPLES)


def days_in(text: str) -> int | None:
    """Parse a positive whole number of days; `None` if the text is none."""
    return _whole_number(text, _DAYS)


def _whole_number(text: str, units: dict[str, int]) -> int | None:
    # A whole number has no fraction, so that its dots are those of thousands.
    grouped = re.fullmatch(r"\s*[1-9]\d{0,2}(\.\d{3})+\s*", text, re.ASCII)
    number, unit = _number_and_unit(text.replace(".", "") if grouped else text)
    if number is None or unit not in units:
        return None
    product = number * units[unit]
    return int(product) if product == int(product) else None


def _number_and_unit(text: str) -> tuple[float | None, str]:
    found = _NUMBER.fullmatch(text.strip()) if len(text) <= _LONGEST else None
    if found is None:
        return None, ""
    digits = found[1]
    grouped = re.fullmatch(r"\d+(?:[_ ,']\d{3})+", digits)
    number = float(re.sub(r"[_ ,']", "", digits) if grouped else digits.replace(",", "."))
    return (number if 0 < number < math.inf else None), found[2].lower()
