"""Metrics of Pipecat voice calls: OpenTelemetry series, and a summary of each call."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from voice_metrics.metrics_logger import MetricsLogger
    from voice_metrics.processor import GrafanaMetricsExporter, VoiceMetricsProcessor
    from voice_metrics.settings import SettingsError
    from voice_metrics.summary import CallSummary
    from voice_metrics.telemetry import Telemetry, shutdown

__all__ = [
    "CallSummary",
    "GrafanaMetricsExporter",
    "MetricsLogger",
    "SettingsError",
    "Telemetry",
    "VoiceMetricsProcessor",
    "shutdown",
]

# Each name is imported when it is first asked for, so that the command line does not load Pipecat.
_HOME = {
    "CallSummary": "summary",
    "GrafanaMetricsExporter": "processor",
    "MetricsLogger": "metrics_logger",
    "SettingsError": "settings",
    "Telemetry": "telemetry",
    "VoiceMetricsProcessor": "processor",
    "shutdown": "telemetry",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
