"""An error's type is the provider's status, else the exception's class."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any

import pytest
from pipecat.frames.frames import ErrorFrame

from voice_metrics.call.errors import ErrorRaised, Failures, status_of
from voice_metrics.call.facts import Failed
from voice_metrics.call.text import Vocabulary
from voice_metrics.pipecat.failures import error_raised


def _openai() -> Exception:
    openai, httpx = pytest.importorskip("openai"), pytest.importorskip("httpx")
    response = httpx.Response(429, request=httpx.Request("POST", "https://api.openai.com/v1/chat/completions"))
    fault: Exception = openai.RateLimitError("slow down", response=response, body={"code": "rate_limit_exceeded"})
    return fault


def _httpx() -> Exception:
    httpx = pytest.importorskip("httpx")
    request = httpx.Request("GET", "https://api.example")
    fault: Exception = httpx.HTTPStatusError("no", request=request, response=httpx.Response(401, request=request))
    return fault


def _aiohttp() -> Exception:
    from aiohttp import RequestInfo, WSServerHandshakeError
    from multidict import CIMultiDict, CIMultiDictProxy
    from yarl import URL

    asked = RequestInfo(URL("wss://api.example"), "GET", CIMultiDictProxy(CIMultiDict()), URL("wss://api.example"))
    return WSServerHandshakeError(asked, (), status=403, message="no")


def _websockets() -> Exception:
    pytest.importorskip("websockets")
    from websockets.datastructures import Headers
    from websockets.exceptions import InvalidStatus
    from websockets.http11 import Response

    return InvalidStatus(Response(401, "Unauthorized", Headers()))


def _closed(code: int) -> Callable[[], Exception]:
    def made() -> Exception:
        pytest.importorskip("websockets")
        from websockets.exceptions import ConnectionClosedError
        from websockets.frames import Close

        return ConnectionClosedError(Close(code, "no"), None)

    return made


def _shaped(**attributes: Any) -> Callable[[], Exception]:
    """An exception of a client that is not installed here, with the attributes that its documentation names."""

    def made() -> Exception:
        fault = RuntimeError("no")
        for name, value in attributes.items():
            setattr(fault, name, value)
        return fault

    return made


def _wrapped() -> Exception:
    try:
        try:
            raise _shaped(status_code=503)()
        except RuntimeError as fault:
            raise ConnectionError("cannot connect") from fault
    except ConnectionError as fault:
        return fault


@pytest.mark.parametrize(
    ("made", "status"),
    [
        pytest.param(_openai, "429", id="openai"),
        pytest.param(_httpx, "401", id="httpx"),
        pytest.param(_aiohttp, "403", id="aiohttp"),
        pytest.param(_websockets, "401", id="websockets-handshake"),
        pytest.param(_closed(1008), "1008", id="websockets-policy"),
        pytest.param(_closed(1006), None, id="websockets-without-a-code"),
        pytest.param(_shaped(code=429, status="RESOURCE_EXHAUSTED"), "429", id="google-genai"),
        pytest.param(_shaped(code=HTTPStatus.SERVICE_UNAVAILABLE), "503", id="google-api-core"),
        pytest.param(_shaped(code=lambda: SimpleNamespace(name="UNAVAILABLE")), "UNAVAILABLE", id="grpc"),
        pytest.param(
            _shaped(response={"ResponseMetadata": {"HTTPStatusCode": 400}, "Error": {"Code": "Throttling"}}),
            "400",
            id="botocore",
        ),
        pytest.param(_wrapped, "503", id="wrapped-in-another"),
        pytest.param(_shaped(code="insufficient_quota"), None, id="a-code-that-is-a-word"),
        pytest.param(_shaped(status_code=True), None, id="a-truth-value"),
        pytest.param(_shaped(status_code=10**9), None, id="no-status-at-all"),
        pytest.param(lambda: TimeoutError(), None, id="an-exception-without-one"),
    ],
)
def test_status_is_found_where_each_client_keeps_it(made: Callable[[], Exception], status: str | None) -> None:
    assert status_of(made()) == status


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("Error getting audio (status: 401, error: Unauthorized)", "401"),
        ("Error code: 429 - {'error': {'message': 'Rate limit reached'}}", "429"),
        ("Unknown HTTP 503 from the provider", "503"),
        ("status_code=400", "400"),
        ("table 404 is free", None),
        ("status: 200", None),
        ("", None),
    ],
)
def test_status_is_found_in_the_text_where_there_is_no_exception(text: str, status: str | None) -> None:
    assert status_of(None, text) == status
    assert status_of(TimeoutError(), text) is None


def test_response_that_raises_when_it_is_read_costs_no_error() -> None:
    class Unanswered(Exception):
        @property
        def response(self) -> None:
            raise RuntimeError("never received")

    assert status_of(Unanswered()) is None


def test_exceptions_that_cause_each_other_end() -> None:
    first, second = ValueError(), ValueError()
    first.__cause__, second.__cause__ = second, first
    assert status_of(first) is None


@pytest.mark.parametrize(
    ("exception", "kind"),
    [(None, "unknown"), (TimeoutError("secret"), "TimeoutError"), (_shaped(status_code=401)(), "401")],
)
def test_error_without_a_status_has_the_class_of_its_exception(exception: Exception | None, kind: str) -> None:
    raised = error_raised(ErrorFrame(error="secret", exception=exception), None)
    assert raised is not None
    assert raised.error_type == kind
    assert "secret" not in repr(raised)


def test_classes_of_exceptions_are_bounded() -> None:
    classes = Vocabulary(3)
    faults = [type(f"Invented{number}", (Exception,), {})() for number in range(9)]
    frames = [ErrorFrame(error="", exception=fault) for fault in (*faults, _shaped(status_code=401)())]
    raised = [error_raised(frame, None, classes) for frame in frames]
    assert {one.error_type for one in raised if one} == {"Invented0", "Invented1", "Invented2", "other", "401"}


def test_error_that_is_reported_twice_is_counted_once() -> None:
    failures, raised = Failures(), ErrorRaised(7, "Ear", "authentication", False, "401")
    assert [*failures.observe(raised), *failures.observe(raised)] == [Failed("Ear", "authentication", "401")]
