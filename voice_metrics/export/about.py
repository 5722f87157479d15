"""The process's OpenTelemetry resource, part of every request."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from opentelemetry.sdk.resources import Resource

from voice_metrics.export.detectors import Detectors
from voice_metrics.export.instance import instance_id
from voice_metrics.settings.environment import Settings

SCOPE = "voice_metrics"
DISTRIBUTION = "pipecat-voice-metrics"


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
        """Start the detection of the resource; `forked` is True for a forked child."""
        child = forked or multiprocessing.parent_process() is not None
        self._plain = Resource(
            {
                "telemetry.sdk.language": "python",
                "telemetry.sdk.name": "opentelemetry",
                "telemetry.sdk.version": installed("opentelemetry-sdk"),
                **settings.resource,
                "service.instance.id": instance_id(settings.resource.get("service.instance.id"), child=child),
                "service.name": service_name,
                "pipecat.version": installed("pipecat-ai"),
                "telemetry.distro.name": DISTRIBUTION,
                "telemetry.distro.version": installed(DISTRIBUTION),
            }
        )
        self._detectors = Detectors()

    def resource(self, until: Callable[[], float] = lambda: float("inf")) -> Resource:
        """Return the resource, as complete as it is by `until`, the latest monotonic second to wait for detectors."""
        return self._detectors.found(until).merge(self._plain)
