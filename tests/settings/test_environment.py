"""Settings from an environment, and the advice about misspelt ones."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loguru import logger

import voice_metrics
from voice_metrics import Telemetry, VoiceMetricsProcessor
from voice_metrics.series.table import LOOP_LAG
from voice_metrics.settings.environment import Settings
from voice_metrics.settings.known_names import OURS

pytestmark = pytest.mark.slow

TOKEN = "glc_eyJvIjoiMTIzNDU2In0"


class Asked(dict[str, str]):
    """An environment that notes which variables are read."""

    def get(self, name: str, default: object = None) -> object:  # type: ignore[override]
        READ.add(name)
        return super().get(name, default)


READ: set[str] = set()
Settings.from_environment(
    Asked({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_LOGS_EXPORTER": "otlp", "VOICE_METRICS_DB": "off"})
)


def settings(**environ: str) -> Settings:
    return Settings.from_environment(environ)


UNDERSTOOD: list[tuple[str, str, str, object]] = [
    *(("VOICE_METRICS_CALL_ID", word, "call_ids", False) for word in ("off", "false", "0", "no", "NONE", "'off'")),
    *(("VOICE_METRICS_CALL_ID", word, "call_ids", True) for word in ("label", "on", "true", "1", "Yes")),
    *(("VOICE_METRICS_GENAI", word, "gen_ai", False) for word in ("off", "0", "False", "no", "disabled")),
    *(("VOICE_METRICS_GENAI", word, "gen_ai", True) for word in ("on", "1", "true", "yes")),
    *(
        ("VOICE_METRICS_DB", word, "ledger", None)
        for word in ("off", "false", "0", "no", "none", '"off"', ":memory:", "null")
    ),
    *(("OTEL_EXPORTER_OTLP_ENDPOINT", word, "endpoint", None) for word in ("off", "False", "none", "'none'", "null")),
    ("VOICE_METRICS_PRICES", "null", "prices", None),
    ("VOICE_METRICS_TRACE_URL", "null", "trace_url", None),
    ("VOICE_METRICS_EXPORT_TIMEOUT", "2s", "export_timeout_seconds", 2.0),
    ("VOICE_METRICS_EXPORT_TIMEOUT", "1.5 sec", "export_timeout_seconds", 1.5),
    ("VOICE_METRICS_EXPORT_TIMEOUT", "500ms", "export_timeout_seconds", 0.5),
    ("VOICE_METRICS_EXPORT_TIMEOUT", "1m", "export_timeout_seconds", 60.0),
    ("VOICE_METRICS_EXPORT_TIMEOUT", "2000", "export_timeout_seconds", 2.0),
    ("VOICE_METRICS_MAX_SERIES", "20k", "max_series", 20_000),
    ("VOICE_METRICS_MAX_SERIES", "1.5K", "max_series", 1500),
    ("VOICE_METRICS_MAX_SERIES", "1m", "max_series", 1_000_000),
    ("VOICE_METRICS_MAX_SERIES", "1e4", "max_series", 10_000),
    ("VOICE_METRICS_MAX_SERIES", "20_000", "max_series", 20_000),
    ("VOICE_METRICS_MAX_SERIES", "20,000", "max_series", 20_000),
    ("VOICE_METRICS_MAX_SERIES", "20.000", "max_series", 20_000),
    ("VOICE_METRICS_MAX_SERIES", "1.000.000", "max_series", 1_000_000),
    ("VOICE_METRICS_DB_DAYS", "90d", "ledger_days", 90),
    ("VOICE_METRICS_DB_DAYS", "4 weeks", "ledger_days", 28),
    ("VOICE_METRICS_DB_DAYS", "forever", "ledger_days", 36_500),
    ("VOICE_METRICS_DB_DAYS", "1000000", "ledger_days", 36_500),
    ("OTEL_METRICS_EXPORTER", "otlp_proto_http", "exporters", ("otlp",)),
    ("OTEL_METRICS_EXPORTER", "otlp/http, prometheus", "exporters", ("otlp", "prometheus")),
    ("OTEL_METRICS_EXPORTER", "prometheus,otlphttp", "exporters", ("prometheus", "otlp")),
    ("OTEL_METRICS_EXPORTER", "otlp; prometheus", "exporters", ("otlp", "prometheus")),
    ("OTEL_METRICS_EXPORTER", "none", "exporters", ()),
    ("OTEL_METRICS_EXPORTER", "off", "exporters", ()),
    ("OTEL_SDK_DISABLED", "TRUE", "disabled", True),
    ("OTEL_LOGS_EXPORTER", "otlp", "events", "calls"),
    ("VOICE_METRICS_TRACE_URL", "https://x/t/{trace_id}?a=b", "trace_url", "https://x/t/{trace_id}?a=b"),
]


@pytest.mark.parametrize(("name", "value", "attribute", "expected"), UNDERSTOOD)
def test_the_obvious_synonyms_are_understood(name: str, value: str, attribute: str, expected: object) -> None:
    found = settings(**{"VOICE_METRICS_DB": "x", name: value})
    assert getattr(found, attribute) == expected
    assert [advice for advice in found.advice if "quotes" not in advice] == []


WRONG = [
    ("VOICE_METRICS_EXPORT_TIMEOUT", "soon", "a positive number of seconds, such as 5; 2 is used."),
    ("VOICE_METRICS_EXPORT_TIMEOUT", "0", "a positive number of seconds, such as 5; 2 is used."),
    ("VOICE_METRICS_EXPORT_TIMEOUT", "inf", "a positive number of seconds, such as 5; 2 is used."),
    ("VOICE_METRICS_EXPORT_TIMEOUT", "1e400", "a positive number of seconds, such as 5; 2 is used."),
    ("VOICE_METRICS_EXPORT_TIMEOUT", "2 parsecs", "a positive number of seconds, such as 5; 2 is used."),
    ("VOICE_METRICS_CALL_ID", "sometimes", "label or off; label is used."),
    ("VOICE_METRICS_MAX_SERIES", "-1", "a positive whole number, such as 20000; 20000 is used."),
    ("VOICE_METRICS_MAX_SERIES", "0", "a positive whole number, such as 20000; 20000 is used."),
    ("VOICE_METRICS_MAX_SERIES", "many", "a positive whole number, such as 20000; 20000 is used."),
    ("VOICE_METRICS_MAX_SERIES", "2.5", "a positive whole number, such as 20000; 20000 is used."),
    ("VOICE_METRICS_GENAI", "maybe", "on or off; on is used."),
    ("VOICE_METRICS_DB_DAYS", "a week", "a positive whole number of days, such as 30; 30 is used."),
    ("OTEL_SDK_DISABLED", "1", "false or true; false is used."),
    ("OTEL_LOGS_EXPORTER", "console", "none or otlp; none is used."),
]


@pytest.mark.parametrize(("name", "value", "right"), WRONG)
def test_a_value_that_cannot_be_understood_is_advice_and_the_default(name: str, value: str, right: str) -> None:
    found = settings(VOICE_METRICS_DB="off", **{name: value})
    assert found.advice == (f"{name}={value!r}: expected {right}",)
    assert replace(found, advice=()) == settings(VOICE_METRICS_DB="off")


NAMES = [
    ("VOICE_METRICS_CALLID", "VOICE_METRICS_CALL_ID"),
    ("VOICE_METRICS_CALL_IDS", "VOICE_METRICS_CALL_ID"),
    ("voice_metrics_call_id", "VOICE_METRICS_CALL_ID"),
    ("VOICEMETRICS_DB", "VOICE_METRICS_DB"),
    ("VOICE_METRIC_GEN_AI", "VOICE_METRICS_GENAI"),
    ("VOICE_METRICS_TIMEOUT", "VOICE_METRICS_EXPORT_TIMEOUT"),
    ("VOICE_METRICS_DATABASE", "VOICE_METRICS_DB"),
    ("VOICE_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"),
    ("OTEL_EXPORTER_OTLP_HEADER", "OTEL_EXPORTER_OTLP_HEADERS"),
    ("OTEL_METRICS_EXPORT_INTERVAL", "OTEL_METRIC_EXPORT_INTERVAL"),
]


@pytest.mark.parametrize(("name", "meant"), NAMES)
def test_an_unknown_name_is_reported_with_the_nearest_known_one(name: str, meant: str) -> None:
    found = settings(VOICE_METRICS_DB="off", **{name: "off"})
    assert found.advice == (f"{name} is unknown and has no effect; perhaps {meant} is meant.",)


def test_an_unknown_name_like_no_other_is_reported_with_all_known_ones() -> None:
    (advice,) = settings(VOICE_METRICS_DB="off", VOICE_METRICS_QWXZJ="1").advice
    assert advice == f"VOICE_METRICS_QWXZJ is unknown and has no effect; known are {', '.join(OURS)}."


@pytest.mark.parametrize(
    "name", ["otel_service_name", "\ufeffOTEL_SERVICE_NAME", "export OTEL_SERVICE_NAME", "OTEL_SERVICE_NAME "]
)
def test_a_name_that_looks_like_a_known_one_is_reported(name: str) -> None:
    assert [advice.partition(" is written")[0] for advice in settings(**{name: "x"}).advice] == ["OTEL_SERVICE_NAME"]
    assert settings(**{name: "x", "OTEL_SERVICE_NAME": "y"}).service_name == "y"


@pytest.mark.parametrize("value", ["bot #2", "bot#a", "# bot"])
def test_a_hash_that_begins_no_comment_stays(value: str) -> None:
    found = settings(OTEL_SERVICE_NAME=value, VOICE_METRICS_DB="off")
    assert (found.service_name, found.advice) == (value, ())


def test_a_name_that_nothing_could_show_is_not_shown() -> None:
    (advice,) = settings(**{"VOICE_METRICS_DB": "off", f"VOICE_METRICS_x y{TOKEN}": "1"}).advice
    assert TOKEN not in advice


@pytest.mark.parametrize(
    "name",
    ["OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_METRIC_EXPORT_TIMEOUT", "OTEL_TRACES_EXPORTER", "VOICE_METRICIAN", "X"],
)
def test_names_of_others_are_not_mentioned(name: str) -> None:
    assert settings(VOICE_METRICS_DB="off", **{name: "1"}).advice == ()


def test_every_name_that_the_package_mentions_is_known() -> None:
    package = Path(voice_metrics.__file__).parent
    named = {
        name
        for path in package.rglob("*.py")
        if path.name != "known_names.py"
        for name in re.findall(r"\bVOICE_METRICS_[A-Z_]*[A-Z]\b", path.read_text())
    }
    assert named == set(OURS)


QUOTED: list[tuple[str, str, str, object]] = [
    ("OTEL_SERVICE_NAME", "my-bot", "service_name", "my-bot"),
    ("OTEL_RESOURCE_ATTRIBUTES", "service.name=bot,a=b", "resource", {"service.name": "bot", "a": "b"}),
    ("OTEL_SDK_DISABLED", "true", "disabled", True),
    ("OTEL_METRICS_EXPORTER", "console", "exporters", ("console",)),
    ("OTEL_METRIC_EXPORT_INTERVAL", "2500", "interval_seconds", 2.5),
    ("OTEL_EXPORTER_PROMETHEUS_PORT", "1234", "prometheus_port", 1234),
    ("OTEL_EXPORTER_PROMETHEUS_HOST", "0.0.0.0", "prometheus_host", "0.0.0.0"),
    ("VOICE_METRICS_CALL_ID", "off", "call_ids", False),
    ("VOICE_METRICS_MAX_SERIES", "7", "max_series", 7),
    ("VOICE_METRICS_DB", "/data/calls.db", "ledger", Path("/data/calls.db")),
    ("VOICE_METRICS_PRICES", "/data/prices.toml", "prices", "/data/prices.toml"),
]


@pytest.mark.parametrize("quote", ["'", '"'])
@pytest.mark.parametrize(("name", "value", "attribute", "expected"), QUOTED)
def test_quotes_that_docker_keeps_are_taken_off_every_variable(
    name: str, value: str, attribute: str, expected: object, quote: str
) -> None:
    found = settings(**{"VOICE_METRICS_DB": "x", name: f"{quote}{value}{quote}"})
    assert getattr(found, attribute) == expected
    assert found.advice == (
        f"{name} stands in quotes; they were taken off. Write it without: `docker --env-file` keeps them.",
    )


@pytest.mark.parametrize(
    "value", ['service.name="my bot",a=b', "'service.name=my bot','a=b'", "service.name='my bot',a=b"]
)
def test_quotes_around_items_of_a_list_are_taken_off(value: str) -> None:
    found = settings(VOICE_METRICS_DB="off", OTEL_RESOURCE_ATTRIBUTES=value)
    assert found.resource == {"service.name": "my bot", "a": "b"}
    assert found.advice[0] == "OTEL_RESOURCE_ATTRIBUTES: item 1 has quotes; they were taken off."


TEMPLATES = [
    ("VOICE_METRICS_DB", "${HOME}/calls.db", "ledger", Path("/x/voice-metrics/calls.db")),
    ("VOICE_METRICS_DB", "$HOME/calls.db", "ledger", Path("/x/voice-metrics/calls.db")),
    ("OTEL_SERVICE_NAME", "$(SERVICE)", "service_name", None),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://${HOST:-localhost}:4318", "endpoint", None),
    ("OTEL_METRIC_EXPORT_INTERVAL", "${INTERVAL}", "interval_seconds", 10.0),
]


@pytest.mark.parametrize(("name", "value", "attribute", "expected"), TEMPLATES)
def test_variable_whose_template_nothing_replaced_counts_as_not_set(
    name: str, value: str, attribute: str, expected: object
) -> None:
    found = settings(**{"XDG_DATA_HOME": "/x", name: value})
    assert getattr(found, attribute) == expected
    assert found.advice == (
        f"{name} names another variable, which nothing replaced by its value; it counts as not set.",
    )


def test_attribute_whose_template_nothing_replaced_is_left_out() -> None:
    found = settings(OTEL_RESOURCE_ATTRIBUTES="service.instance.id=$(POD),a=b", VOICE_METRICS_DB="off")
    assert found.resource == {"a": "b"}
    assert "item 1 names another variable" in found.advice[0]


def test_header_whose_template_nothing_replaced_is_not_sent() -> None:
    found = settings(
        OTEL_EXPORTER_OTLP_ENDPOINT="http://x:4318",
        OTEL_EXPORTER_OTLP_HEADERS="Authorization=Basic ${TOKEN}",
        VOICE_METRICS_DB="off",
    )
    assert found.endpoint is not None
    assert found.endpoint.headers == {}
    assert "OTEL_EXPORTER_OTLP_HEADERS names another variable" in found.advice[0]


@pytest.mark.parametrize(
    ("value", "seconds", "words"),
    [
        ("10", 0.05, "is in milliseconds: 10000 means 10 s. Series go out every 50 ms."),
        ("60", 0.06, "is in milliseconds: 60000 means 60 s. Series go out every 60 ms."),
        ("30s", 30.0, ": expected milliseconds without a unit; 30000 is used."),
        ("1e30", 10.0, ": expected milliseconds as a positive number, such as 10000; 10000 is used."),
    ],
)
def test_an_interval_in_seconds_is_noticed(value: str, seconds: float, words: str) -> None:
    found = settings(VOICE_METRICS_DB="off", OTEL_METRIC_EXPORT_INTERVAL=value)
    (advice,) = found.advice
    assert found.interval_seconds == pytest.approx(seconds)
    assert advice.startswith(f"OTEL_METRIC_EXPORT_INTERVAL={value!r}")
    assert advice.endswith(words)


def test_events_of_turns_need_an_exporter_of_logs() -> None:
    found = settings(VOICE_METRICS_DB="off", VOICE_METRICS_EVENTS="turns")
    assert (found.events, found.logs_endpoint) == ("none", None)
    assert found.advice == ("VOICE_METRICS_EVENTS has no effect without OTEL_LOGS_EXPORTER=otlp.",)
    both = settings(VOICE_METRICS_DB="off", VOICE_METRICS_EVENTS="turns", OTEL_LOGS_EXPORTER="otlp")
    assert (both.events, both.advice) == ("turns", ())


PEM = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\n-----END PRIVATE KEY-----"
MISPLACED = [
    pytest.param("VOICE_METRICS_DB", PEM, id="key-as-ledger"),
    pytest.param("VOICE_METRICS_DB", TOKEN, id="token-as-ledger"),
    pytest.param("VOICE_METRICS_PRICES", PEM, id="key-as-prices"),
    pytest.param("OTEL_EXPORTER_OTLP_CERTIFICATE", PEM, id="key-as-certificate"),
    pytest.param("OTEL_EXPORTER_OTLP_CLIENT_KEY", PEM, id="key-as-its-file"),
    pytest.param("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", PEM.replace("\n", " "), id="key-on-one-line"),
    pytest.param("OTEL_EXPORTER_OTLP_ENDPOINT", TOKEN, id="token-as-endpoint"),
    pytest.param("OTEL_EXPORTER_OTLP_ENDPOINT", f"https://{TOKEN}", id="token-as-host"),
    pytest.param("OTEL_EXPORTER_OTLP_ENDPOINT", f"Basic {TOKEN}", id="header-as-endpoint"),
    pytest.param("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1/hook/{TOKEN}?key={TOKEN}", id="token-in-a-path"),
    pytest.param("OTEL_EXPORTER_OTLP_TIMEOUT", TOKEN, id="token-as-timeout"),
    pytest.param("OTEL_EXPORTER_OTLP_COMPRESSION", TOKEN, id="token-as-compression"),
    pytest.param("OTEL_EXPORTER_OTLP_HEADERS", f"{TOKEN}:1234567", id="token-as-header-name"),
    pytest.param("OTEL_RESOURCE_ATTRIBUTES", f"service.name=x,{TOKEN}", id="token-as-attribute"),
    pytest.param("OTEL_METRICS_EXPORTER", TOKEN, id="token-as-exporter"),
    pytest.param("VOICE_METRICS_MAX_SERIES", TOKEN, id="token-as-number"),
    pytest.param("VOICE_METRICS_TRACE_URL", f"https://x/{TOKEN}", id="token-in-a-link"),
]


@pytest.mark.parametrize(("name", "value"), MISPLACED)
def test_a_secret_in_the_wrong_place_is_not_shown(name: str, value: str) -> None:
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "VOICE_METRICS_DB": "off", name: value}
    found = settings(**environ)
    shown = f"{found!r} {found.endpoint and found.endpoint.shown} {found.endpoint and found.endpoint.destination}"
    assert found.advice or found.endpoint != settings(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:4318").endpoint
    for part in (TOKEN, TOKEN.lower(), "MIIEvQ"):
        assert part not in shown


TEXT = st.text(st.characters(exclude_characters="\0"), max_size=80)
VALUES = st.one_of(
    TEXT,
    st.sampled_from(
        ["\udcff", "~", "~x", "://", "http://[", "'", '"', "%", "%zz", "=", ",", "1" * 5000, "1e999", "_", "{"]
    ),
    st.builds("{}{}".format, st.integers() | st.floats(), st.sampled_from(["", "s", "k", "m", " days"])),
)


@given(st.dictionaries(st.sampled_from(sorted(READ)) | TEXT, VALUES, max_size=8))
def test_no_environment_raises(environ: dict[str, str]) -> None:
    found = Settings.from_environment({"OTEL_LOGS_EXPORTER": "otlp"} | environ)
    assert all(advice.isprintable() for advice in found.advice)
    for each in (found.endpoint, found.logs_endpoint):
        if each is not None:
            assert each.address.endswith(("/", each.url[-1]))
            assert each.destination in each.shown
            assert isinstance(each.secrets(), tuple)


FALLBACKS = [
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


def test_an_unknown_home_gives_advice_and_the_default() -> None:
    found = settings(VOICE_METRICS_DB="~no-such-user/calls.db", XDG_DATA_HOME="/data", LOCALAPPDATA="/data")
    assert found.ledger == settings(XDG_DATA_HOME="/data", LOCALAPPDATA="/data").ledger
    assert found.advice == (
        "VOICE_METRICS_DB='~no-such-user/calls.db': no such home directory is known; expected the path of a file.",
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
    own.series(LOOP_LAG, {})(1.0)
    own.shutdown()
    logger.remove(sink)
    assert [line.partition(":")[0] for line in said] == ["Telemetry settings"]
    assert "there is no ledger" in said[0]


DIAGNOSED = """
import sys
from loguru import logger
logger.remove()
logger.add(sys.stdout, diagnose=True, backtrace=True)

@logger.catch
def main(kind):
    from voice_metrics import VoiceMetricsObserver, VoiceMetricsProcessor
    VoiceMetricsProcessor() if kind == "processor" else VoiceMetricsObserver()

main(sys.argv[1])
"""


@pytest.mark.parametrize("kind", ["processor", "observer"])
def test_a_traceback_with_variables_shows_no_secret_of_the_environment(kind: str, tmp_path: Path) -> None:
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "VOICE_METRICS_"))},
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1",
        "OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Basic {TOKEN}",
        "OPENAI_API_KEY": TOKEN,
        "VOICE_METRICS_DB": "off",
        "VOICE_METRICS_PRICES": str(tmp_path / "none.toml"),
    }
    done = subprocess.run(
        [sys.executable, "-c", DIAGNOSED, kind], env=environ, capture_output=True, text=True, timeout=240, check=True
    )
    assert "none.toml': No such file" in done.stdout
    assert TOKEN not in done.stdout + done.stderr
