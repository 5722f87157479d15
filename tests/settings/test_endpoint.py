"""Where series go, as the environment spells it, and what is said about misspellings."""

from __future__ import annotations

import base64

import pytest

from voice_metrics.settings.endpoint import Endpoint
from voice_metrics.settings.environment import Settings
from voice_metrics.settings.header_variables import shown_names

TOKEN = "glc_eyJvIjoiMTIzNDU2In0"
RIGHT = base64.b64encode(f"123456:{TOKEN}".encode()).decode()
CLOUD = "https://otlp-gateway-prod-eu-west-2.grafana.net/otlp"
BASE, HEADERS_VARIABLE = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS"


def packed(credentials: str) -> str:
    return base64.b64encode(credentials.encode()).decode()


BASIC = f"Authorization=Basic {packed('1:token')}"


def read(environ: dict[str, str]) -> Settings:
    return Settings.from_environment({"VOICE_METRICS_DB": "off"} | environ)


def endpoint(environ: dict[str, str]) -> Endpoint:
    found = read(environ).endpoint
    assert found is not None
    return found


HEADERS = [
    pytest.param(f"Authorization=Basic%20{RIGHT}", None, id="as OpenTelemetry spells it"),
    pytest.param(f"Authorization=Basic {RIGHT}", None, id="with a blank"),
    pytest.param(f" authorization = Basic {RIGHT} ", None, id="with blanks around"),
    pytest.param(f'"Authorization=Basic {RIGHT}"', "stands in quotes", id="quoted as a whole"),
    pytest.param(f"Authorization='Basic {RIGHT}'", "has a value in quotes", id="quoted value"),
    pytest.param(
        f'"Authorization=Basic {RIGHT}","authorization=Basic {RIGHT}"', "has a value in quotes", id="quoted items"
    ),
    pytest.param(f"Authorization: Basic {RIGHT}", "is spelt `Key: value`", id="as in HTTP"),
    pytest.param(f"Authorization=Basic {RIGHT},{RIGHT}", "without a value or a usable name", id="with a stray item"),
    pytest.param(f"\ufeffAuthorization=Basic {RIGHT}\u200b", "invisible characters", id="copied from a page"),
    pytest.param(f"\u201cAuthorization=Basic {RIGHT}\u201d", "stands in quotes", id="in typographic quotes"),
    pytest.param(f"Authorization=Basic {RIGHT} # of Joe", "has a comment", id="with a comment"),
    pytest.param(f"{HEADERS_VARIABLE}=Authorization=Basic {RIGHT}", "its own name", id="with the variable's name"),
    pytest.param(f"export {HEADERS_VARIABLE}=Authorization=Basic {RIGHT}", "its own name", id="as a line of a shell"),
    pytest.param(f"Authorization=Basic\xa0{RIGHT}", None, id="with a no-break space"),
    pytest.param(f"Authorization=Basic \t {RIGHT}", None, id="with several blanks"),
    pytest.param(f"Authorization=Basic%2520{RIGHT}", "encoded twice", id="encoded twice"),
    pytest.param(f"Authorization=Basic+{RIGHT}", "encoded twice", id="encoded as a form is"),
    pytest.param(f"Authorization=Basic {RIGHT};", "has a `;`", id="as a statement"),
    pytest.param(f"content-type=application/x-protobuf; authorization=Basic {RIGHT}", "a `;`", id="with semicolons"),
    pytest.param(f"content-type=application/json,Authorization=Basic {RIGHT}", "sets itself", id="of the body"),
    pytest.param(f"Content-Type=application/x-protobuf,Authorization=Basic {RIGHT}", None, id="of the body, as it is"),
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
    pytest.param({BASE: "http://x:4318/v1/metrics"}, "http://x:4318/v1/metrics", "was taken off", id="whole elsewhere"),
    pytest.param({BASE: "http://x/v1/metrics/"}, "http://x/v1/metrics", "was taken off", id="whole with a slash"),
    pytest.param({BASE: "http://x/v1/traces"}, "http://x/v1/metrics", "ends in /v1/traces", id="path of traces"),
    pytest.param({BASE: "http://x/v1/metrics/v1/metrics"}, "http://x/v1/metrics", "was taken off", id="twice"),
    pytest.param({BASE: "http://x//V1/Metrics"}, "http://x/v1/metrics", "was taken off", id="whole in capitals"),
    pytest.param({BASE: "http://x/v1/"}, "http://x/v1/metrics", "ends in /v1,", id="half of the path"),
    pytest.param({BASE: f"{CLOUD}/v1"}, f"{CLOUD}/v1/metrics", "should end in /otlp", id="half of the path at Grafana"),
    pytest.param({BASE: "http://x/api/v1"}, "http://x/api/v1/v1/metrics", None, id="version of an API"),
    pytest.param({BASE: "http://x:4317"}, "http://x:4317/v1/metrics", "speak gRPC", id="port of gRPC"),
    pytest.param(
        {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://x/v1/metrics/"},
        "http://x/v1/metrics/",
        None,
        id="signal's slash",
    ),
    pytest.param(
        {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://x/ingest/"},
        "http://x/ingest/",
        "used as it is",
        id="slash kept",
    ),
    pytest.param({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://x"}, "http://x/", "used as it is", id="signal's root"),
    pytest.param(
        {"OTEL_EXPORTER_OTLP_ENDPOINT": CLOUD.removeprefix("https://")}, f"{CLOUD}/v1/metrics", "no scheme", id="host"
    ),
    pytest.param(
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "localhost:4318"}, "http://localhost:4318/v1/metrics", "no scheme", id="local"
    ),
    *(
        pytest.param({BASE: address}, f"http://{address}/v1/metrics", "http:// is assumed", id=f"near: {address}")
        for address in (
            "collector:4318",
            "[::1]:4318",
            "10.1.2.3:4318",
            "0.0.0.0:4318",
            "host.docker.internal:4318",
            "otel.ns.svc:4318",
            "otel.ns.svc.cluster.local:4318",
        )
    ),
    pytest.param({BASE: "8.8.8.8:4318"}, "https://8.8.8.8:4318/v1/metrics", "https:// is assumed", id="far address"),
    pytest.param({BASE: "x.org:4318"}, "https://x.org:4318/v1/metrics", "https:// is assumed", id="far name"),
    pytest.param(
        {BASE: "x.org:4318", "OTEL_EXPORTER_OTLP_INSECURE": "true"},
        "http://x.org:4318/v1/metrics",
        "http:// is assumed",
        id="insecure",
    ),
    pytest.param(
        {BASE: "x:4318", "OTEL_EXPORTER_OTLP_INSECURE": "true", "OTEL_EXPORTER_OTLP_METRICS_INSECURE": "False"},
        "https://x:4318/v1/metrics",
        "https:// is assumed",
        id="not insecure",
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


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("10000", 10.0), ("300", 300.0), ("500", 0.5), ("0.3", 0.3), ("5s", 5.0), ("2500ms", 2.5), ('"7"', 7.0)],
)
def test_a_timeout_beyond_300_is_in_milliseconds(value: str, seconds: float) -> None:
    assert endpoint({BASE: "http://x", "OTEL_EXPORTER_OTLP_TIMEOUT": value}).timeout_seconds == seconds


@pytest.mark.parametrize("value", ["soon", "0", "-1", "inf", "nan", "1e12"])
def test_a_timeout_that_is_none_is_advice_and_ten_seconds(value: str) -> None:
    found = read({BASE: "http://x", "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT": value})
    assert found.endpoint is not None
    assert found.endpoint.timeout_seconds == 10.0
    assert found.advice == (
        f"OTEL_EXPORTER_OTLP_METRICS_TIMEOUT={value!r}: expected a positive number of seconds, such as 5; 10 is used.",
    )


@pytest.mark.parametrize(
    "variable",
    [
        "OTEL_EXPORTER_OTLP_CERTIFICATE",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE",
    ],
)
def test_an_endpoint_knows_which_variable_named_its_certificate(variable: str) -> None:
    found = read({BASE: "https://x", variable: "/no/ca.pem"})
    assert found.endpoint is not None
    assert (found.endpoint.certificate, found.endpoint.certificate_variable) == ("/no/ca.pem", variable)
    assert found.advice == (f"{variable} names a file that does not exist: no request by https can be made.",)
    assert endpoint({BASE: "https://x"}).certificate_variable is None


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "OTEL_EXPORTER_OTLP_CLIENT_KEY"])
def test_file_of_certificates_that_cannot_even_be_looked_for_is_advice(variable: str) -> None:
    # Longer in bytes than a name can be; a folder that this user may not read fails alike.
    found = read({BASE: "https://x", variable: f"/{'ä' * 200}"})
    assert found.endpoint is not None
    assert found.advice == (f"{variable} names a file that does not exist: no request by https can be made.",)


def test_a_path_in_which_a_key_was_pasted_is_not_in_the_endpoints_text() -> None:
    pasted = {"OTEL_EXPORTER_OTLP_CLIENT_KEY": f"/no/{TOKEN}", "OTEL_EXPORTER_OTLP_CERTIFICATE": f"/no/{TOKEN}"}
    found = read({BASE: "https://x", **pasted})
    assert found.endpoint is not None
    assert found.endpoint.client_key == f"/no/{TOKEN}"
    assert TOKEN not in repr(found)


def test_logs_go_where_the_series_go_by_the_same_rules() -> None:
    events = {"OTEL_LOGS_EXPORTER": "otlp", HEADERS_VARIABLE: "a=general"}
    found = read({BASE: "http://x/otlp/", **events}).logs_endpoint
    assert found is not None
    assert (found.url, found.headers) == ("http://x/otlp/v1/logs", {"a": "general"})
    own = {"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://y/logs/", "OTEL_EXPORTER_OTLP_LOGS_HEADERS": "b=logs"}
    found = read({BASE: "http://x/otlp", **events, **own}).logs_endpoint
    assert found is not None
    assert (found.url, found.headers, found.variable) == (
        "http://y/logs/",
        {"b": "logs"},
        "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
    )
    assert read({BASE: "http://x"}).logs_endpoint is None


def test_what_is_misspelt_for_both_signals_is_told_once() -> None:
    found = read({BASE: "http://x:4317", "OTEL_LOGS_EXPORTER": "otlp", HEADERS_VARIABLE: "nonsense"})
    assert len(found.advice) == len(set(found.advice)) == 2


@pytest.mark.parametrize(
    "host", ["grafana.com", "acme.grafana.net", "prometheus-prod-24-prod-eu-west-2.grafana.net/api/prom/push"]
)
def test_another_address_of_grafana_is_not_taken_for_the_gateway(host: str) -> None:
    found = read({BASE: f"https://{host}", HEADERS_VARIABLE: f"Authorization=Basic {RIGHT}"})
    (advice,) = found.advice
    assert "is an address of Grafana Cloud, but not of its OTLP gateway: expected" in advice
    assert found.endpoint is not None
    assert found.endpoint.url == f"https://{host}/v1/metrics"


def test_a_part_of_a_path_that_may_be_a_key_is_neither_shown_nor_repeated_by_a_server() -> None:
    found = endpoint({BASE: "https://abc.live.dynatrace.com/e/my-environment-id/api/v2/otlp"})
    assert found.shown == "https://abc.live.dynatrace.com/e/…/api/v2/otlp/v1/metrics"
    assert "my-environment-id" in found.secrets()


def test_headers_of_unknown_names_are_counted_not_named() -> None:
    assert shown_names({"authorization": "x", "api-key": "y"}) == "api-key, authorization"
    assert shown_names({"authorization": "x", "glc_token": "y", "z": "1"}) == "authorization, 2 more"
    assert shown_names({}) == "none"


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


@pytest.mark.parametrize(
    "spelling",
    [
        f"{CLOUD}\u200b",
        f"\ufeff{CLOUD}",
        f"\u201c{CLOUD}\u201d",
        f"{CLOUD} # ours",
        f"'{CLOUD}' # ours",
        f"<{CLOUD}>",
        f"{CLOUD};",
    ],
)
def test_what_is_copied_with_an_endpoint_is_no_part_of_it(spelling: str) -> None:
    assert endpoint({BASE: spelling}).url == f"{CLOUD}/v1/metrics"


@pytest.mark.parametrize("spelling", ["https:/x.example/otlp", "http://x:4318/a b", "http//x:4318"])
def test_what_is_almost_an_endpoint_is_none(spelling: str) -> None:
    found = read({BASE: spelling})
    assert found.endpoint is None
    assert "is not a URL" in found.advice[0]


def test_credentials_without_their_scheme_are_explained_before_the_first_call() -> None:
    found = read({BASE: CLOUD, HEADERS_VARIABLE: f"Authorization={RIGHT}"})
    assert "does not begin with `Basic`" in found.advice[0]
    assert RIGHT not in found.advice[0]


@pytest.mark.parametrize(
    ("environ", "same"),
    [
        pytest.param({}, True, id="the same"),
        pytest.param({"OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Basic {packed('1:new token')}"}, True, id="token"),
        pytest.param({"OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Basic {packed('2:token')}"}, False, id="account"),
        pytest.param({"OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Bearer token"}, False, id="scheme"),
        pytest.param({"OTEL_EXPORTER_OTLP_HEADERS": f"{BASIC},X-Scope-OrgID=7"}, False, id="organisation"),
        pytest.param({"OTEL_EXPORTER_OTLP_ENDPOINT": "https://b.example/otlp"}, False, id="host"),
        pytest.param({"OTEL_EXPORTER_OTLP_ENDPOINT": "https://a.example/b/otlp"}, False, id="path"),
    ],
)
def test_a_server_and_an_account_have_one_digest(environ: dict[str, str], same: bool) -> None:
    usual = {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://a.example/otlp", "OTEL_EXPORTER_OTLP_HEADERS": BASIC}
    first = endpoint(usual).digest
    assert (endpoint(usual | environ).digest == first) is same
    assert len(first) == 4
