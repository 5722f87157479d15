"""OpenTelemetry's exporter on a session of ours.

Owns its set-up, which may log no secret. Refuses to know what is sent.
"""

from __future__ import annotations

import logging
import threading

from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from voice_metrics.export.delivery import Delivery
from voice_metrics.settings.endpoint import Endpoint


class EncodedExporter(OTLPMetricExporter):
    """OpenTelemetry's exporter, which also takes requests that are encoded already."""

    def post(self, request: ExportMetricsServiceRequest) -> None:
        """Send a request; what became of it is in the session's outcome."""
        self._export_batch(request)


def stock_exporter(endpoint: Endpoint, session: Delivery) -> EncodedExporter:
    """Make OpenTelemetry's exporter on a session of ours.

    Args:
        endpoint: Where requests go.
        session: What posts them.

    Returns:
        The exporter. The session compresses and sets headers, so that bodies reach it as they are.
    """
    # The constructor parses OTEL_EXPORTER_OTLP_HEADERS whatever it is given, and logs a malformed
    # value word for word.
    parser = logging.getLogger("opentelemetry.util.re")
    here = threading.get_ident()

    def elsewhere(record: logging.LogRecord) -> bool:
        return record.thread != here

    parser.addFilter(elsewhere)
    try:
        return EncodedExporter(
            endpoint=endpoint.address,
            headers={},
            timeout=endpoint.timeout_seconds,
            compression=Compression.NoCompression,
            certificate_file=endpoint.certificate,
            client_certificate_file=endpoint.client_certificate,
            client_key_file=endpoint.client_key,
            session=session,
            max_request_size=0,
        )
    finally:
        parser.removeFilter(elsewhere)
