"""Words for calls, and text that is safe to print."""

from __future__ import annotations

from voice_metrics.call.wording import NOTHING, achieved, count, figures, length, milliseconds, usd

__all__ = ["NOTHING", "achieved", "count", "figures", "length", "milliseconds", "printable", "several", "usd"]


def several(number: int, noun: str) -> str:
    """Return a number of things, such as "2 calls"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def printable(text: str) -> str:
    """Escape control characters and the like, because names come from files and may hold anything."""
    return "".join(sign if sign.isprintable() else f"\\x{ord(sign):02x}" for sign in text)
