"""A stored summary read back (pure): a value of another type than `CallSummary.to_dict()` writes reads as absent.

Another program or a bad disk may have written anything, and one odd call must not stop a page or a table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

# JSON has no infinity, and a float none of the digits beyond.
GREATEST = 1e300
Reading = Callable[[Any], Any]


def number(value: Any) -> float | int | None:
    """Return a finite number, or `None` for anything else."""
    found = isinstance(value, int | float) and not isinstance(value, bool) and -GREATEST < value < GREATEST
    return value if found else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _scalar(value: Any) -> Any:
    return value if isinstance(value, str | bool) else number(value)


def _dict_of(reading: Reading) -> Reading:
    """Return a reading of dictionaries with any keys, whose values have one reading."""
    return lambda value: {name: reading(part) for name, part in value.items()} if isinstance(value, dict) else {}


def _list_of(reading: Reading) -> Reading:
    return lambda value: [reading(part) for part in value] if isinstance(value, list) else []


def _keys(known: Mapping[str, Reading]) -> Reading:
    """Return a reading of dictionaries by key; unknown keys stay only with a scalar."""

    def read(value: Any) -> dict[str, Any]:
        parts = value.items() if isinstance(value, dict) else ()
        found = {name: known.get(name, _scalar)(part) for name, part in parts}
        return {name: part for name, part in found.items() if name in known or part is not None}

    return read


_NUMBERS, _TEXTS = _dict_of(number), _dict_of(_text)
_SERVICES = _keys(
    dict.fromkeys(("count", "average_ms", "min_ms", "max_ms", "p50_ms", "p95_ms", "interrupted"), number)
    | {"by_service": _dict_of(_NUMBERS)}
)
KEYS: Mapping[str, Reading] = {
    **dict.fromkeys(("call_id", "started_at", "end_reason", "outcome", "ended_by", "trace_id"), _text),
    **dict.fromkeys(("models", "attributes"), _TEXTS),
    **dict.fromkeys(("success", "exported"), lambda value: value if isinstance(value, bool) else None),
    **dict.fromkeys(
        ("duration_seconds", "greeting_ms", "interruptions", "false_interruptions", "switches", "errors", "dropped"),
        number,
    ),
    **dict.fromkeys(
        ("llm", "tts", "stt", "response", "response_parts", "turns", "interruption_stop", "floor", "bot_gaps"), _NUMBERS
    ),
    **dict.fromkeys(("loop_lag", "function_calls"), _NUMBERS),
    **dict.fromkeys(("ttfb", "processing"), _SERVICES),
    "cost": _keys(
        dict.fromkeys(("llm_usd", "stt_usd", "tts_usd", "total_usd", "per_minute_usd"), number)
        | {"unpriced": _list_of(_text), "unpriced_reasons": _list_of(_text), "prices": _list_of(_TEXTS)}
    ),
}
read_summary: Callable[[Any], dict[str, Any]] = _keys(KEYS)
