"""Writes down what the services measured, with nothing of voice_metrics in between, so that a check can compare."""

import json
from pathlib import Path

from pipecat.frames.frames import MetricsFrame
from pipecat.observers.base_observer import BaseObserver, FramePushed


class Record(BaseObserver):
    """Writes each measurement of each metrics frame as one line of JSON.

    Args:
        path: File to append to.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(observe_every_push=False)
        self._file = path.open("a", encoding="utf-8", buffering=1)

    async def on_push_frame(self, data: FramePushed) -> None:
        """Write down a metrics frame."""
        if isinstance(data.frame, MetricsFrame):
            for measurement in data.frame.data:
                line = {"frame": data.frame.id, "kind": type(measurement).__name__, **measurement.model_dump()}
                self._file.write(json.dumps(line) + "\n")
