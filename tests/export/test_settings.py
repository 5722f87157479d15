"""What the environment says, and what is said about it."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import NoReturn

import pytest
from loguru import logger

from tests.export.conftest import TOKEN
from voice_metrics import Telemetry, VoiceMetricsProcessor
from voice_metrics.settings.endpoint import read
from voice_metrics.settings.environment import Settings, SettingsError

RIGHT = base64.b64encode(f"123456:{TOKEN}".encode()).decode()
CLOUD = "https://otlp-gateway-prod-eu-west-2.grafana.net/otlp"


def settings(**environ: str) -> Settings:
    return Settings.from_environment(environ)


WRONG = [
    ("VOICE_METRICS_EXPORT_TIMEOUT", "soon", "expected a positive number of seconds, such as 5"),
    ("VOICE_METRICS_EXPORT_TIMEOUT", "0", "expected a positive number of seconds, such as 5"),
    ("VOICE_METRICS_EXPORT_TIMEOUT", "inf", "expected a positive number of seconds, such as 5"),
    ("VOICE_METRICS_CALL_ID", "on", "expected label or off"),
    ("VOICE_METRICS_MAX_SERIES", "-1", "expected a positive whole number, such as 20000"),
    ("VOICE_METRICS_MAX_SERIES", "1e4", "expected a positive whole number, such as 20000"),
    ("VOICE_METRICS_GENAI", "yes", "expected on or off"),
    ("VOICE_METRICS_DB_DAYS", "a week", "expected a positive whole number, such as 30"),
]


@pytest.mark.parametrize(("name", "value", "right"), WRONG)
def test_a_mistake_in_a_variable_of_ours_is_loud(name: str, value: str, right: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings(**{name: value})
    assert str(caught.value) == f"{name}={value!r}: {right}"


FALLBACKS = [
    ("OTEL_METRIC_EXPORT_INTERVAL", "10s", "interval_seconds", 10.0),
    ("OTEL_METRIC_EXPORT_INTERVAL", "-5", "interval_seconds", 10.0),
    ("OTEL_METRICS_EXEMPLAR_FILTER", "sometimes", "exemplars", "trace_based"),
    ("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", "none", "exponential", False),
    ("OTEL_EXPORTER_PROMETHEUS_PORT", "http", "prometheus_port", 9464),
    ("OTEL_EXPORTER_PROMETHEUS_PORT", "70000", "prometheus_port", 9464),
    ("OTEL_METRICS_EXPORTER", "otlp,influx", "exporters", ("otlp",)),
    ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "deltas", "temporality", "cumulative"),
]


@pytest.mark.parametrize(("name", "value", "attribute", "expected"), FALLBACKS)
def test_a_mistake_in_opentelemetry_s_falls_back_with_advice(
    name: str, value: str, attribute: str, expected: object
) -> None:
    found = settings(**{name: value})
    assert getattr(found, attribute) == expected
    assert len(found.advice) == 1
    assert found.advice[0].startswith(f"{name}={value!r}")


def test_the_defaults_are_as_documented() -> None:
    found = settings(XDG_DATA_HOME="/data", LOCALAPPDATA="/data")
    assert found.exporters == ("otlp",)
    assert found.endpoint is None
    assert (found.interval_seconds, found.export_timeout_seconds) == (10.0, 2.0)
    assert (found.call_ids, found.max_series, found.gen_ai, found.exponential) == (True, 20_000, True, False)
    assert found.ledger is not None
    assert found.ledger.parts[-2:] == ("voice-metrics", "calls.db")
    assert (found.ledger_days, found.service_name) == (30, None)
    assert (found.prometheus_host, found.prometheus_port) == ("localhost", 9464)
    assert found.advice == ()


def test_every_variable_is_read() -> None:
    found = settings(
        OTEL_METRICS_EXPORTER="prometheus, console,none",
        OTEL_METRIC_EXPORT_INTERVAL="2500",
        OTEL_SERVICE_NAME="front-desk",
        OTEL_RESOURCE_ATTRIBUTES="service.name=other,team=a%2Cb",
        OTEL_METRICS_EXEMPLAR_FILTER="always_off",
        OTEL_EXPORTER_PROMETHEUS_HOST="0.0.0.0",
        OTEL_EXPORTER_PROMETHEUS_PORT="1234",
        VOICE_METRICS_EXPORT_TIMEOUT="1.5",
        VOICE_METRICS_CALL_ID="OFF",
        VOICE_METRICS_GENAI="off",
        VOICE_METRICS_DB="~/calls.db",
    )
    assert found.exporters == ("prometheus", "console")
    assert (found.interval_seconds, found.export_timeout_seconds) == (2.5, 1.5)
    assert (found.service_name, found.resource["team"]) == ("front-desk", "a,b")
    assert (found.exemplars, found.call_ids, found.gen_ai) == ("always_off", False, False)
    assert (found.prometheus_host, found.prometheus_port) == ("0.0.0.0", 1234)
    assert found.ledger == Path.home() / "calls.db"
    assert settings(OTEL_RESOURCE_ATTRIBUTES="service.name=other").service_name == "other"
    assert settings(VOICE_METRICS_DB="off").ledger is None


@pytest.mark.parametrize("value", ["", "cumulative", "delta", "lowmemory"])
def test_the_preferred_temporality_is_opentelemetrys(value: str) -> None:
    found = settings(OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=value.upper())
    assert (found.temporality, found.advice) == (value or "cumulative", ())


def test_a_home_that_nobody_has_is_a_mistake() -> None:
    with pytest.raises(SettingsError) as caught:
        settings(VOICE_METRICS_DB="~no-such-user/calls.db")
    assert str(caught.value) == (
        "VOICE_METRICS_DB='~no-such-user/calls.db': no such home directory is known; "
        "expected a file, such as /var/lib/voice-metrics/calls.db, or off"
    )


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run as a user of whom the system knows no more than a number, as many a container does."""
    users = pytest.importorskip("pwd")

    def unknown(number: int) -> NoReturn:
        raise KeyError(f"getpwuid(): uid not found: {number}")

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(users, "getpwuid", unknown)


@pytest.mark.usefixtures("homeless")
def test_without_a_home_there_is_no_ledger_and_advice_says_what_to_set() -> None:
    found = settings()
    assert found.ledger is None
    assert found.advice == (
        "VOICE_METRICS_DB is not set and no home directory is known: there is no ledger; "
        "expected a file, such as /var/lib/voice-metrics/calls.db, or off.",
    )


@pytest.mark.usefixtures("homeless")
@pytest.mark.parametrize(("value", "ledger"), [("/data/calls.db", Path("/data/calls.db")), ("off", None)])
def test_without_a_home_a_ledger_that_needs_none_is_used_as_it_is(value: str, ledger: Path | None) -> None:
    found = settings(VOICE_METRICS_DB=value)
    assert (found.ledger, found.advice) == (ledger, ())


@pytest.mark.usefixtures("homeless")
def test_without_a_home_a_bot_starts_and_says_that_it_has_no_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VOICE_METRICS_DB")
    said: list[str] = []
    sink = logger.add(lambda line: said.append(line.record["message"]), level="WARNING")
    own = Telemetry(environ={})
    VoiceMetricsProcessor(telemetry=own)
    assert own.meter is not None
    own.shutdown()
    logger.remove(sink)
    assert [line.partition(":")[0] for line in said] == ["Telemetry settings"]
    assert "there is no ledger" in said[0]


HEADERS = [
    pytest.param(f"Authorization=Basic%20{RIGHT}", None, id="as OpenTelemetry spells it"),
    pytest.param(f"Authorization=Basic {RIGHT}", None, id="with a blank"),
    pytest.param(f" authorization = Basic {RIGHT} ", None, id="with blanks around"),
    pytest.param(f'"Authorization=Basic {RIGHT}"', "stands in quotes", id="quoted as a whole"),
    pytest.param(f"Authorization='Basic {RIGHT}'", "has a value in quotes", id="quoted value"),
    pytest.param(f"Authorization: Basic {RIGHT}", "is spelt `Key: value`", id="as in HTTP"),
    pytest.param(f"Authorization=Basic {RIGHT},{RIGHT}", "without a value or a usable name", id="with a stray item"),
]


@pytest.mark.parametrize(("spelling", "words"), HEADERS)
def test_a_header_is_understood_and_a_misspelling_explained(spelling: str, words: str | None) -> None:
    found = read({"OTEL_EXPORTER_OTLP_ENDPOINT": CLOUD, "OTEL_EXPORTER_OTLP_HEADERS": spelling})
    assert found.endpoint is not None
    assert found.endpoint.headers == {"authorization": f"Basic {RIGHT}"}
    assert [words in advice for advice in found.advice if words] == ([True] if words else [])
    assert RIGHT not in repr(found)


def test_a_header_that_http_cannot_hold_is_left_out_and_not_shown() -> None:
    for value in (f"Basic {TOKEN}\r\nx: y", f"Basic {TOKEN}é"):
        found = read(
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_EXPORTER_OTLP_HEADERS": f"Authorization={value}"}
        )
        assert found.endpoint is not None
        assert found.endpoint.headers == {}
        assert "no header can hold" in found.advice[0]
        assert TOKEN not in repr(found)


@pytest.mark.parametrize("padding", ["", "=", "=="])
def test_credentials_without_a_name_are_taken_for_no_header(padding: str) -> None:
    found = read({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_EXPORTER_OTLP_HEADERS": f"{RIGHT}{padding}"})
    assert found.endpoint is not None
    assert found.endpoint.headers == {}
    assert "without a value or a usable name" in found.advice[0]


def test_base64_that_was_wrapped_is_explained() -> None:
    wrapped = f"Authorization=Basic {RIGHT[:20]}\n{RIGHT[20:]}"
    found = read({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_EXPORTER_OTLP_HEADERS": wrapped})
    assert "A line break comes from `base64` without `-w0`." in found.advice[0]


ENDPOINTS = [
    pytest.param({"OTEL_EXPORTER_OTLP_ENDPOINT": CLOUD}, f"{CLOUD}/v1/metrics", None, id="as Grafana shows it"),
    pytest.param({"OTEL_EXPORTER_OTLP_ENDPOINT": f"{CLOUD}/"}, f"{CLOUD}/v1/metrics", None, id="with a slash"),
    pytest.param(
        {"OTEL_EXPORTER_OTLP_ENDPOINT": CLOUD.removesuffix("/otlp")},
        f"{CLOUD}/v1/metrics",
        "without /otlp",
        id="no path",
    ),
    pytest.param(
        {"OTEL_EXPORTER_OTLP_ENDPOINT": f"{CLOUD}/v1/metrics"}, f"{CLOUD}/v1/metrics", "should end in /otlp", id="whole"
    ),
    pytest.param(
        {"OTEL_EXPORTER_OTLP_ENDPOINT": CLOUD.removeprefix("https://")}, f"{CLOUD}/v1/metrics", "no scheme", id="host"
    ),
    pytest.param(
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "localhost:4318"}, "http://localhost:4318/v1/metrics", "no scheme", id="local"
    ),
    pytest.param({"OTEL_EXPORTER_OTLP_ENDPOINT": f"'{CLOUD}'"}, f"{CLOUD}/v1/metrics", "in quotes", id="quoted"),
    pytest.param(
        {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://x/api/v1/metrics"}, "http://x/api/v1/metrics", None, id="signal"
    ),
    pytest.param(
        {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://x/otlp"}, "http://x/otlp", "used as it is", id="signal as it is"
    ),
    pytest.param({"OTEL_EXPORTER_OTLP_ENDPOINT": "ftp://x"}, None, "is not a URL such as", id="other scheme"),
    pytest.param({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x:99999"}, None, "is not a URL such as", id="impossible port"),
    pytest.param({"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, None, None, id="blank"),
]


@pytest.mark.parametrize(("environ", "url", "words"), ENDPOINTS)
def test_an_endpoint_is_understood_and_a_misspelling_explained(
    environ: dict[str, str], url: str | None, words: str | None
) -> None:
    found = read({"OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Basic {RIGHT}", **environ})
    assert (found.endpoint.address if found.endpoint else None) == url
    assert [words in advice for advice in found.advice if words] == ([True] if words else [])


GRAFANA = [
    pytest.param("", "Grafana Cloud needs a header", id="none"),
    pytest.param(f"Authorization=Basic {TOKEN}", "is not base64", id="bare token"),
    pytest.param(f"Authorization=Basic {base64.b64encode(TOKEN.encode()).decode()}", "no colon", id="token alone"),
]


@pytest.mark.parametrize(("header", "words"), GRAFANA)
def test_credentials_that_grafana_cloud_cannot_take_are_explained_before_the_first_call(
    header: str, words: str
) -> None:
    found = read({"OTEL_EXPORTER_OTLP_ENDPOINT": CLOUD, "OTEL_EXPORTER_OTLP_HEADERS": header})
    assert len(found.advice) == 1
    assert words in found.advice[0]
    assert TOKEN not in repr(found)
    elsewhere = read({"OTEL_EXPORTER_OTLP_ENDPOINT": "https://example.com", "OTEL_EXPORTER_OTLP_HEADERS": header})
    assert elsewhere.advice == ()


def test_signal_variables_win_over_general_ones() -> None:
    found = read(
        {
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://general",
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://signal/v1/metrics",
            "OTEL_EXPORTER_OTLP_HEADERS": "a=general",
            "OTEL_EXPORTER_OTLP_METRICS_HEADERS": "b=signal",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "7",
            "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT": "3",
            "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        }
    ).endpoint
    assert found is not None
    assert (found.destination, found.headers, found.timeout_seconds) == ("signal", {"b": "signal"}, 3.0)
    assert (found.compression, found.variable) == ("gzip", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT")


def test_a_timeout_in_milliseconds_is_noticed() -> None:
    found = read({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_EXPORTER_OTLP_TIMEOUT": "10000"})
    assert "are seconds in Python" in found.advice[0]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "='grpc': only http/protobuf is spoken here"),
        ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "http/json", "='http/json': only http/protobuf is spoken here"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf", None),
    ],
)
def test_what_opentelemetry_knows_and_is_not_done_here_is_told(name: str, value: str, words: str | None) -> None:
    advice = read({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", name: value}).advice
    assert [f"{name}{words}" in told for told in advice] == ([True] if words else [])


def test_a_password_in_an_endpoint_is_not_shown() -> None:
    found = read({"OTEL_EXPORTER_OTLP_ENDPOINT": f"https://me:{TOKEN}@x.example/otlp?key={TOKEN}"})
    assert found.endpoint is not None
    assert found.endpoint.shown == "https://x.example/otlp/v1/metrics"
    assert found.endpoint.destination == "x.example"
    assert TOKEN in found.endpoint.secrets()
    assert TOKEN not in repr(found)
