"""The process's OpenTelemetry resource, part of every request.

OpenTelemetry's own function waits for every detector until it returns, and so does the exit of its process. Here each
runs on a thread that the exit does not wait for, and one that fails or hangs costs only what it would find.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from functools import cache
from importlib.metadata import PackageNotFoundError, entry_points, version

from loguru import logger
from opentelemetry.sdk.resources import Resource

from voice_metrics.call.text import one_line
from voice_metrics.export.connections import start_apart
from voice_metrics.export.instance import instance_id, release
from voice_metrics.settings.environment import Settings
from voice_metrics.settings.wrapping import unwrapped

SCOPE = "voice_metrics"
DISTRIBUTION = "pipecat-voice-metrics"
_VARIABLE = "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS"
_GROUP = "opentelemetry_resource_detector"
# Detectors of clouds ask a metadata server, and wait some seconds without one.
_LONGEST_SECONDS = 10.0
_MOST_CHARACTERS = 300


@cache
def installed(distribution: str) -> str:
    """Return the version of an installed distribution, or "unknown"."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "unknown"


# Reading a distribution's description takes milliseconds: with the imports, and not on the event loop of a first call.
for _needed in ("opentelemetry-sdk", "pipecat-ai", DISTRIBUTION):
    installed(_needed)


class About:
    """The resource of a process."""

    def __init__(self, settings: Settings, service_name: str, *, forked: bool = False) -> None:
        """Start the environment's detectors; `forked` is True for a forked child."""
        child = forked or multiprocessing.parent_process() is not None
        self._instance = instance_id(settings.resource.get("service.instance.id"), child=child)
        self._plain = Resource(
            {
                "telemetry.sdk.language": "python",
                "telemetry.sdk.name": "opentelemetry",
                "telemetry.sdk.version": installed("opentelemetry-sdk"),
                **settings.resource,
                "service.instance.id": self._instance,
                "service.name": service_name,
                "pipecat.version": installed("pipecat-ai"),
                "telemetry.distro.name": DISTRIBUTION,
                "telemetry.distro.version": installed(DISTRIBUTION),
            }
        )
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

    def resource(self, until: Callable[[], float] = lambda: float("inf")) -> Resource:
        """Return the resource, as complete as it is by `until`, the latest monotonic second to wait for detectors."""
        for thread in self._threads:
            while thread.is_alive() and time.monotonic() < min(self._latest, until()):
                thread.join(0.05)
        resource = Resource.get_empty()
        for found in (*self._found.values(), self._plain):
            resource = resource.merge(found)
        return resource

    def release(self) -> None:
        """Leave the instance id to the next export of this process."""
        release(self._instance)

    def _detect(self, name: str) -> None:
        try:
            entries = list(entry_points(group=_GROUP, name=name))
            if not entries:
                raise LookupError("no installed package has it")
            self._found[name] = Resource(dict(entries[0].load()().detect().attributes))
        except BaseException as error:
            words = one_line(f"{type(error).__name__}: {error}", _MOST_CHARACTERS)
            logger.warning(f"{_VARIABLE}: {name} could not be detected ({words}).")
