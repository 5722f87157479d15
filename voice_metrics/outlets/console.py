"""Series on standard output, for `OTEL_METRICS_EXPORTER=console`."""

from __future__ import annotations

from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, MetricsData


class Console:
    """Prints everything that lives, at every interval."""

    def __init__(self) -> None:
        """Prepare the SDK's printer."""
        self._exporter = ConsoleMetricExporter()

    def show(self, data: MetricsData) -> None:
        """Print everything that lives."""
        if any(scope.metrics for resource in data.resource_metrics for scope in resource.scope_metrics):
            self._exporter.export(data)

    def close(self) -> None:
        """Stop printing."""
        self._exporter.shutdown()
