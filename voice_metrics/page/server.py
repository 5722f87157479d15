"""The page's server: loopback only, for this machine's browser only, and only to read.

Owns the door: which requests are answered, and with which headers. Refuses names of hosts that are not its own (a
foreign page could point its name at 127.0.0.1), every method but GET and HEAD, and whatever is no path of the page.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

from voice_metrics.ledger import LedgerReader, LedgerUnreadable, NoSuchCall
from voice_metrics.page.files import Document, document, documents
from voice_metrics.page.views import VIEWS, BadQuestion

LOOPBACK = "127.0.0.1"
_JSON = "application/json; charset=utf-8"
# Longest that an idle connection keeps its thread.
_IDLE_SECONDS = 30
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
    """Answers the page's requests, each in a thread of its own."""

    daemon_threads = True

    def __init__(
        self, ledger: Path, *, port: int = 0, demo: bool = False, clock: Callable[[], float] = time.time
    ) -> None:
        """Listen; `serve_forever` answers.

        Args:
            ledger: The ledger's file; it need not exist yet.
            port: Port on 127.0.0.1; 0 takes one that is free.
            demo: Whether the calls are made up, which every view then says.
            clock: Unix seconds.

        Raises:
            OSError: The port is taken, or may not be listened on.
        """
        self.ledger = ledger
        self.demo = demo
        self.clock = clock
        self.documents = documents()
        super().__init__((LOOPBACK, port), _Request)
        self.hosts = {f"{name}:{self.server_port}" for name in (LOOPBACK, "localhost")}

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://{LOOPBACK}:{self.server_port}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Tell of a mistake of ours; a browser that goes away or falls silent is none."""
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)

    def view(self, name: str, query: dict[str, str]) -> tuple[HTTPStatus, dict[str, Any]]:
        """What a view shows now.

        Args:
            name: The view.
            query: What it is asked.

        Returns:
            The status of the answer, and the view or the words that explain why there is none.
        """
        # Every view says it, as a page that stays open may be served by another ledger tomorrow.
        head = {"ledger": str(self.ledger), "demo": self.demo}
        try:
            with LedgerReader(self.ledger, now=(at := self.clock())) as reader:
                return HTTPStatus.OK, head | VIEWS[name](reader, query, at)
        except BadQuestion as error:
            return HTTPStatus.BAD_REQUEST, head | {"problem": str(error)}
        except NoSuchCall as error:
            return HTTPStatus.NOT_FOUND, head | {"problem": str(error)}
        except LedgerUnreadable as error:
            if not self.ledger.exists() or (self.ledger.is_file() and not self.ledger.stat().st_size):
                return HTTPStatus.OK, head | {"waiting": str(error)}
            return HTTPStatus.SERVICE_UNAVAILABLE, head | {"problem": str(error)}


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "voice-metrics"
    sys_version = ""
    timeout = _IDLE_SECONDS

    def do_GET(self) -> None:
        page = cast(PageServer, self.server)
        if self.headers.get("Host", "").lower() not in page.hosts:
            self._refuse(HTTPStatus.MISDIRECTED_REQUEST, f"This page is at {page.url} and nowhere else.")
            return
        address = urlsplit(self.path)
        if (found := page.documents.get(address.path)) is not None:
            self._send(HTTPStatus.OK, found)
            return
        view = address.path.removeprefix("/api/")
        if view == address.path or view not in VIEWS:
            self._refuse(HTTPStatus.NOT_FOUND, f"There is nothing here; the page is at {page.url}")
            return
        status, answer = page.view(view, dict(parse_qsl(address.query)))
        self._send(status, document(_JSON, json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()))

    do_HEAD = do_GET

    def _only_to_read(self) -> None:
        self._refuse(HTTPStatus.METHOD_NOT_ALLOWED, "The page can only be read.")

    do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_TRACE = do_CONNECT = _only_to_read

    def _refuse(self, status: HTTPStatus, words: str) -> None:
        # A refused request may have a body that nobody reads.
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
        """Say nothing: a terminal full of requests hides the address of the page."""
