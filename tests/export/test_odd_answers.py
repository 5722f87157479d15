"""Answers of gateways that contradict themselves: what they say for sure counts."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse

from tests.export.calls import RecordedCall
from tests.export.conftest import Log
from tests.receiver import Behaviour, Exchange, Receiver, accept, answering, reset
from voice_metrics.export.answers import judge
from voice_metrics.telemetry import Telemetry

Start = Callable[..., Telemetry]


def saying(answer: bytes) -> Behaviour:
    """Send an answer as it is, and close the connection."""

    def behave(exchange: Exchange) -> None:
        exchange.handler.wfile.write(answer)
        exchange.handler.close_connection = True

    return behave


def unless(bad: Callable[[Exchange], bool], answer: Behaviour) -> Behaviour:
    """Take every request but the bad ones."""
    return lambda exchange: (answer if bad(exchange) else accept)(exchange)


def of_bad(exchange: Exchange) -> bool:
    return any(point.attributes.get("call_id") == "bad" for point in exchange.points)


def large(exchange: Exchange) -> bool:
    return len(exchange.points) > 8


NO_GZIP = b"content-encoding: gzip\r\ncontent-length: 4\r\n\r\nabcd"
SHORT = b"content-length: 100\r\n\r\nlabel"


@pytest.mark.parametrize("body", [NO_GZIP, SHORT], ids=["not gzip", "cut short"])
def test_refusal_counts_where_its_body_cannot_be_read(body: bytes, receiver: Receiver, start: Start, log: Log) -> None:
    receiver.behaviour = saying(b"HTTP/1.1 401 Unauthorized\r\n" + body)
    call = RecordedCall(start(), "c1")
    call.use(1)
    assert call.end().result(60) is False
    assert len(receiver.exchanges) == 1
    assert "it answered 401. Check OTEL_EXPORTER_OTLP_HEADERS" in log.warnings[0]


def test_wait_that_a_server_asks_for_counts_where_its_body_cannot_be_read(receiver: Receiver, start: Start) -> None:
    receiver.behaviour = saying(b"HTTP/1.1 429 Too Many\r\nretry-after: 30\r\n" + NO_GZIP)
    telemetry = start()
    for name in "ab":
        call = RecordedCall(telemetry, name)
        call.use(1)
        assert call.end().result(60) is False
    assert len(receiver.exchanges) == 1


def test_success_counts_where_its_body_cannot_be_unpacked(receiver: Receiver, start: Start) -> None:
    receiver.behaviour = saying(b"HTTP/1.1 200 OK\r\n" + NO_GZIP)
    call = RecordedCall(start(), "c1")
    call.use(1)
    assert call.end().result(60) is True
    assert len(receiver.exchanges) == 1


REFUSALS = [
    pytest.param(of_bad, answering(400, b"label value is too long", retry_after="30"), id="400 with a wait"),
    pytest.param(of_bad, answering(409, b"out of order"), id="409"),
    pytest.param(of_bad, answering(422, b"label value is too long"), id="422"),
    pytest.param(of_bad, saying(b"HTTP/1.1 400 Bad Request\r\n" + SHORT), id="400 cut short"),
    pytest.param(large, answering(413, retry_after="30"), id="413 with a wait"),
    pytest.param(large, reset, id="reset"),
]


@pytest.mark.parametrize(("bad", "answer"), REFUSALS)
def test_request_that_a_server_cannot_take_is_divided_whatever_else_the_answer_says(
    bad: Callable[[Exchange], bool], answer: Behaviour, receiver: Receiver, start: Start
) -> None:
    receiver.behaviour = unless(bad, answer)
    telemetry = start()
    calls = [RecordedCall(telemetry, name) for name in ("a", "b", "bad", "c", "d", "e")]
    for number, call in enumerate(calls, 1):
        call.use(number)
    ends = {call.call_id: call.end() for call in calls}
    taken = {name: end.result(60) for name, end in ends.items()}
    assert taken == {name: bad is large or name != "bad" for name in ends}


SPELLINGS = [
    '{"partialSuccess": {"rejectedDataPoints": "2", "errorMessage": "too old"}}',
    '{"partialSuccess": {"rejectedLogRecords": "2", "errorMessage": "too old"}}',
    '\n{"partial_success": {"rejected_data_points": 2, "error_message": "too old"}}',
]


@pytest.mark.parametrize("content", ["application/json; charset=utf-8", "text/plain", "", "application/x-protobuf"])
@pytest.mark.parametrize("answer", SPELLINGS)
def test_rejected_items_of_an_answer_in_json_are_found_whatever_it_says_it_is(answer: str, content: str) -> None:
    body = answer.lstrip() if "protobuf" in content else answer
    outcome = judge(200, {"content-type": content}, body.encode(), "OTEL_EXPORTER_OTLP_ENDPOINT")
    assert (outcome.rejected, outcome.acknowledged) == (2, False)
    assert "too old" in outcome.words


@pytest.mark.parametrize("length", range(50, 128))
def test_rejection_of_any_length_is_no_page(length: int) -> None:
    answer = ExportMetricsServiceResponse()
    answer.partial_success.rejected_data_points = 3
    answer.partial_success.error_message = "x" * length
    outcome = judge(
        200, {"content-type": "application/x-protobuf"}, answer.SerializeToString(), "OTEL_EXPORTER_OTLP_ENDPOINT"
    )
    assert (outcome.fault, outcome.rejected) == ("rejected", 3)


@pytest.mark.parametrize("body", [b"<html>log in</html>", b"\r\n <p>", b"\xef\xbb\xbf<!doctype html>"])
def test_page_in_place_of_an_answer_is_no_success(body: bytes) -> None:
    outcome = judge(200, {"content-type": "text/html"}, body, "OTEL_EXPORTER_OTLP_ENDPOINT")
    assert (outcome.fault, outcome.acknowledged) == ("page", False)


@pytest.mark.parametrize(
    "answer",
    [
        '{"error": {"code": 400, "message": "bad label", "status": "INVALID_ARGUMENT"}}',
        '{"errors": ["bad label"]}',
        '{"errors": [{"title": "Bad Request", "detail": "bad label"}]}',
        '{"Message": "bad label"}',
        '{"detail": "bad label"}',
        '{"type": "about:blank", "title": "bad label", "status": 400}',
        '{"status": "error", "errorType": "bad_data", "error": "bad label"}',
        '["bad label"]',
        "bad label",
    ],
)
def test_words_of_an_error_in_json_are_found_in_any_field(answer: str) -> None:
    outcome = judge(400, {"content-type": "application/problem+json"}, answer.encode(), "OTEL_EXPORTER_OTLP_ENDPOINT")
    assert outcome.words == "it answered 400: bad label."


@pytest.mark.parametrize(
    "answer", ['{"reason": "bad label"}', '{"error": 7}', "[]", '{"error": ' * 300 + "1" + "}" * 300]
)
def test_error_in_json_without_words_is_shown_as_it_is(answer: str) -> None:
    outcome = judge(400, {"content-type": "application/json"}, answer.encode(), "OTEL_EXPORTER_OTLP_ENDPOINT")
    assert outcome.words.startswith(f"it answered 400: {answer[:200]}")


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (304, "it answered 304. That is no OTLP endpoint; check X and any proxy on the way."),
        (400, "it answered 400. The server could not take the data and does not say why."),
        (415, "it answered 415. The server takes no OTLP in protobuf at this path; check X."),
    ],
)
def test_answer_without_words_has_advice_that_holds_without_them(status: int, text: str) -> None:
    assert str(judge(status, {}, b"", "X")) == text


# Words of Go, nginx, Apache and Tomcat.
@pytest.mark.parametrize(
    "words",
    [
        "Client sent an HTTP request to an HTTPS server.",
        "<html><h1>400 Bad Request</h1>The plain HTTP request was sent to HTTPS port</html>",
        "Reason: You're speaking plain HTTP to an SSL-enabled server port.",
        "This combination of host and port requires TLS.",
    ],
)
def test_port_that_takes_tls_only_asks_for_https(words: str) -> None:
    outcome = judge(400, {"content-type": "text/plain"}, words.encode(), "OTEL_EXPORTER_OTLP_ENDPOINT")
    assert outcome.advice == "Write https:// in OTEL_EXPORTER_OTLP_ENDPOINT: this port takes TLS only."
    assert (outcome.divisible, outcome.concerns_all) == (False, True)


def test_words_of_a_server_that_took_everything_are_logged_once(receiver: Receiver, start: Start, log: Log) -> None:
    answer = ExportMetricsServiceResponse()
    answer.partial_success.error_message = "an attribute was cut"

    def take(exchange: Exchange) -> None:
        exchange.store()
        exchange.answer(200, answer.SerializeToString())

    receiver.behaviour = take
    telemetry = start()
    for name in "ab":
        call = RecordedCall(telemetry, name)
        call.use(1)
        assert call.end().result(60) is True
    (line,) = log.warnings
    assert "it took everything and says: an attribute was cut" in line


# Words of real stores: Prometheus, Mimir, Thanos, Cortex, Loki, Google.
LABELS = ", ".join(f'attribute_{number}="value {number}"' for number in range(60))
NEVER_TAKEN = [
    (400, "out of order sample"),
    (400, "duplicate sample for timestamp"),
    (400, "this sample is beyond the out-of-order time window (err-mimir-sample-timestamp-too-old)"),
    (400, "received a sample whose timestamp is too far in the past (err-mimir-too-far-in-past)"),
    (400, f"user=fake: sample for '{{{LABELS}}}' has timestamp too old"),
    (409, "store locally for endpoint 127.0.0.1:10901: conflict"),
    (400, "ignored, reason: 'entry too far behind, oldest acceptable timestamp is: 2026-09-25T08:24:02Z'"),
    (400, "One or more of the points specified had an older end time than the most recent point."),
    (400, "Data points cannot be written more than 24h in the past."),
]


@pytest.mark.parametrize(("status", "words"), NEVER_TAKEN, ids=lambda value: str(value)[:40])
def test_point_that_a_store_calls_too_old_in_its_own_words_will_never_be_taken(status: int, words: str) -> None:
    outcome = judge(status, {"content-type": "text/plain"}, words.encode(), "OTEL_EXPORTER_OTLP_ENDPOINT")
    assert (outcome.aged, outcome.ahead) == (True, False)


@pytest.mark.parametrize("words", ["err-mimir-too-far-in-future", f"{{{LABELS}}}: timestamp too new", "in the future"])
def test_point_that_a_store_calls_too_new_may_be_taken_later(words: str) -> None:
    outcome = judge(400, {"content-type": "text/plain"}, words.encode(), "OTEL_EXPORTER_OTLP_ENDPOINT")
    assert (outcome.aged, outcome.ahead) == (False, True)


@pytest.mark.parametrize("words", ["err-mimir-max-series-per-user", "label value too long", "per-user series limit"])
def test_point_of_a_limit_is_not_too_old(words: str) -> None:
    outcome = judge(400, {"content-type": "text/plain"}, words.encode(), "OTEL_EXPORTER_OTLP_ENDPOINT")
    assert (outcome.aged, outcome.ahead) == (False, False)


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (400, b"cumulative aggregation temporality is not supported"),
        (200, b'{"partialSuccess": {"rejectedDataPoints": 2, "errorMessage": "Temporality must be DELTA"}}'),
    ],
)
def test_store_that_takes_the_other_temporality_only_is_recognised(status: int, answer: bytes) -> None:
    outcome = judge(status, {"content-type": "application/json"}, answer, "OTEL_EXPORTER_OTLP_ENDPOINT")
    assert outcome.advice.startswith("Set OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE to the one that it takes")
