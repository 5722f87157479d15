"""Money in words, beside each number of an answer: the browser shows the words that the terminal shows (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from voice_metrics.call.wording import usd

_USD = "_usd"


def spelled(value: Any) -> Any:
    """The same with `cost_usd_text` beside each `cost_usd`, in dictionaries at any depth.

    Args:
        value: A JSON-ready value.
    """
    if isinstance(value, Mapping):
        whole = value.get("cost_usd")
        words = {f"{key}_text": usd(amount, whole) for key, amount in value.items() if key.endswith(_USD)}
        return {key: spelled(part) for key, part in value.items()} | words
    return [spelled(part) for part in value] if isinstance(value, list) else value
