"""Writes the services' measurements, seen by an independent observer, and the summary to compare them with."""

import json
from pathlib import Path
from typing import Any

from pipecat.frames.frames import MetricsFrame
from pipecat.observers.base_observer import BaseObserver, FramePushed

from voice_metrics import CallSummary, VoiceMetricsProcessor


class Record(BaseObserver):
    """Appends each measurement of each metrics frame to the file `path`, as one line of JSON."""

    def __init__(self, path: Path) -> None:
        super().__init__(observe_every_push=False)
        self._file = path.open("a", encoding="utf-8", buffering=1)

    async def on_push_frame(self, data: FramePushed) -> None:
        """Write a metrics frame."""
        if isinstance(data.frame, MetricsFrame):
            for measurement in data.frame.data:
                self._write(frame=data.frame.id, kind=type(measurement).__name__, **measurement.model_dump())

    async def add_summary(self, processor: VoiceMetricsProcessor, summary: CallSummary) -> None:
        """Write voice_metrics' summary."""
        self._write(kind="CallSummary", **summary.to_dict())

    def _write(self, **line: Any) -> None:
        self._file.write(json.dumps(line) + "\n")
