"""The extra that measures the web server around the calls."""

from voice_metrics.server.server import instrument_server

__all__ = ["instrument_server"]
