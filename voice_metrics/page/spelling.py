"""Money in words beside each number, so that browser and terminal show the same (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from voice_metrics.call.wording import usd

_USD = "_usd"


def spelled(value: Any) -> Any:
    """Return a JSON-ready value with `NAME_usd_text` beside each `NAME_usd`, at any depth."""
    if isinstance(value, Mapping):
        whole = value.get("cost_usd")
        words = {f"{key}_text": usd(amount, whole) for key, amount in value.items() if key.endswith(_USD)}
        return {key: spelled(part) for key, part in value.items()} | words
    return [spelled(part) for part in value] if isinstance(value, list) else value
