"""An application's own meter provider, which calls record into, read through its own reader."""

from __future__ import annotations

from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from voice_metrics.telemetry import Telemetry


class Store:
    """What came to it."""

    def __init__(self) -> None:
        self._reader = InMemoryMetricReader()
        self.telemetry = Telemetry(meter_provider=MeterProvider([self._reader], shutdown_on_exit=False))

    def of(self, name: str) -> list[Any]:
        """The SDK's points of a series."""
        return [point for told, point in self.everything() if told == name]

    def everything(self) -> list[tuple[str, Any]]:
        """Every one of the SDK's points, with the name of its series."""
        data = self._reader.get_metrics_data()
        return [
            (metric.name, point)
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            for point in metric.data.data_points
        ]

    def points(self) -> list[tuple[str, dict[str, Any], float]]:
        """Name, attributes and value (a histogram's sum) of every point."""
        return [
            (name, dict(point.attributes or {}), getattr(point, "value", None) or getattr(point, "sum", 0.0))
            for name, point in self.everything()
        ]

    def total(self, name: str, **attributes: str) -> float:
        """Sum of a series' points that have these attributes."""
        return sum(value for told, has, value in self.points() if told == name and attributes.items() <= has.items())
