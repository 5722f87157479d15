"""The page's server: read-only, on loopback.

It answers GET and HEAD, for its own paths and its own host name only, because a foreign page could point its name at
127.0.0.1. Without a token every user of this machine can read it.
"""

from __future__ import annotations

import hmac
import json
import selectors
import socket
import sys
import time
from collections.abc import Callable
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qsl, quote, urlsplit

from voice_metrics.ledger import LedgerReader, LedgerUnreadable, NoCallYet, NoSuchCall
from voice_metrics.page.files import Document, document, documents
from voice_metrics.page.views import VIEWS, BadQuestion

LOOPBACK = "127.0.0.1"
_JSON = "application/json; charset=utf-8"
# An idle connection keeps its thread at most this long.
_IDLE_SECONDS = 30
_MOST_FIELDS = 50
_HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class PageServer(ThreadingHTTPServer):
    """Answers the page's requests, each in its own thread."""

    daemon_threads = True

    def __init__(
        self,
        ledger: Path,
        *,
        port: int = 0,
        demo: bool = False,
        token: str | None = None,
        trace_url: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Listen; `serve_forever` answers.

        Args:
            ledger: The ledger's file; it need not exist yet.
            port: Port on 127.0.0.1; 0 for a free one.
            demo: True to label every view as made up.
            token: Required in the first request as `?token=`; `None` answers every user of this machine.
            trace_url: Address of a trace with `{trace_id}` in it, or `None` for no link.
            clock: Unix seconds.

        Raises:
            OSError: The port is taken, or may not be listened on.
        """
        self.ledger = ledger
        self.demo = demo
        self.clock = clock
        self.token = token
        self.trace_url = trace_url
        self.documents = documents()
        super().__init__((LOOPBACK, port), _Request)
        self.hosts = {f"{name}:{self.server_port}" for name in (LOOPBACK, "localhost")}

    @property
    def host(self) -> str:
        """Address of the page, without its token."""
        return f"http://{LOOPBACK}:{self.server_port}/"

    @property
    def url(self) -> str:
        """Address of the page, with its token if it has one."""
        return self.host + (f"?token={self.token}" if self.token else "")

    @property
    def cookie(self) -> str:
        """Name of the token's cookie, with the port, because all ports of a host share cookies."""
        return f"voice-metrics-{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log a fault of the server; a browser that disconnects is none."""
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)

    def view(
        self, name: str, query: dict[str, str], cancelled: Callable[[], bool] | None = None
    ) -> tuple[HTTPStatus, dict[str, Any]]:
        """Return the HTTP status and a view, or the reason why there is none.

        Args:
            name: The view.
            query: Its parameters.
            cancelled: Polled while the ledger is read; True if the browser has left.
        """
        # In every view, because an open page may be served from another ledger later.
        head = {"ledger": str(self.ledger), "demo": self.demo}
        try:
            with LedgerReader(self.ledger, now=(at := self.clock()), cancelled=cancelled) as reader:
                return HTTPStatus.OK, head | self._with_trace_url(VIEWS[name](reader, query, at))
        except BadQuestion as error:
            return HTTPStatus.BAD_REQUEST, head | {"problem": str(error)}
        except NoSuchCall as error:
            return HTTPStatus.NOT_FOUND, head | {"problem": str(error), "unknown": True}
        except NoCallYet as error:
            return HTTPStatus.OK, head | {"waiting": str(error)}
        except LedgerUnreadable as error:
            return HTTPStatus.SERVICE_UNAVAILABLE, head | {"problem": str(error)}

    def _with_trace_url(self, view: dict[str, Any]) -> dict[str, Any]:
        """Add the address of the call's trace, if both are known."""
        trace_id = (view.get("summary") or {}).get("trace_id")
        if not self.trace_url or not trace_id:
            return view
        return view | {"trace_url": self.trace_url.replace("{trace_id}", quote(str(trace_id), safe=""))}


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "voice-metrics"
    sys_version = ""
    timeout = _IDLE_SECONDS

    def do_GET(self) -> None:
        page = cast(PageServer, self.server)
        # An unread body would be taken for the next request.
        if "Content-Length" in self.headers or "Transfer-Encoding" in self.headers:
            self.close_connection = True
        if self.headers.get("Host", "").lower() not in page.hosts:
            self._refuse(HTTPStatus.MISDIRECTED_REQUEST, f"This page is at {page.host} and nowhere else.")
            return
        try:
            address = urlsplit(self.path)
            query = dict(parse_qsl(address.query, max_num_fields=_MOST_FIELDS))
        except ValueError:
            self._refuse(HTTPStatus.BAD_REQUEST, "That is no address.")
            return
        if page.token is not None and not self._admitted(page, page.token, query):
            return
        if (found := page.documents.get(address.path)) is not None:
            self._send(HTTPStatus.OK, found)
            return
        view = address.path.removeprefix("/api/")
        if view == address.path or view not in VIEWS:
            self._refuse(HTTPStatus.NOT_FOUND, f"There is nothing here; the page is at {page.host}")
            return
        status, answer = page.view(view, query, self._browser_left)
        text = json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
        # Earlier versions wrote lone surrogates, which UTF-8 cannot encode.
        self._send(status, document(_JSON, text.encode("utf-8", "replace")))

    do_HEAD = do_GET

    def _admitted(self, page: PageServer, token: str, query: dict[str, str]) -> bool:
        """Check the token; redirect one in the address into a cookie."""
        given = query.get("token", "")
        if given and hmac.compare_digest(given.encode(), token.encode()):
            self.send_response(HTTPStatus.SEE_OTHER)
            self.send_header("Set-Cookie", f"{page.cookie}={token}; HttpOnly; SameSite=Strict; Path=/")
            self.send_header("Location", "/")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return False
        try:
            morsel = SimpleCookie(self.headers.get("Cookie", "")).get(page.cookie)
        except CookieError:
            morsel = None
        if morsel is not None and hmac.compare_digest(morsel.value.encode(), token.encode()):
            return True
        self._refuse(HTTPStatus.FORBIDDEN, "Open the address that `voice-metrics serve --token` printed.")
        return False

    def _browser_left(self) -> bool:
        with selectors.DefaultSelector() as waiting:
            waiting.register(self.connection, selectors.EVENT_READ)
            try:
                # Readable without data means that the browser has closed.
                return bool(waiting.select(0)) and not self.connection.recv(1, socket.MSG_PEEK)
            except OSError:
                return True

    def _refuse_method(self) -> None:
        self._refuse(HTTPStatus.METHOD_NOT_ALLOWED, "The page can only be read.")

    do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_TRACE = do_CONNECT = _refuse_method

    def _refuse(self, status: HTTPStatus, words: str) -> None:
        # A refused request may have an unread body, which would be taken for the next request.
        self.close_connection = True
        self._send(status, document("text/plain; charset=utf-8", f"{words}\n".encode()))

    def _send(self, status: HTTPStatus, answer: Document) -> None:
        if status is HTTPStatus.OK and self.headers.get("If-None-Match") == answer.etag:
            status = HTTPStatus.NOT_MODIFIED
        body = b"" if status is HTTPStatus.NOT_MODIFIED else answer.body
        self.send_response(status)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        if status is HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET, HEAD")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.send_header("ETag", answer.etag)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: requests would scroll the page's address away."""
