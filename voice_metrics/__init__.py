"""Metrics of Pipecat voice calls: OpenTelemetry series, and a summary of each call."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from voice_metrics.call.summary import CallSummary
    from voice_metrics.metrics_logger import MetricsLogger
    from voice_metrics.observer import VoiceMetricsObserver
    from voice_metrics.pipecat.current_call import duration, outcome, record_metric
    from voice_metrics.processor import GrafanaMetricsExporter, VoiceMetricsProcessor
    from voice_metrics.series.declarations import Metric, register_metric
    from voice_metrics.server import instrument_server as instrument_server
    from voice_metrics.settings.environment import SettingsError
    from voice_metrics.telemetry import Telemetry, shutdown

# `instrument_server` is public too, but `import *` must not need its extra.
__all__ = [
    "CallSummary",
    "GrafanaMetricsExporter",
    "Metric",
    "MetricsLogger",
    "SettingsError",
    "Telemetry",
    "VoiceMetricsObserver",
    "VoiceMetricsProcessor",
    "duration",
    "outcome",
    "record_metric",
    "register_metric",
    "shutdown",
]

# Names are imported on first access, so that the command line does not load Pipecat.
_HOME = {
    "CallSummary": "call.summary",
    "GrafanaMetricsExporter": "processor",
    "Metric": "series.declarations",
    "MetricsLogger": "metrics_logger",
    "SettingsError": "settings.environment",
    "Telemetry": "telemetry",
    "VoiceMetricsObserver": "observer",
    "VoiceMetricsProcessor": "processor",
    "duration": "pipecat.current_call",
    "instrument_server": "server",
    "outcome": "pipecat.current_call",
    "record_metric": "pipecat.current_call",
    "register_metric": "series.declarations",
    "shutdown": "telemetry",
}


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name not in _HOME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)

    def __dir__() -> list[str]:
        return [*_HOME, *(name for name in globals() if name.startswith("__"))]
