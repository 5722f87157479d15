"""The process's telemetry: one export per process, started on first use; a forked child starts its own."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import sys
import threading
import time
import uuid
import weakref
from collections.abc import Mapping
from concurrent.futures import Future
from multiprocessing.util import Finalize
from types import NoneType

from loguru import logger
from opentelemetry.metrics import Meter, MeterProvider, NoOpMeterProvider

from voice_metrics.call.call_events import CallEvent
from voice_metrics.call.text import clean
from voice_metrics.export import application
from voice_metrics.export.application import ApplicationMetrics, application_metrics
from voice_metrics.export.process_export import ProcessExport
from voice_metrics.export.running_call import RunningCall
from voice_metrics.export.sdk_metrics import SdkMetrics
from voice_metrics.export.spool import LOGS, METRICS, Spool
from voice_metrics.series.own_metrics import Book
from voice_metrics.series.registry import Attributes, Record
from voice_metrics.series.table import Series
from voice_metrics.settings.environment import Settings

__all__ = ["RunningCall", "Telemetry", "shutdown", "telemetry"]

DEFAULT_SERVICE_NAME = "voice-bot"
# Time at exit for the ledger's last rows, half a second, and for Python itself.
_LEFT_AT_EXIT_SECONDS = 0.6


class Telemetry:
    """Destination of a process's calls.

    With `meter_provider`, series go into the application's own provider. The plug-in does not flush, shut down or
    forget anything there, ends of calls are not acknowledged, and the SDK's limit of 2000 attribute sets per
    instrument applies unless the application's reader raises it.
    """

    def __init__(
        self,
        *,
        meter_provider: MeterProvider | None = None,
        environ: Mapping[str, str] | None = None,
        service_name: str | None = None,
        spool: Spool | None = None,
    ) -> None:
        """Read the settings; nothing starts before the first call.

        Args:
            meter_provider: The application's own provider, or `None` for the plug-in's export.
            environ: The environment, or `None` for the process's.
            service_name: `service.name`, or `None` for the environment's, else "voice-bot".
            spool: Store for unacknowledged requests, or `None` for the ledger of `VOICE_METRICS_DB`.

        Raises:
            TypeError: `meter_provider` has no meters, or `service_name` is no text.
        """
        if meter_provider is not None and not hasattr(meter_provider, "get_meter"):
            raise TypeError(f"meter_provider is a {type(meter_provider).__name__}: expected a MeterProvider")
        if not isinstance(service_name, str | NoneType):
            raise TypeError(f"service_name={service_name!r}: expected text, such as 'voice-bot'")
        self.settings = Settings.of_process() if environ is None else Settings.from_environment(environ)
        self.service_name = clean(service_name or "") or self.settings.service_name or DEFAULT_SERVICE_NAME
        self._application_provider = meter_provider
        self._spool = spool
        self._forked = False
        self._inherited: SdkMetrics | None = None
        self._reset_process_state()
        _alive.add(self)

    def _reset_process_state(self) -> None:
        # A signal handler may call `shutdown` while its thread makes the export.
        self._lock = threading.RLock()
        self._recorder: ProcessExport | ApplicationMetrics | None = None
        self._ending: ProcessExport | None = None
        self._advice_logged = self._outlived = False
        self.own_names = Book()

    def _reset_in_child(self) -> None:
        # Thread, connections and calls stay with the parent; instruments made before the fork record here, too.
        atexit.unregister(self._at_exit)
        if isinstance(self._recorder, ProcessExport):
            self._inherited = self._recorder.sdk
        self._reset_process_state()
        self._forked = True

    @property
    def meter_provider(self) -> MeterProvider:
        """The provider for other instrumentation of the process, exported alongside."""
        return self._ensure_export().meter_provider

    @property
    def meter(self) -> Meter:
        """A meter of `meter_provider`, for instruments of the application's own."""
        return self.meter_provider.get_meter("voice_metrics")

    def series(self, row: Series, attributes: Attributes) -> Record:
        """Return the recorder of one series that belongs to no call."""
        return self._ensure_export().series(row, attributes)

    @property
    def destination(self) -> str | None:
        """Host, and port if given, of the OTLP endpoint; `None` without one."""
        endpoint = self.settings.endpoint or self.settings.logs_endpoint
        return endpoint.destination if endpoint is not None and self._application_provider is None else None

    @property
    def kept_in(self) -> str | None:
        """The file that keeps unacknowledged requests; `None` without one, or while it cannot be written."""
        spool = self._given_spool_or_ledger() if self.destination else None
        return spool.location if spool else None

    @property
    def mode(self) -> str:
        """Destination and labels of the series, in a few words."""
        if self._application_provider is not None:
            where = "series go to the application's meter provider"
        elif self.settings.endpoint is not None:
            where = f"series go to {self.settings.endpoint.destination}"
        elif self.settings.logs_endpoint is not None:
            return f"events go to {self.settings.logs_endpoint.destination}"
        elif self.settings.exporters and self.settings.exporters != ("otlp",):
            where = f"series go to {' and '.join(name for name in self.settings.exporters if name != 'otlp')}"
        else:
            return "local only"
        return f"{where}, {'with' if self.settings.call_ids else 'without'} call ids"

    def begin(self, call_id: str, attributes: Mapping[str, str], key: str | None = None) -> RunningCall:
        """Begin a call, before its first measurement; record into the result and pass it to `end`.

        `attributes` are on each of its points, besides its id; `key` is its own in the ledger, or `None` for a new one.
        """
        recorder = self._ensure_export()
        if isinstance(recorder, ProcessExport):
            return recorder.live.begin(call_id, dict(attributes), key)
        return recorder.begin(call_id, dict(attributes), key, labelled=self.settings.call_ids)

    def event(self, running: RunningCall, event: CallEvent) -> None:
        """Send an event of a call with its next export."""
        if isinstance(self._recorder, ProcessExport):
            self._recorder.event(running, event)

    def end(self, running: RunningCall) -> Future[bool | None]:
        """End a call, after its last measurement, without waiting.

        Returns:
            True once the last export is acknowledged; `None` if the destination acknowledges nothing, False also for a
            call that is not running here.
        """
        recorder = self._recorder
        if running.end():
            if isinstance(recorder, ApplicationMetrics):
                recorder.end(running)
            elif isinstance(recorder, ProcessExport) and (ended := recorder.end(running)) is not None:
                return ended
            elif self.destination is not None and not self._outlived:
                self._outlived = True
                logger.warning(
                    f"Call {running.call_id} outlives the export in which it began: what it measured after shutdown() "
                    "is in the ledger only. Shut down after the last call."
                )
        answer: Future[bool | None] = Future()
        answer.set_result(None if self.destination is None else False)
        return answer

    def shutdown(self, timeout_seconds: float = 5.0) -> bool:
        """Export everything once more and end the thread, within this time and 0.6 s more; a later call starts another.

        Returns:
            True if everything was acknowledged, or nothing had to be.
        """
        began, timeout_seconds = time.monotonic(), min(timeout_seconds, threading.TIMEOUT_MAX)
        complete = self._shut_down_export(timeout_seconds)
        self._flush_ledger(max(timeout_seconds - (time.monotonic() - began), _LEFT_AT_EXIT_SECONDS))
        return complete

    def _shut_down_export(self, timeout_seconds: float) -> bool:
        with self._lock:
            if isinstance(self._recorder, ProcessExport):
                # Instruments made before record in the next export, too.
                self._inherited = self._recorder.sdk
                self._recorder, self._ending = None, self._recorder
                # Under the lock, because the next export registers the same function.
                atexit.unregister(self._at_exit)
            # Another shutdown may run, in another thread or under this signal handler.
            ending = self._ending
        return ending is None or ending.shutdown(timeout_seconds)

    def _flush_ledger(self, timeout_seconds: float) -> None:
        """Write the ledger's last rows, because a process may leave by `os._exit` after a shutdown."""
        # Absent if nothing was written, or if a signal handler interrupts its import.
        ledger_at = getattr(sys.modules.get("voice_metrics.ledger"), "ledger_at", None)
        if self.settings.ledger is not None and ledger_at is not None:
            ledger = ledger_at(self.settings.ledger, self.settings.ledger_days)
            if ledger.is_open:
                ledger.flush(timeout_seconds)

    def _at_exit(self) -> None:
        # The ledger has its own exit hook.
        self._shut_down_export(_export_seconds_at_exit(self.settings.export_timeout_seconds))

    def _shut_down_child(self) -> None:
        self.shutdown(_export_seconds_at_exit(self.settings.export_timeout_seconds))

    def _given_spool_or_ledger(self) -> Spool | None:
        if self._spool is None and self.settings.ledger is not None:
            from voice_metrics.ledger import Origin, ledger_at

            ways = {METRICS: self.settings.endpoint, LOGS: self.settings.logs_endpoint}
            servers = {signal: endpoint.digest for signal, endpoint in ways.items() if endpoint is not None}
            ledger = ledger_at(self.settings.ledger, self.settings.ledger_days)
            self._spool = ledger.of(Origin(uuid.uuid4().hex, self.service_name, servers))
        return self._spool

    def _ensure_export(self) -> ProcessExport | ApplicationMetrics:
        recorder = self._recorder
        if recorder is not None:
            return recorder
        with self._lock:
            if self._recorder is None:
                self._log_advice_once()
                self._recorder = self._make_export()
            return self._recorder

    def _make_export(self) -> ProcessExport | ApplicationMetrics:
        if self._application_provider is not None:
            return application_metrics(self._application_provider)
        sends = self.settings.endpoint is not None or self.settings.logs_endpoint is not None
        if not sends and set(self.settings.exporters) <= {"otlp"}:
            return application_metrics(_NO_PROVIDER)
        spool = self._given_spool_or_ledger() if sends else None
        own = ProcessExport(self.settings, self.service_name, spool, forked=self._forked, inherited=self._inherited)
        atexit.register(self._at_exit)
        if multiprocessing.parent_process() is not None:
            # `multiprocessing` children skip atexit hooks, but run their finalizers.
            Finalize(None, self._shut_down_child, exitpriority=0)
        return own

    def _log_advice_once(self) -> None:
        if self._advice_logged or self._application_provider is not None:
            return
        self._advice_logged = True
        for advice in self.settings.advice:
            logger.warning(f"Telemetry settings: {advice}")
        if self.settings.endpoint is None and "otlp" in self.settings.exporters:
            logger.info("OTEL_EXPORTER_OTLP_ENDPOINT names no server: no series are sent, calls are kept locally only.")


def _export_seconds_at_exit(timeout_seconds: float) -> float:
    return max(timeout_seconds - _LEFT_AT_EXIT_SECONDS, timeout_seconds / 4)


_NO_PROVIDER = NoOpMeterProvider()
_alive: weakref.WeakSet[Telemetry] = weakref.WeakSet()
_default: Telemetry | None = None
_default_lock = threading.RLock()
_told_names: set[str] = set()
_MOST_TOLD_NAMES = 20  # one may come with each call


def telemetry(service_name: str | None = None) -> Telemetry:
    """Return the process's telemetry, made from the environment on first use.

    Args:
        service_name: `service.name`; the first one given counts for the process.
    """
    global _default
    with _default_lock:
        if _default is None:
            _default = Telemetry(service_name=service_name)
        made = _default
    if service_name and service_name not in {made.service_name, *_told_names} and len(_told_names) < _MOST_TOLD_NAMES:
        _told_names.add(service_name)
        logger.warning(
            f"service_name={service_name!r} is not used: it names the process, which is {made.service_name!r} already."
        )
    return made


def shutdown(timeout: float = 5.0) -> bool:
    """Export the rest of the process's telemetry and end it, within `timeout` seconds and up to 0.6 s for the ledger.

    Returns:
        True if everything was acknowledged, or nothing had to be.
    """
    made = _default
    return made is None or made.shutdown(timeout)


def _reset_all_in_child() -> None:
    global _default_lock
    _default_lock = threading.RLock()
    application.after_fork()
    for made in list(_alive):
        made._reset_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_all_in_child)
