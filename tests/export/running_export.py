"""The export behind a telemetry, for what no user can see of it."""

from __future__ import annotations

from voice_metrics.export.process_export import ProcessExport
from voice_metrics.telemetry import Telemetry


def export_of(telemetry: Telemetry) -> ProcessExport:
    """The running export of a telemetry that has somewhere to send its series."""
    export = telemetry._recorder
    assert isinstance(export, ProcessExport)
    return export
