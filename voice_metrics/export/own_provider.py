"""The process's own meter provider, and the export behind it.

Owns what is made once per process: resource, provider, reader, accumulation and thread. Refuses to
decide when.
"""

from __future__ import annotations

import errno
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from loguru import logger
from opentelemetry.metrics import Meter
from opentelemetry.sdk.metrics import (
    AlwaysOffExemplarFilter,
    AlwaysOnExemplarFilter,
    ExemplarFilter,
    MeterProvider,
    TraceBasedExemplarFilter,
)
from opentelemetry.sdk.resources import Resource

from voice_metrics.export.accumulation import SHARED, Accumulation
from voice_metrics.export.budget import Budget
from voice_metrics.export.collection import Collection, Hooks
from voice_metrics.export.delivery import Delivery
from voice_metrics.export.exporter import Exporter
from voice_metrics.export.keeping import Keeping
from voice_metrics.export.outlets import Outlet
from voice_metrics.export.outlets.console import Console
from voice_metrics.export.reader import delta_reader
from voice_metrics.export.running import RunningCalls, Tags
from voice_metrics.export.shipping import Shipping
from voice_metrics.export.spool import Spool
from voice_metrics.export.wire import Wire
from voice_metrics.series import table
from voice_metrics.settings.environment import Settings

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricsData

SCOPE = "voice_metrics"
DISTRIBUTION = "pipecat-voice-metrics"
# An ended call is shown at /metrics until it has been scraped for sure.
_PROMETHEUS_RETENTION_SECONDS = 300.0
_EXEMPLARS: dict[str, Callable[[], ExemplarFilter]] = {
    "trace_based": TraceBasedExemplarFilter,
    "always_on": AlwaysOnExemplarFilter,
    "always_off": AlwaysOffExemplarFilter,
}


def installed(distribution: str) -> str:
    """Version of an installed distribution, or "unknown"."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "unknown"


def resource(settings: Settings, service_name: str) -> Resource:
    """What every request says about this process.

    Args:
        settings: The environment's.
        service_name: `service.name`.
    """
    return Resource.create(
        {
            "service.instance.id": str(uuid.uuid4()),
            **settings.resource,
            "service.name": service_name,
            "pipecat.version": installed("pipecat-ai"),
            "telemetry.distro.name": DISTRIBUTION,
            "telemetry.distro.version": installed(DISTRIBUTION),
        }
    )


class OwnProvider:
    """Provider, reader and export thread of one process."""

    def __init__(self, settings: Settings, service_name: str, spool: Spool | None) -> None:
        """Make everything and start the thread.

        Args:
            settings: The environment's.
            service_name: `service.name`.
            spool: Keeps what was not acknowledged, or `None` if nothing does.
        """
        about = resource(settings, service_name)
        reader = delta_reader(settings.max_series, exponential=settings.exponential)
        # The SDK's own hook at exit would wait for a server without bound.
        self.provider = MeterProvider(
            [reader], about, exemplar_filter=_EXEMPLARS[settings.exemplars](), shutdown_on_exit=False
        )
        self.meter: Meter = self.provider.get_meter(SCOPE, installed(DISTRIBUTION))
        self._running = RunningCalls(_instrument(self.meter.create_up_down_counter, table.SESSION_DURATION))
        self._lost = _instrument(self.meter.create_counter, table.DROPPED)
        hooks = Hooks(self._running.refresh, self._dropped)
        self.accumulation = Accumulation(about, time.time_ns())
        self._collection = Collection(reader, self.accumulation, hooks)
        self._budget = Budget(settings.max_series, self._collection)
        lock = self._collection.lock
        outlets, retention = self._outlets(settings)
        shipping, keeping, wire = None, None, Wire(about)
        if settings.endpoint is not None:
            shipping = Shipping(Delivery(settings.endpoint), self.accumulation, lock, wire)
            keeping = Keeping(spool, self.accumulation, lock, wire, self._dropped) if spool is not None else None
        self._exporter = Exporter(
            self._collection,
            hooks,
            shipping=shipping,
            keeping=keeping,
            outlets=outlets,
            interval_seconds=settings.interval_seconds,
            retention_seconds=retention,
            budget=self._budget,
        )
        self._exporter.start()

    def _outlets(self, settings: Settings) -> tuple[list[Outlet], float]:
        outlets: list[Outlet] = []
        if "console" in settings.exporters:
            outlets.append(Console())
        if "prometheus" not in settings.exporters:
            return outlets, 0.0
        prometheus = _prometheus(settings, self._collection.snapshot)
        if prometheus is not None:
            outlets.append(prometheus)
        return outlets, _PROMETHEUS_RETENTION_SECONDS

    def _dropped(self, reason: str, items: int) -> None:
        self._lost.add(items, {"reason": reason})

    def has_room(self) -> bool:
        """Whether a call that begins now may have series of its own; counts it if so."""
        return self._budget.has_room()

    def begin(self, tags: Tags, tell_rest: Callable[[], None]) -> None:
        """Begin a call; before its first measurement.

        Args:
            tags: What every point of it carries.
            tell_rest: Tells what else the call has not told yet.
        """
        if tags.labelled:
            self._collection.begin(tags.call_id, time.time_ns())
        self._running.begin(tags, tell_rest)

    def end(self, tags: Tags) -> Future[bool | None] | None:
        """End a call; after its last measurement, without waiting.

        Returns:
            Whether its last export was acknowledged; `None` if it was not running.
        """
        return self._exporter.flush(tags.call_id if tags.labelled else SHARED) if self._running.end(tags) else None

    def shutdown(self, timeout_seconds: float) -> bool:
        """Export everything once more and end.

        Args:
            timeout_seconds: Longest time that this takes.

        Returns:
            Whether nothing is owed any more.
        """
        complete = self._exporter.stop(timeout_seconds)
        self.provider.shutdown()
        return complete


def _instrument(create: Callable[..., Any], row: table.Series) -> Any:
    return create(row.name, row.unit, row.description)


def _prometheus(settings: Settings, snapshot: Callable[[], MetricsData]) -> Outlet | None:
    from voice_metrics.export.outlets.prometheus import Endpoint

    if settings.exponential:
        logger.warning("Prometheus's text format has no exponential buckets: /metrics shows count and sum only.")
    try:
        return Endpoint(settings.prometheus_host, settings.prometheus_port, snapshot)
    except OSError as error:
        advice = "Check OTEL_EXPORTER_PROMETHEUS_HOST and OTEL_EXPORTER_PROMETHEUS_PORT."
        if error.errno == errno.EADDRINUSE:
            advice = "Set OTEL_EXPORTER_PROMETHEUS_PORT to one port per process."
        logger.warning(
            f"Nothing is shown at /metrics: {settings.prometheus_host}:{settings.prometheus_port} cannot be used "
            f"({error.strerror}). {advice}"
        )
        return None
