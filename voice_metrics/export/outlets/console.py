"""Series on standard output, for `OTEL_METRICS_EXPORTER=console`."""

from __future__ import annotations

import sys

from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, MetricsData


class Console:
    """Prints what is exported, when it is."""

    def __init__(self) -> None:
        """Prepare the SDK's printer."""
        self._exporter = ConsoleMetricExporter(out=sys.stdout)

    def show(self, data: MetricsData) -> None:
        """Print it."""
        self._exporter.export(data)

    def close(self) -> None:
        """Stop printing."""
        self._exporter.shutdown()
