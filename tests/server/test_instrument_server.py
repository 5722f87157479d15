"""`instrument_server`: its measurements, their source, and the instrumentation that it leaves alone."""

from __future__ import annotations

import asyncio
import contextlib
import pkgutil
import re
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from loguru import logger
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.system_metrics import SystemMetricsInstrumentor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import create_async_engine

from tests.server.serving import serving
from tests.waiting import blocked_until, until
from voice_metrics.series.table import Kind
from voice_metrics.server import instrument_server
from voice_metrics.server.database import operation
from voice_metrics.server.server_series import SERVER
from voice_metrics.settings.extras import install_line
from voice_metrics.telemetry import Telemetry, telemetry

GET = {"http.request.method": "GET", "url.scheme": "http"}
KINDS = {"Histogram": Kind.HISTOGRAM, "Gauge": Kind.GAUGE}
# The instrumentation of SDK 1.33 gives a request whose handler raises neither a status nor an error.
KNOWS_FAILURES = not version("opentelemetry-instrumentation-fastapi").startswith("0.54")


class Measured:
    """A telemetry into memory."""

    def __init__(self) -> None:
        self._reader = InMemoryMetricReader()
        self.provider = MeterProvider([self._reader], shutdown_on_exit=False)
        self.telemetry = Telemetry(meter_provider=self.provider, environ={"VOICE_METRICS_DB": "off"})

    def metrics(self):
        data = self._reader.get_metrics_data()
        scopes = data.resource_metrics[0].scope_metrics if data else []
        return {metric.name: metric for scope in scopes for metric in scope.metrics}

    def points(self, name):
        metric = self.metrics().get(name)
        return [] if metric is None else metric.data.data_points


@pytest.fixture
def measured():
    yield Measured()
    if SystemMetricsInstrumentor._instance is not None:
        SystemMetricsInstrumentor().uninstrument()


@pytest.fixture
def engine(tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path}/bot.db")
    yield engine
    engine.dispose()


def answering(engine=None, **arguments) -> FastAPI:
    app = FastAPI(**arguments)

    @app.get("/menu/{dish}")
    def menu(dish: str) -> str:
        if engine is not None:
            with engine.connect() as connection:
                connection.execute(text("select 1"))
        return dish

    @app.post("/fail")
    def fail(order: dict) -> None:
        raise RuntimeError("out of dough")

    return app


def test_every_series_of_the_documentation_is_measured_and_no_other(measured, engine):
    app = answering(engine)
    instrument_server(app, engine, measured.telemetry)
    with serving(app) as address:
        assert httpx.get(f"{address}/menu/pizza").status_code == 200
        assert httpx.post(f"{address}/fail", json={}).status_code == 500
        blocked_until(lambda: measured.points("asyncio.event_loop.lag.milliseconds"))
        metrics = measured.metrics()
    made = {
        name: (
            _kind(metric),
            metric.unit,
            frozenset(key for point in metric.data.data_points for key in point.attributes),
        )
        for name, metric in metrics.items()
        if not name.startswith("voice.")
    }
    expected = {row.series.name: (row.series.kind, row.series.unit, frozenset(row.series.attributes)) for row in SERVER}
    # Nothing failed in the database.
    kind, unit, attributes = expected["db.client.operation.duration"]
    expected["db.client.operation.duration"] = (kind, unit, attributes - {"error.type"})
    if not KNOWS_FAILURES:
        for part in ("request.duration", "request.body.size", "response.body.size"):
            # Of the requests only the one that fails has a body.
            unknown = {"error.type", "http.response.status_code"} if part == "request.body.size" else {"error.type"}
            kind, unit, attributes = expected[f"http.server.{part}"]
            expected[f"http.server.{part}"] = (kind, unit, attributes - unknown)
    assert made == expected


def test_requests_are_named_by_route_and_result_never_by_address(measured):
    app = answering()
    instrument_server(app, telemetry=measured.telemetry)
    with serving(app) as address:
        for dish in ("pizza", "pasta"):
            httpx.get(f"{address}/menu/{dish}", headers={"Host": f"{dish}.example"})
        httpx.post(f"{address}/fail", json={})
        for page in ("one", "two"):
            httpx.get(f"{address}/nowhere/{page}")
    # A request is recorded behind its answer.
    points = measured.points("http.server.request.duration")
    active = measured.points("http.server.active_requests")
    assert {
        (point.attributes.get("http.route"), point.attributes.get("http.response.status_code")): point.count
        for point in points
    } == {("/menu/{dish}", 200): 2, ("/fail", 500 if KNOWS_FAILURES else None): 1, (None, 404): 2}
    assert [(dict(point.attributes), point.value) for point in active if point.attributes == GET] == [(GET, 0)]


def test_queries_are_named_by_operation_and_error_never_by_text(measured, engine):
    instrument_server(answering(), engine, measured.telemetry)
    with engine.begin() as connection:
        connection.execute(text("create table orders (dish text)"))
        connection.execute(text("insert into orders values (:dish)"), [{"dish": "pizza"}, {"dish": "pasta"}])
        connection.execute(text("select * from orders where dish = 'secret'"))
        with contextlib.suppress(OperationalError):
            connection.execute(text("select * from nowhere"))
    assert {
        (point.attributes["db.operation.name"], point.attributes.get("error.type")): point.count
        for point in measured.points("db.client.operation.duration")
    } == {("CREATE", None): 1, ("INSERT", None): 1, ("SELECT", None): 1, ("SELECT", "OperationalError"): 1}
    used = {
        point.attributes["db.client.connection.state"]: point.value
        for point in measured.points("db.client.connection.count")
    }
    assert used == {"idle": 1, "used": 0}


async def test_an_asynchronous_engine_is_measured_too(measured, tmp_path):
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/bot.db")
    instrument_server(answering(), engine, measured.telemetry)
    async with engine.connect() as connection:
        await connection.execute(text("select 1"))
    await engine.dispose()
    assert [point.count for point in measured.points("db.client.operation.duration")] == [1]
    assert [point.value for point in measured.points("db.client.connection.count")] == [0, 0]


def test_two_engines_are_distinct(measured, tmp_path):
    app = answering()
    engines = [create_engine(f"sqlite:///{tmp_path}/{name}.db") for name in ("orders", "guests")]
    for engine in (*engines, *engines):
        instrument_server(app, engine, measured.telemetry)
    for engine in engines:
        with engine.connect() as connection:
            connection.execute(text("select 1"))
        engine.dispose()
    assert [point.count for point in measured.points("db.client.operation.duration")] == [2]
    pools = {
        point.attributes["db.client.connection.pool.name"] for point in measured.points("db.client.connection.count")
    }
    assert pools == {"orders.db", "guests.db"}


async def test_a_loop_that_is_held_up_is_late(measured):
    instrument_server(answering(), telemetry=measured.telemetry)
    await asyncio.sleep(0)
    # The ticker is due after 250 ms.
    _hold_up_the_loop(0.4)
    points = await until(lambda: measured.points("asyncio.event_loop.lag.milliseconds"))
    assert points[0].max >= 100


def test_the_application_keeps_its_own_start_and_end(measured):
    seen = []

    @contextlib.asynccontextmanager
    async def lifespan(app):
        seen.append("start")
        yield {"menu": "pizza"}
        seen.append("end")

    app = answering(lifespan=lifespan)
    instrument_server(app, telemetry=measured.telemetry)
    with serving(app) as address:
        assert httpx.get(f"{address}/menu/pizza").json() == "pizza"
    assert seen == ["start", "end"]


def test_what_is_instrumented_already_stays_as_it_is(measured, engine, logs):
    mine = Measured()
    app = answering(engine)
    FastAPIInstrumentor.instrument_app(app, meter_provider=mine.provider)
    SystemMetricsInstrumentor(config={"process.thread.count": None}).instrument(meter_provider=mine.provider)
    instrument_server(app, engine, measured.telemetry)
    with serving(app) as address:
        httpx.get(f"{address}/menu/pizza")
        blocked_until(lambda: measured.points("asyncio.event_loop.lag.milliseconds"))
        # The client may have its answer before the server has measured it.
        blocked_until(lambda: "http.server.request.duration" in mine.metrics())
        theirs, ours = set(mine.metrics()), set(measured.metrics())
    assert {"http.server.request.duration", "process.thread.count"} <= theirs
    assert {"asyncio.event_loop.lag.milliseconds", "db.client.operation.duration"} <= ours
    assert not ours & theirs
    assert [line.split(" is instrumented")[0] for line in logs] == [
        "The FastAPI application",
        "The process",
    ]
    advised = {name for line in logs for name in re.findall(r"meter_provider=([\w.]+)\(\)\.meter_provider there", line)}
    assert [pkgutil.resolve_name(name) for name in advised] == [telemetry]


@pytest.fixture
def logs():
    lines: list[str] = []
    sink = logger.add(lambda message: lines.append(message.record["message"]), level="WARNING")
    yield lines
    logger.remove(sink)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param({"app": "bot"}, "app='bot': expected a FastAPI application", id="no-application"),
        pytest.param(
            {"app": FastAPI(), "engine": "sqlite://"}, "engine='sqlite://': expected an engine of SQLAlchemy", id="url"
        ),
    ],
)
def test_what_cannot_be_measured_is_said_at_once(arguments, message):
    with pytest.raises(TypeError, match=message):
        instrument_server(**arguments)


@pytest.mark.parametrize(
    "package", ["opentelemetry.instrumentation.fastapi", "opentelemetry.instrumentation.system_metrics"]
)
def test_without_the_extra_there_is_one_clear_line(package):
    program = f"import sys; sys.modules[{package!r}] = None; import voice_metrics.server"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=_ROOT, timeout=240)
    assert done.stderr.splitlines()[-1] == (
        f"ModuleNotFoundError: instrument_server needs its extra: {install_line('server')}"
    )


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        pytest.param("select 1", "SELECT", id="lower-case"),
        pytest.param("  \n(SELECT 1) union (select 2)", "SELECT", id="in-brackets"),
        pytest.param("INSERT\nINTO t VALUES (1)", "INSERT", id="new-line"),
        pytest.param("grant all to mallory", "other", id="not-of-the-set"),
        pytest.param("", "other", id="empty"),
        pytest.param(None, "other", id="unknown"),
    ],
)
def test_operations_are_a_closed_set(statement, name):
    assert operation(statement) == name


_ROOT = Path(__file__).parents[2]


def _hold_up_the_loop(seconds: float) -> None:
    time.sleep(seconds)


def _kind(metric) -> Kind:
    if hasattr(metric.data, "is_monotonic"):
        return Kind.COUNTER if metric.data.is_monotonic else Kind.UP_DOWN_COUNTER
    return KINDS[type(metric.data).__name__]
