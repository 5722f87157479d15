"""The extra that measures the web server around the calls."""

from voice_metrics.server.instrumentation import instrument_server

__all__ = ["instrument_server"]
