"""The resource detectors that the environment names, each on a thread that the exit of the process does not wait for.

OpenTelemetry's own function waits for every detector until it returns, and so does the exit of its process.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from importlib.metadata import entry_points

from loguru import logger
from opentelemetry.sdk.resources import Resource

from voice_metrics.call.text import one_line
from voice_metrics.export.connections import start_apart
from voice_metrics.settings.wrapping import unwrapped

_VARIABLE = "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS"
_GROUP = "opentelemetry_resource_detector"
# Detectors of clouds ask a metadata server, and wait some seconds without one.
_LONGEST_SECONDS = 10.0
_MOST_CHARACTERS = 300


class Detectors:
    """Detectors that run at once; one that fails or hangs costs only what it would find."""

    def __init__(self) -> None:
        """Start the environment's detectors."""
        value, _ = unwrapped(_VARIABLE, os.environ.get(_VARIABLE, ""))
        names = {name.strip(): None for name in value.split(",")}
        if "*" in names:
            names = dict.fromkeys(sorted(entry_points(group=_GROUP).names))
        # The environment's own attributes are read without one.
        self._found = {name: Resource.get_empty() for name in names if name not in ("", "otel")}
        self._latest = time.monotonic() + _LONGEST_SECONDS
        self._threads = [
            threading.Thread(target=self._detect, args=(name,), name="voice-metrics-resource", daemon=True)
            for name in self._found
        ]
        for thread in self._threads:
            start_apart(thread)

    def found(self, until: Callable[[], float]) -> Resource:
        """Return the resource that was found by `until`, the latest monotonic second to wait for; later ones win."""
        for thread in self._threads:
            while thread.is_alive() and time.monotonic() < min(self._latest, until()):
                thread.join(0.05)
        resource = Resource.get_empty()
        for each in list(self._found.values()):
            resource = resource.merge(each)
        return resource

    def _detect(self, name: str) -> None:
        try:
            entries = list(entry_points(group=_GROUP, name=name))
            if not entries:
                raise LookupError("no installed package has it")
            self._found[name] = Resource(dict(entries[0].load()().detect().attributes))
        except BaseException as error:
            words = one_line(f"{type(error).__name__}: {error}", _MOST_CHARACTERS)
            logger.warning(f"{_VARIABLE}: {name} could not be detected ({words}).")
