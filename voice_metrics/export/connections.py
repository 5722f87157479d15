"""HTTP connections that another thread can cut, invisible to the application's instrumentation.

A connection keeps a second handle of its socket, so that a deadline holds against a server that answers with one byte a
second, even in a TLS handshake. Functions that OpenTelemetry's instrumentations and others wrap are called unwrapped.
"""

from __future__ import annotations

import contextlib
import http.client
import inspect
import logging
import socket
import threading
import weakref
from collections.abc import Callable
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import DecodeError, HTTPError

_ANSWER_BYTES = 65_536
_MOST_INFORMATIONAL = 100

# The address of each host that accepted a connection last.
_accepted: dict[str, str] = {}


class Attempt:
    """One running request, shared by the sending and the waiting thread."""

    def __init__(self, opened: weakref.WeakSet[_CuttableConnection]) -> None:
        self._lock = threading.Lock()
        self._opened = opened
        self._connections: weakref.WeakSet[_CuttableConnection] = weakref.WeakSet()
        self.cut_off = False

    def uses(self, connection: _CuttableConnection) -> None:
        """Use a connection for the request.

        Raises:
            TimeoutError: The time ended while the connection was made.
        """
        with self._lock:
            self._connections.add(connection)
            self._opened.add(connection)
            if self.cut_off:
                raise TimeoutError

    def cut(self) -> None:
        """End the request: its reads and writes fail at once."""
        with self._lock:
            self.cut_off = True
            connections = list(self._connections)
        for connection in connections:
            connection.cut()


def start_apart(thread: threading.Thread) -> None:
    """Start a thread of the process; instrumentation would give it the trace of the call that needs it first."""
    inspect.unwrap(threading.Thread.start)(thread)


def close_all(opened: weakref.WeakSet[_CuttableConnection]) -> None:
    """Close connections; urllib3's pools leave theirs to the garbage collector."""
    for connection in list(opened):
        with contextlib.suppress(OSError):
            connection.close()


def beginning_of(response: requests.Response) -> bytes:
    """Return the beginning of an answer's body; empty if it cannot be read and the status is clear without it.

    Raises:
        HTTPError: The body of a success ended early: it may have said that points are rejected.
    """
    try:
        return bytes(response.raw.read(_ANSWER_BYTES, decode_content=True))
    except HTTPError as error:
        if response.ok and not isinstance(error, DecodeError):
            raise
        return b""


_under_way = threading.local()


@contextlib.contextmanager
def under_way(attempt: Attempt) -> Any:
    """Assign the connections of this thread to an attempt."""
    _under_way.attempt = attempt
    try:
        yield
    finally:
        _under_way.attempt = None


class _Silence(logging.Filter):
    """Drops urllib3's lines of debugging about attempts, because a whole address may hold secrets."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep lines about the application's own requests."""
        return getattr(_under_way, "attempt", None) is None


_silence = _Silence()


class _FinalResponse(http.client.HTTPResponse):
    """An answer without the informational ones before it, of which http.client skips only 100 (Python 3.14)."""

    def _read_status(self) -> tuple[str, int, str]:
        for _ in range(_MOST_INFORMATIONAL):
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if status == 101 or not 100 <= status < 200:
                return version, status, reason
            http.client.parse_headers(self.fp)
        raise http.client.HTTPException("no final answer")


class _CuttableConnection:
    """A mixin for urllib3's connections that keeps a second handle of the socket."""

    response_class: Any = _FinalResponse
    _spare: socket.socket | None = None
    _dns_host: str
    port: int
    timeout: Any

    def _new_conn(self) -> socket.socket:
        made = self._connected()
        # TLS takes the first handle away while it shakes hands.
        self._spare = made.dup()
        self._assign_to_attempt()
        return made

    def _connected(self) -> socket.socket:
        """Return a socket to an address of the host that accepts; all addresses share the time to connect."""
        host, timeout = self._dns_host, self.timeout
        found = [str(found[4][0]) for found in socket.getaddrinfo(host, self.port, type=socket.SOCK_STREAM)]
        # No packet may reach another than the one that accepted last, as it often is with IPv6.
        addresses = sorted(dict.fromkeys(found), key=lambda address: address != _accepted.get(host))
        try:
            for number, address in enumerate(addresses, 1):
                self._dns_host, self.timeout = address, timeout / len(addresses)
                try:
                    made: socket.socket = super()._new_conn()  # type: ignore[misc]
                    _accepted[host] = address
                    return made
                except (HTTPError, OSError):
                    if number == len(addresses):
                        raise
        finally:
            self._dns_host, self.timeout = host, timeout
        raise OSError(f"{host} has no address")

    def request(self, *args: Any, **kwargs: Any) -> None:
        self._assign_to_attempt()
        super().request(*args, **kwargs)  # type: ignore[misc]

    def _assign_to_attempt(self) -> None:
        attempt = getattr(_under_way, "attempt", None)
        if attempt is not None:
            attempt.uses(self)

    def cut(self) -> None:
        spare = self._spare
        if spare is not None:
            with contextlib.suppress(OSError):
                spare.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        super().close()  # type: ignore[misc]
        spare, self._spare = self._spare, None
        if spare is not None:
            spare.close()


def _unwrapped(name: str) -> Callable[..., Any]:
    def call(self: http.client.HTTPConnection, *args: Any, **kwargs: Any) -> Any:
        return inspect.unwrap(getattr(http.client.HTTPConnection, name))(self, *args, **kwargs)

    return call


# Some instrumentation wraps http.client in place of urllib3.
_WRAPPED = ("putrequest", "putheader", "endheaders", "send", "getresponse")
_Unwrapped: Any = type("_Unwrapped", (http.client.HTTPConnection,), {name: _unwrapped(name) for name in _WRAPPED})


def _pool_class(pool: Any, connection: Any) -> Any:
    """Return a class of urllib3's pools whose connections can be cut."""

    class Connection(_CuttableConnection, connection, _Unwrapped):  # type: ignore[misc]
        pass

    class Pool(pool):  # type: ignore[misc]
        ConnectionCls = Connection

        def urlopen(self, *args: Any, **kwargs: Any) -> Any:
            return inspect.unwrap(pool.urlopen)(self, *args, **kwargs)

    return Pool


_POOLS = {
    "http": _pool_class(HTTPConnectionPool, HTTPConnection),
    "https": _pool_class(HTTPSConnectionPool, HTTPSConnection),
}


class CuttableAdapter(HTTPAdapter):
    """Requests' adapter, over connections that can be cut."""

    poolmanager: PoolManager

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pool of direct connections."""
        for name in ("urllib3.connectionpool", "urllib3.util.retry"):
            logging.getLogger(name).addFilter(_silence)
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Make the pool of connections through a proxy; SOCKS brings its own connections."""
        manager = super().proxy_manager_for(proxy, **kwargs)
        if not proxy.lower().startswith("socks"):
            manager.pool_classes_by_scheme = _POOLS
        return manager
