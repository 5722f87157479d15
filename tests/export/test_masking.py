"""No part of a secret stays in a server's words, in any encoding and cut anywhere."""

from __future__ import annotations

import base64
import html
import json
import time
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_metrics.export.answers import judge
from voice_metrics.export.masking import Mask
from voice_metrics.settings.endpoint import Endpoint

KEY = "Sup3rS3cretKeyOfTheStack/+9"
TOKEN = "glc_" + base64.b64encode(json.dumps({"o": "123456", "n": "bot", "k": KEY}).encode()).decode()
BASIC = base64.b64encode(f"654321:{TOKEN}".encode()).decode()
ENDPOINT = Endpoint("http://h/v1/metrics", {"authorization": f"Basic {BASIC}"}, 1.0, "none", "X")
MASK = Mask(ENDPOINT.secrets())


def in_base64(before: int) -> Callable[[str], str]:
    return lambda secret: base64.b64encode(b"x" * before + secret.encode() + b"yz").decode()


ENCODINGS: dict[str, Callable[[str], str]] = {
    "as-it-is": str,
    "other-case": str.upper,
    "percent": lambda secret: quote(secret, safe=""),
    "percent-in-lower-case": lambda secret: quote(secret, safe="").lower(),
    "percent-of-every-letter": lambda secret: "".join(f"%{byte:02X}" for byte in secret.encode()),
    "percent-twice": lambda secret: quote(quote(secret, safe=""), safe=""),
    "form": quote_plus,
    "json": lambda secret: json.dumps(secret).replace("/", "\\/"),
    "json-escapes": lambda secret: "".join(f"\\u{ord(sign):04x}" for sign in secret),
    "html": lambda secret: html.escape(secret).replace("+", "&#43;").replace("/", "&#x2F;"),
    "base64-0": in_base64(0),
    "base64-1": in_base64(1),
    "base64-2": in_base64(2),
    "base64-of-urls": lambda secret: base64.urlsafe_b64encode(b"x" + secret.encode()).decode(),
    "hexadecimal": lambda secret: secret.encode().hex(),
    "hexadecimal-dump": lambda secret: secret.encode().hex(" ").upper(),
    "octal": lambda secret: "".join(f"\\{byte:03o}" for byte in secret.encode()),
    "percent-of-scripts": lambda secret: "".join(f"%u{byte:04x}" for byte in secret.encode()),
    "percent-thrice": lambda secret: quote(quote(quote(secret, safe=""), safe=""), safe=""),
    "html-unfinished": lambda secret: "".join(f"&#{byte}" for byte in secret.encode()),
    "json-in-json": lambda secret: json.dumps(json.dumps({"a": secret.replace("/", "\\/")}))[8:-4],
    "broken-lines": lambda secret: "\r\n".join(secret[at : at + 5] for at in range(0, len(secret), 5)),
    "first-half": lambda secret: secret[: len(secret) // 2],
    "second-half": lambda secret: secret[len(secret) // 2 :],
}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("secret", [KEY, TOKEN, BASIC, f"Basic {BASIC}", f"654321:{TOKEN}"], ids=range(5))
def test_a_secret_is_masked_in_every_encoding(secret: str, encoding: str) -> None:
    written = ENCODINGS[encoding](secret)
    shown = MASK(f"denied for <{written}> by the gateway")
    assert shown.startswith("denied for <")
    assert shown.endswith("> by the gateway")
    assert "***" in shown
    # What is left stands at its edges, where it depends on what stands beside.
    assert len(shown) - len("denied for <***> by the gateway") <= 14


@pytest.mark.parametrize("before", range(0, 320, 7))
@pytest.mark.parametrize("kind", ["json", "text", "location", "partial"])
def test_a_secret_across_the_cut_is_masked_before_it_is_cut(before: int, kind: str) -> None:
    words = "x" * before + " " + BASIC
    body = {"json": json.dumps({"message": words}).encode(), "text": words.encode()}.get(kind, b"")
    headers = {"content-type": "application/json" if kind == "json" else "text/plain"}
    status = 403
    if kind == "location":
        status, headers = 302, {"location": f"http://h/{words}"}
    if kind == "partial":
        status, headers = 200, {"content-type": "application/json"}
        body = json.dumps({"partialSuccess": {"rejectedDataPoints": 1, "errorMessage": words}}).encode()
    told = str(judge(status, headers, body, "X", MASK))
    assert BASIC[:8] not in told
    assert len(told) < 700


def test_ordinary_words_stay_as_they_are() -> None:
    words = (
        "it answered 403: the token of tenant 65432 is known but may not write metrics, see https://grafana.com/docs."
    )
    assert MASK(words) == words
    assert Mask([])(words) == words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("key ab12c is unknown", "key *** is unknown", id="a-word-of-its-own"),
        pytest.param("xab12cx is a word", "xab12cx is a word", id="inside-another-word"),
    ],
)
def test_a_short_secret_is_masked_where_it_is_a_word(text: str, expected: str) -> None:
    assert Mask(["ab12c"])(text) == expected


@given(
    st.text(st.characters(min_codepoint=33, exclude_categories=["Zs", "Zl", "Zp", "Cs"]), min_size=8, max_size=60),
    st.text(max_size=100),
    st.text(max_size=100),
    st.sampled_from([str, ENCODINGS["percent"], ENCODINGS["json-escapes"]]),
)
def test_a_whole_secret_never_comes_through(secret: str, before: str, after: str, encode: Callable[[str], str]) -> None:
    if encode is ENCODINGS["json-escapes"] and not secret.isascii():
        encode = str
    assert "***" in Mask([secret])(f"{before} {encode(secret)} {after}")


HOSTILE = ["<", "<script", "<style><", "</", "<>", "[", "%25", "&#x", "\\u", "{", "9", "a" * 40 + "+"]


@pytest.mark.parametrize("piece", HOSTILE)
@pytest.mark.parametrize("content", ["text/html", "text/plain", "application/json", "application/x-protobuf"])
def test_a_hostile_body_costs_milliseconds_of_the_interpreter(piece: str, content: str) -> None:
    body = (b"<" + piece.encode() * 65_536)[:65_536]
    began = time.thread_time()
    outcome = judge(500, {"content-type": content}, body, "X", MASK)
    # A pattern that is quadratic takes 11 s of the processor for the first of these bodies.
    assert time.thread_time() - began < 1.0
    assert outcome.fault == "500"
    assert len(outcome.words) < 400
