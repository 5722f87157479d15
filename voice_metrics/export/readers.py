"""Outputs beside OTLP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from voice_metrics.export.messages import Entry


class Reader(Protocol):
    """An output that is shown what is exported."""

    def show(self, entries: Sequence[Entry]) -> None:
        """Show all that lives, or what a few calls end with."""
        ...

    def close(self) -> None:
        """Stop showing."""
        ...
