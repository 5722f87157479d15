"""Readers beside OTLP: the console and a `/metrics` endpoint for Prometheus."""

from __future__ import annotations

from typing import Protocol

from opentelemetry.sdk.metrics.export import MetricsData


class Outlet(Protocol):
    """A reader beside OTLP that is shown what is exported."""

    def show(self, data: MetricsData) -> None:
        """Show what was collected: all that lives, or what a few calls end with."""

    def close(self) -> None:
        """Stop showing."""
