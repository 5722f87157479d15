"""Writes voice_metrics/prices/data/price_lists.txt from the installed genai-prices and voice-prices."""

from __future__ import annotations

from datetime import UTC, datetime

from voice_metrics.prices.libraries import lists_text
from voice_metrics.prices.price_lists import PACKAGED

if __name__ == "__main__":
    PACKAGED.write_text(lists_text(datetime.now(UTC).date()), "utf-8")
