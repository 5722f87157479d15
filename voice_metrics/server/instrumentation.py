"""The web server, database and process around the calls, attached to the process's telemetry in one call.

OpenTelemetry's instrumentation measures requests and the process; the plug-in measures the database's statements and
connections and the event loop's lag. It makes no spans.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from loguru import logger
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import NoOpTracerProvider

from voice_metrics.server.database import Connections, Statements
from voice_metrics.server.server_loop import LoopLag
from voice_metrics.settings.extras import install_line
from voice_metrics.telemetry import Telemetry
from voice_metrics.telemetry import telemetry as process_telemetry

try:
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
    from opentelemetry.instrumentation.system_metrics import SystemMetricsInstrumentor
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        f"instrument_server needs its extra: {install_line('server')}", name=missing.name
    ) from missing

if TYPE_CHECKING:
    from fastapi import FastAPI

PROCESS: dict[str, list[str] | None] = {
    "process.cpu.time": ["user", "system"],
    "process.cpu.utilization": None,
    "process.memory.usage": None,
    "process.memory.virtual": None,
    "process.thread.count": None,
    "process.open_file_descriptor.count": None,
    "system.network.io": ["transmit", "receive"],
}

_ALREADY = (
    "{} is instrumented by OpenTelemetry already: its metrics go where that was set up. To have them beside the "
    "calls, pass meter_provider=voice_metrics.telemetry.telemetry().meter_provider there."
)
_process: WeakSet[MeterProvider] = WeakSet()
_apps: WeakSet[Any] = WeakSet()
_engines: WeakSet[Any] = WeakSet()


def instrument_server(app: FastAPI, engine: Any | None = None, telemetry: Telemetry | None = None) -> None:
    """Measure the server that holds the calls; call it before the first request, in the serving process.

    Requests have OpenTelemetry's stable names (`http.server.request.duration`) unless
    `OTEL_SEMCONV_STABILITY_OPT_IN` asks for others. Existing instrumentation stays as it is.

    Args:
        app: The FastAPI application.
        engine: SQLAlchemy's engine, synchronous or not, or `None` for no database.
        telemetry: Destination of series, or `None` for the process's own, made from the environment.

    Raises:
        TypeError: `app` is no FastAPI application, or `engine` no engine of SQLAlchemy.
    """
    if not hasattr(app, "build_middleware_stack"):
        raise TypeError(f"app={app!r}: expected a FastAPI application")
    engine = getattr(engine, "sync_engine", engine)
    if engine is not None and not hasattr(engine, "dialect"):
        raise TypeError(f"engine={engine!r}: expected an engine of SQLAlchemy")
    used = telemetry or process_telemetry()
    if app not in _apps:
        _apps.add(app)
        _instrument_app(app, used)
        LoopLag(used).watch(app)
    _instrument_process(used.meter_provider)
    if engine is not None:
        _instrument_database(engine, used)


def _instrument_app(app: Any, telemetry: Telemetry) -> None:
    # The older names carry the Host header, so a stranger could make any number of series.
    os.environ.setdefault("OTEL_SEMCONV_STABILITY_OPT_IN", "http")
    if getattr(app, "_is_instrumented_by_opentelemetry", False):
        logger.warning(_ALREADY, "The FastAPI application")
    else:
        # In a worker that is forked after this, the export begins with the first request.
        begin_export: Any = lambda *_: telemetry.meter_provider  # noqa: E731
        FastAPIInstrumentor.instrument_app(
            app,
            server_request_hook=begin_export,
            meter_provider=telemetry.meter_provider,
            tracer_provider=NoOpTracerProvider(),
        )


def _instrument_process(provider: MeterProvider) -> None:
    # The instrumentor is a singleton, and making it again would reset the application's labels.
    existing = SystemMetricsInstrumentor._instance
    if existing is None or not existing.is_instrumented_by_opentelemetry:
        SystemMetricsInstrumentor(config=PROCESS).instrument(meter_provider=provider)
        _process.add(provider)
    elif provider not in _process:
        logger.warning(_ALREADY, "The process")


def _instrument_database(engine: Any, telemetry: Telemetry) -> None:
    if engine not in _engines:
        _engines.add(engine)
        Statements(telemetry).watch(engine)
        Connections(telemetry).watch(engine)
