"""Numbers of a call in words, for tables (pure). A number that does not exist is a dash."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NOTHING = "–"
_FIGURES = (("avg", "average_ms"), ("min", "min_ms"), ("p50", "p50_ms"), ("p95", "p95_ms"), ("max", "max_ms"))


def printable(text: str) -> str:
    """Text without what a terminal would obey: names come from files and may hold anything."""
    return "".join(sign if sign.isprintable() else f"\\x{ord(sign):02x}" for sign in text)


def milliseconds(value: float | None) -> str:
    """Milliseconds, whole."""
    return NOTHING if value is None else f"{value:.0f} ms"


def count(value: float | None) -> str:
    """A number of things."""
    return NOTHING if value is None else f"{value:.0f}"


def usd(value: float | None) -> str:
    """US dollars: two digits beyond the cent, more where it is less."""
    if value is None:
        return NOTHING
    if value == 0 or abs(value) >= 0.01:
        return f"${value:.4f}"
    return f"${value:.6f}" if abs(value) >= 0.0001 else f"${value:.2g}"


def length(seconds: float | None) -> str:
    """A length of time: seconds, or minutes and seconds, or hours and minutes."""
    if seconds is None:
        return NOTHING
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def figures(latency: Mapping[str, Any] | None) -> str:
    """Average, least, median, 95th percentile, most and number of a latency."""
    if not latency or not latency.get("count"):
        return "none measured"
    parts = ", ".join(f"{word} {latency[key]:.0f}" for word, key in _FIGURES if latency.get(key) is not None)
    cut = f", {latency['interrupted']} interrupted left out" if latency.get("interrupted") else ""
    return f"{parts} ms ({latency['count']}x{cut})"
