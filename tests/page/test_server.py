"""The page's door: which requests it answers, and with which status."""

from __future__ import annotations

import http.client
import json
import socket
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.ledger.summaries import NOON, summary
from tests.page.conftest import running
from tests.page.known_calls import conversation, ended, live
from tests.waiting import flush
from voice_metrics.ledger import Ledger, LedgerReader, LedgerUnreadable, Row
from voice_metrics.page import PageServer


def ask(server: PageServer, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
    try:
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def view(server: PageServer, path: str) -> dict[str, Any]:
    status, _, body = ask(server, f"/api/{path}")
    assert status == 200
    return dict(json.loads(body))


def test_it_listens_on_loopback_only(server: PageServer) -> None:
    assert server.socket.getsockname()[0] == "127.0.0.1"
    assert server.socket.family == socket.AF_INET


@pytest.mark.parametrize("address", ["/", "/static/app.js", "/static/vendor/uPlot.iife.min.js", "/api/now"])
def test_every_answer_carries_the_policy(server: PageServer, address: str) -> None:
    status, headers, body = ask(server, address)

    assert status == 200
    assert body
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Access-Control-Allow-Origin" not in headers


def test_the_markup_has_no_script_and_no_style_of_its_own(server: PageServer) -> None:
    markup = ask(server, "/")[2].decode()

    assert "<style" not in markup
    assert "style=" not in markup
    assert "//" not in markup.replace("http://www.w3.org", "")
    assert markup.count("<script") == markup.count("<script src=") + markup.count('<script type="module" src=')


@pytest.mark.parametrize(
    ("host", "status"),
    [
        pytest.param("evil.example", 421, id="a-name-that-points-here"),
        pytest.param("evil.example:{port}", 421, id="with-the-right-port"),
        pytest.param("127.0.0.1", 421, id="another-port"),
        pytest.param("127.0.0.1.evil.example:{port}", 421, id="a-name-that-looks-like-it"),
        pytest.param("127.0.0.1:{port}", 200, id="its-address"),
        pytest.param("LocalHost:{port}", 200, id="its-name"),
    ],
)
@pytest.mark.parametrize("address", ["/", "/api/calls"])
def test_only_its_own_host_is_answered(server: PageServer, address: str, host: str, status: int) -> None:
    assert ask(server, address, Host=host.format(port=server.server_port))[0] == status


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_there_is_no_way_to_write(server: PageServer, method: str) -> None:
    status, headers, _ = ask(server, "/api/calls", method)

    assert status == 405
    assert headers["Allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    "address",
    ["/static/../server.py", "/static/%2e%2e/server.py", "/server.py", "/api/", "/api/secrets", "/static/", "//x/y"],
)
def test_there_is_nothing_beside_the_page(server: PageServer, address: str) -> None:
    assert ask(server, address)[0] == 404


def test_an_answer_that_has_not_changed_is_not_sent_again(server: PageServer, ledger: Ledger) -> None:
    ended(ledger, "one")
    flush(ledger)
    _, headers, body = ask(server, "/api/calls")

    status, _, nothing = ask(server, "/api/calls", If_None_Match=headers["ETag"])
    assert (status, nothing) == (304, b"")
    ended(ledger, "two")
    flush(ledger)
    status, _, changed = ask(server, "/api/calls", If_None_Match=headers["ETag"])
    assert status == 200
    assert changed != body


def test_head_has_no_body(server: PageServer) -> None:
    status, headers, body = ask(server, "/", "HEAD")

    assert (status, body) == (200, b"")
    assert int(headers["Content-Length"]) > 500


@pytest.mark.parametrize("name", ["now", "calls", "latency", "usage", "call?id=x"])
def test_before_the_first_call_every_view_waits(server: PageServer, name: str) -> None:
    found = view(server, name)

    assert found["waiting"].endswith("does not exist: it is made when the first call starts")
    assert not found["demo"]


def test_a_file_that_is_no_ledger_is_named(server: PageServer) -> None:
    server.ledger.write_bytes(b"not a database, but long enough to be looked at" * 40)
    status, _, body = ask(server, "/api/now")

    assert status == 503
    assert str(server.ledger) in json.loads(body)["problem"]


def test_a_file_that_cannot_be_reached_is_named(server: PageServer) -> None:
    server.ledger = server.ledger.with_name("ü" * 200)
    status, _, body = ask(server, "/api/now")

    assert status == 503
    assert f"{server.ledger} cannot be opened" in json.loads(body)["problem"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        pytest.param("calls?order=summary", "order='summary': expected one of started_at,", id="no-column"),
        pytest.param("calls?state=gone", "state='gone': expected one of live, ended, delivered, pending", id="state"),
        pytest.param("calls?trouble=noise", "trouble='noise': expected one of errors, unanswered", id="trouble"),
        pytest.param("calls?end_reason=bored", "end_reason='bored': expected one of completed,", id="end-reason"),
        pytest.param("calls?slower_than_ms=nan", "slower_than_ms='nan': expected a number", id="not-a-number"),
        pytest.param("calls?limit=-1", "limit='-1': expected a number", id="negative"),
        pytest.param("usage?period=aeon", "period='aeon': expected one of hour, day, week, month", id="period"),
    ],
)
def test_a_bad_query_is_answered_with_the_right_form(
    server: PageServer, ledger: Ledger, query: str, words: str
) -> None:
    ended(ledger, "one")
    flush(ledger)
    status, _, body = ask(server, f"/api/{query}")

    assert status == 400
    assert json.loads(body)["problem"].startswith(words)


def test_a_call_is_found_by_the_beginning_of_its_id(server: PageServer, ledger: Ledger) -> None:
    start = ended(ledger, "9f86d081-one")
    ledger.add("9f86d081-one", conversation(start))
    flush(ledger)

    found = view(server, "call?id=9f86")
    with LedgerReader(server.ledger) as reader:
        detail = reader.call("9f86")
    assert found["call"]["call_id"] == "9f86d081-one"
    assert found["summary"] == detail.summary
    assert len(found["measurements"]) == len(detail.timeline) == len(conversation(0.0))


@pytest.mark.parametrize("wanted", ["", "zz", "a"])
def test_a_call_that_is_not_one_is_not_guessed(server: PageServer, ledger: Ledger, wanted: str) -> None:
    ended(ledger, "aaaa-1")
    ended(ledger, "aabb-2")
    flush(ledger)

    status, _, body = ask(server, f"/api/call?id={quote(wanted)}")
    assert status == 404
    assert "id" in json.loads(body)["problem"]


def test_now_separates_live_calls_from_the_latest(server: PageServer, ledger: Ledger) -> None:
    ended(ledger, "over")
    live(ledger, "running")
    flush(ledger)

    found = view(server, "now")
    assert [call["call_id"] for call in found["live"]] == ["running"]
    assert [call["call_id"] for call in found["latest"]] == ["over"]
    assert found["day"]["calls"] == 2
    assert found["day"]["response"] is None


def test_sums_and_percentiles_are_the_ledgers(server: PageServer, ledger: Ledger) -> None:
    for number in range(5):
        start = ended(ledger, f"call-{number}", ago=600.0 + 60 * number)
        ledger.add(f"call-{number}", conversation(start))
    flush(ledger)

    used = view(server, "usage?period=hour")
    assert used["whole"]["calls"] == 5
    assert used["whole"]["prompt_tokens"] == 6000
    assert sum(point["calls"] for point in used["points"]) == 5
    seen = view(server, "latency?period=hour")
    response = next(point for point in seen["whole"] if point["kind"] == "response")
    assert (response["count"], response["p50_ms"], response["p95_ms"]) == (10, 900.0, 1000.0)
    assert seen["models"] == ["gpt-4.1", "nova-3", "sonic-2"]
    only = view(server, "latency?period=hour&model=sonic-2")
    assert {(point["kind"], point["service"]) for point in only["whole"]} == {("ttfb", "tts")}


@pytest.mark.parametrize("address", ["http://[", "/api/calls?" + "a=1&" * 60])
def test_what_is_no_address_is_refused(server: PageServer, address: str) -> None:
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=60) as connection:
        connection.sendall(f"GET {address} HTTP/1.1\r\nHost: 127.0.0.1:{server.server_port}\r\n\r\n".encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("length", ["content-length: 99", "Transfer-Encoding: chunked"])
def test_a_request_inside_the_body_of_another_is_not_answered(server: PageServer, length: str) -> None:
    request = f"GET /api/now HTTP/1.1\r\nHost: 127.0.0.1:{server.server_port}\r\n"
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=60) as connection:
        connection.sendall(f"{request}{length}\r\n\r\n{request}\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert answer.count(b"HTTP/1.1 200 OK") == 1


def test_a_page_with_a_token_answers_only_requests_with_it(path: Path, ledger: Ledger) -> None:
    ended(ledger, "one")
    flush(ledger)
    with running(PageServer(path, token="t0k3n")) as server:
        for address in ("/", "/api/calls", "/static/app.js", "/?token=wrong"):
            assert ask(server, address)[0] == 403
            assert ask(server, address, Cookie=f"{server.cookie}=wrong")[0] == 403
        status, headers, _ = ask(server, server.url.removeprefix(server.host.rstrip("/")))
        assert (status, headers["Location"]) == (303, "/")
        cookie = headers["Set-Cookie"]
        assert cookie == f"{server.cookie}=t0k3n; HttpOnly; SameSite=Strict; Path=/"
        assert ask(server, "/api/calls", Cookie=cookie.partition(";")[0])[0] == 200


def test_half_a_character_in_a_summary_costs_a_question_mark(server: PageServer, ledger: Ledger) -> None:
    ended(ledger, "one", attributes={"name": "Bob \ud83d"})
    flush(ledger)

    assert view(server, "call?id=one")["summary"]["attributes"] == {"name": "Bob ?"}


def test_two_calls_of_one_id_are_each_found_by_their_key(server: PageServer, ledger: Ledger) -> None:
    for key in ("first", "second"):
        ledger.call_started(key, NOON, summary("sip-1", errors=len(key)))
    flush(ledger)

    assert [view(server, f"call?key={call['key']}")["call"]["errors"] for call in view(server, "calls")["calls"]] == [
        6,
        5,
    ]


def test_a_long_call_is_shown_page_by_page(server: PageServer, ledger: Ledger) -> None:
    start = ended(ledger, "long", duration_seconds=45_000.0)
    for begin in range(0, 45_000, 5_000):
        ledger.add(
            "long", [Row(start + second, "turn", 0.5, outcome="completed") for second in range(begin, begin + 5_000)]
        )
    flush(ledger)

    pages = [view(server, f"call?id=long&page={number}") for number in range(4)]
    assert [(page["page"], page["pages"], page["rows"]) for page in pages] == [
        (number, 3, 45_000) for number in range(4)
    ]
    assert [len(page["measurements"]) for page in pages] == [20_000, 20_000, 5_000, 0]
    moments = [row["at"] - start for page in pages[::-1] for row in page["measurements"]]
    assert moments == pytest.approx(range(45_000))
    # Before the first row of a page nothing is drawn.
    assert pages[0]["story"]["strip"][0]["from"] == pytest.approx(25_000.5, abs=1e-3)


def test_a_browser_that_leaves_ends_the_reading(path: Path, ledger: Ledger) -> None:
    start = ended(ledger, "long")
    for _ in range(10):
        ledger.add("long", [Row(start + second, "ttfb", 0.5) for second in range(10_000)])
    flush(ledger)
    asked = []

    def left() -> bool:
        asked.append(True)
        return True

    with LedgerReader(path, cancelled=left) as reader, pytest.raises(LedgerUnreadable, match="interrupted"):
        reader.call("long")
    assert len(asked) == 1
