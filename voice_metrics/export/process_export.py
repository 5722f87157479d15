"""The export of one process: live series, thread, outputs."""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterable
from concurrent.futures import Future

from loguru import logger
from opentelemetry.metrics import MeterProvider

from voice_metrics.call.call_events import CallEvent
from voice_metrics.export.about import About
from voice_metrics.export.console import Console
from voice_metrics.export.delivery import Delivery
from voice_metrics.export.event_queue import EventQueue
from voice_metrics.export.exporter import Exporter, Reader
from voice_metrics.export.live import LiveSeries
from voice_metrics.export.outgoing import Outgoing
from voice_metrics.export.requests import Requests
from voice_metrics.export.running_call import RunningCall
from voice_metrics.export.sdk_metrics import SdkMetrics
from voice_metrics.export.spool import Spool
from voice_metrics.series.registry import Attributes, Record
from voice_metrics.series.table import Series
from voice_metrics.settings.environment import Settings

# An ended call stays at /metrics for longer than any usual interval of scrapes.
_PROMETHEUS_RETENTION_SECONDS = 300.0


class ProcessExport:
    """Live series, export thread and, once made, the SDK's provider of one process."""

    def __init__(
        self,
        settings: Settings,
        service_name: str,
        spool: Spool | None,
        *,
        forked: bool = False,
        inherited: SdkMetrics | None = None,
    ) -> None:
        """Make everything and start the thread.

        Without `spool`, unacknowledged requests end with the process. The SDK's provider of the export before, in a
        `forked` child that of its parent, goes on with its instruments.
        """
        self._settings = settings
        self._lock = threading.Lock()
        self.sdk: SdkMetrics | None = None
        self._about = About(settings, service_name, forked=forked)
        self.live = LiveSeries(
            most=settings.max_series,
            call_ids=settings.call_ids,
            exponential=settings.exponential,
            delta=settings.temporality != "cumulative",
        )
        if inherited is not None:
            self._export_series_of(SdkMetrics(self.live.shared, inherited))
        readers = self._make_readers()
        delivery = self._events = None
        if settings.endpoint is not None:
            delivery = Delivery(settings.endpoint, repeatable=settings.temporality == "cumulative")
        if settings.logs_endpoint is not None:
            self._events = EventQueue(Delivery(settings.logs_endpoint, repeatable=False), self.live.dropped)
        self._exporter = Exporter(
            self.live,
            lambda until: Requests(self._about.resource(until)),
            delivery=delivery,
            events=self._events,
            spool=spool,
            readers=readers,
            interval_seconds=settings.interval_seconds,
            retention_seconds=_PROMETHEUS_RETENTION_SECONDS if "prometheus" in settings.exporters else 0.0,
        )
        self._exporter.start()

    @property
    def meter_provider(self) -> MeterProvider:
        """Return an ordinary SDK provider, made on first use, whose series are exported with the calls'."""
        with self._lock:
            made = self.sdk
            if made is None:
                made = SdkMetrics(self.live.shared, exponential=self._settings.exponential)
                self._export_series_of(made)
            return made.provider

    def _export_series_of(self, sdk: SdkMetrics) -> None:
        self.sdk = sdk
        self.live.refreshers.append(sdk.collect)

    def series(self, row: Series, attributes: Attributes) -> Record:
        """Return the recorder of a series that belongs to no call."""
        return self.live.shared.registry.series(row, attributes)

    def event(self, running: RunningCall, event: CallEvent) -> None:
        """Send an event of a call with its next export."""
        if self._events is not None:
            self._events.add(running.key, running.call_id, event)

    def end(self, running: RunningCall) -> Future[bool | None] | None:
        """End a call, without waiting; return whether its last export was acknowledged, or `None` if it did not run."""
        outgoing = self.live.end(running)
        return None if outgoing is None else self._exporter.flush(outgoing, running.key)

    def shutdown(self, timeout_seconds: float) -> bool:
        """Export everything once more and end, within `timeout_seconds`; True if nothing is owed any more.

        A second call waits for the end too.
        """
        complete = self._exporter.stop(timeout_seconds)
        self._about.release()
        sdk, self.sdk = self.sdk, None
        if sdk is not None:
            sdk.close()
        return complete

    def _make_readers(self) -> list[Reader]:
        readers: list[Reader] = []
        if "console" in self._settings.exporters:
            readers.append(Console(self._about.resource))
        if "prometheus" in self._settings.exporters and (endpoint := self._open_scrape_endpoint()):
            readers.append(endpoint)
        return readers

    def _open_scrape_endpoint(self) -> Reader | None:
        settings = self._settings
        where = f"{settings.prometheus_host}:{settings.prometheus_port}"
        try:
            from voice_metrics.export.prometheus import ScrapeEndpoint

            if settings.exponential:
                logger.warning(
                    "Prometheus's text format has no exponential buckets: /metrics shows count and sum only."
                )
            host, port = settings.prometheus_host, settings.prometheus_port
            return ScrapeEndpoint(host, port, self._refreshed_series, lambda: self._about.resource().attributes)
        except ModuleNotFoundError as missing:
            logger.warning(f"Nothing is shown at /metrics, and the rest goes on. {missing}")
        except OSError as error:
            advice = "Check OTEL_EXPORTER_PROMETHEUS_HOST and OTEL_EXPORTER_PROMETHEUS_PORT."
            if error.errno == errno.EADDRINUSE:
                advice = "Set OTEL_EXPORTER_PROMETHEUS_PORT to one port per process."
            logger.warning(f"Nothing is shown at /metrics: {where} cannot be used ({error.strerror}). {advice}")
        return None

    def _refreshed_series(self) -> Iterable[Outgoing]:
        self.live.refresh()
        return self.live.outgoing()
