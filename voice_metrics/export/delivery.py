"""Requests to the OTLP endpoint, each with a deadline and an outcome.

Decides when to retry and when to stop, and masks secrets in every word. Requests have no spans and no metrics of their
own, whatever instrumentation the application has.
"""

from __future__ import annotations

import gzip
import inspect
import queue
import random
import threading
import time
import weakref
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies_environment

import requests
from opentelemetry.exporter.otlp.proto.http.version import __version__
from requests.utils import get_environ_proxies

from voice_metrics.export.answers import Outcome, Verdict, judge
from voice_metrics.export.connections import Attempt, CuttableAdapter, beginning_of, close_all, start_apart, under_way
from voice_metrics.export.masking import Mask
from voice_metrics.export.network_faults import describe, late, shut_down
from voice_metrics.settings.endpoint import Endpoint

# Longest wait before a retry of a request; if the server asks for more, the request fails and the pause holds.
PATIENCE_SECONDS = 2.0
LONGEST_HOLD_SECONDS = 600.0
_TRIES = 3
# A connection idle for this long may be dead. What may be sent twice waits on it for the second time, or for three
# usual ones, before a new one is tried; the rest takes a new one at once.
_IDLE_SECONDS = 1.0
_PATIENCE_WITH_IDLE_SECONDS = 0.75
# A request that takes longer than this lets the caller keep unsent requests meanwhile.
_MEANWHILE_SECONDS = 1.0
# Time for a sender to return after its connection was cut.
_GRACE_SECONDS = 0.25
# Stores of series alone, such as Prometheus, have no path for events.
_NO_EVENTS = (
    "Set OTEL_EXPORTER_OTLP_LOGS_ENDPOINT to a server that takes logs, or OTEL_LOGS_EXPORTER=none to send no events."
)
# Largest number of senders blocked by a name server at the same time.
_SENDERS = 3


@dataclass(slots=True, eq=False)
class _Job:
    body: bytes
    deadline: float
    attempt: Attempt
    outcome: Outcome | None = None


class Delivery(requests.Session):
    """Sends requests to one endpoint. One thread at a time may deliver.

    Attributes:
        patient: True to retry a request if its fault may pass.
        remark: What the server said of a request that it took whole; empty if it never said anything.
    """

    def __init__(self, endpoint: Endpoint, *, repeatable: bool = True) -> None:
        """Prepare a session; nothing is sent yet.

        Args:
            endpoint: Its address and headers.
            repeatable: False for increments and events, which count twice if they are sent twice.
        """
        super().__init__()
        # With the environment's trust, ~/.netrc would replace the configured header.
        self.trust_env = False
        self.endpoint = endpoint
        self.verify = endpoint.certificate or True
        if endpoint.client_certificate is not None:
            # Without the name of a key's file, OpenSSL asks the terminal for the password of an encrypted key.
            self.cert = (endpoint.client_certificate, endpoint.client_key or endpoint.client_certificate)
        self.mount("http://", CuttableAdapter())
        self.mount("https://", CuttableAdapter())
        self.patient = True
        self.remark = ""
        self._repeatable = repeatable
        self._meanwhile: Callable[[], None] | None = None
        self._answered_at: float | None = None
        self._answer_seconds = 0.0
        # The system's own proxy settings are not read, because that may ask a name server.
        self._mask = Mask(endpoint.secrets(*getproxies_environment().values()))
        self._changed = threading.Condition()
        self._over_at = float("inf")
        self._hold_until = 0.0
        self._hold_fault = ""
        self._senders: list[_Sender] = []
        self._opened: weakref.WeakSet[Any] = weakref.WeakSet()

    def prepare(self, meanwhile: Callable[[], None]) -> None:
        """Start the sending thread early, for requests at the exit of the process.

        `meanwhile` is called by `deliver` before a retry, or when an answer takes more than a second.
        """
        self._meanwhile = meanwhile
        # Python 3.12.0 to 3.12.2 start no thread by then.
        with suppress(RuntimeError):
            self._ensure_free_sender()

    def close_down(self, at: float) -> None:
        """End requests by `at`, in monotonic seconds, and begin none after it."""
        with self._changed:
            self._over_at = min(self._over_at, at)
            self._changed.notify_all()

    def close(self) -> None:
        """End the senders and their connections."""
        for sender in self._senders:
            sender.jobs.put(None)
        close_all(self._opened)
        super().close()

    def deliver(self, body: bytes) -> Outcome:
        """Send a serialised, uncompressed OTLP request, with retries, and return the outcome."""
        began = time.monotonic()
        if began < self._hold_until:
            seconds = self._hold_until - began
            words = f"it asked to be left alone, for {seconds:.0f} s more."
            return Outcome(Verdict.RETRYABLE, self._hold_fault, words, retry_after_seconds=seconds)
        deadline = began + self.endpoint.timeout_seconds
        compressed = _compressed(body, self.endpoint.compression)
        for number in range(1, _TRIES + 1):
            outcome = self._send_past_dead_connection(compressed, deadline)
            wait = outcome.retry_after_seconds
            if wait is None:
                wait = 0.3 * 2 ** (number - 1) * random.uniform(0.8, 1.2)
            promising = self.patient and outcome.verdict is Verdict.RETRYABLE and outcome.fault != "timeout"
            late_then = time.monotonic() + wait >= min(deadline, self._over_at)
            if number == _TRIES or not promising or wait > PATIENCE_SECONDS or late_then:
                break
            if number == 1 and self._meanwhile is not None:
                self._meanwhile()
            if self._pause(wait):
                break
        # A server that judged this request only can take others meanwhile, smaller ones for instance.
        if outcome.retry_after_seconds is not None and not outcome.divisible:
            self._hold_until = time.monotonic() + min(outcome.retry_after_seconds, LONGEST_HOLD_SECONDS)
            self._hold_fault = outcome.fault
        if outcome.acknowledged:
            self.remark = outcome.words or self.remark
        return replace(outcome, seconds=time.monotonic() - began)

    def _pause(self, seconds: float) -> bool:
        """Wait; return True if requests end before the wait does, as a shutdown demands."""
        until = time.monotonic() + seconds
        with self._changed:
            return self._changed.wait_for(lambda: self._over_at <= until, seconds)

    def _send_past_dead_connection(self, body: bytes, deadline: float) -> Outcome:
        began = time.monotonic()
        idle_seconds = 0.0 if self._answered_at is None else began - self._answered_at
        if not self._repeatable and idle_seconds > _IDLE_SECONDS:
            super().close()
        patience = max(_PATIENCE_WITH_IDLE_SECONDS, 3 * self._answer_seconds)
        quick = idle_seconds > _IDLE_SECONDS and self._repeatable and began + patience < deadline
        outcome = self._send_once(body, began + patience if quick else deadline)
        if outcome.fault == "reset" or (quick and outcome.fault == "timeout"):
            # An idle connection may be dead without a sign; a new one shows whether the server is.
            self._answered_at = None
            outcome = self._send_once(body, deadline)
        if outcome.status is not None:
            self._answered_at = time.monotonic()
            self._answer_seconds = self._answered_at - began
        return outcome

    def _send_once(self, body: bytes, deadline: float) -> Outcome:
        if time.monotonic() >= min(deadline, self._over_at):
            return self._out_of_time_outcome(deadline)
        try:
            sender = self._ensure_free_sender()
        except RuntimeError:
            advice = "Raise the limit of this machine or container for threads."
            return Outcome(Verdict.REFUSED, "threads", "no thread can be started for its request.", advice)
        if sender is None:
            words = "the name server still keeps earlier requests waiting."
            return Outcome(Verdict.REFUSED, "stuck", words, "Check the network.")
        job = _Job(body, deadline, Attempt(self._opened))
        sender.jobs.put(job)
        if not self._wait_for_answer(job, min(deadline, time.monotonic() + _MEANWHILE_SECONDS)) and self._meanwhile:
            self._meanwhile()
        self._wait_for_answer(job, deadline)
        if job.outcome is not None:
            return job.outcome
        job.attempt.cut()
        with self._changed:
            self._changed.wait_for(lambda: job.outcome is not None, _GRACE_SECONDS)
        return self._out_of_time_outcome(deadline)

    def _wait_for_answer(self, job: _Job, until: float) -> bool:
        """Wait for an answer; return False without one."""
        with self._changed:
            while job.outcome is None:
                remaining = min(until, self._over_at) - time.monotonic()
                if remaining <= 0:
                    return False
                self._changed.wait(remaining)
        return True

    def _out_of_time_outcome(self, deadline: float) -> Outcome:
        return shut_down() if self._over_at < deadline else late(self.endpoint)

    def _ensure_free_sender(self) -> _Sender | None:
        for sender in self._senders:
            if not sender.busy():
                return sender
        if len(self._senders) >= _SENDERS:
            return None
        sender = _Sender(self)
        start_apart(sender)
        self._senders.append(sender)
        return sender

    def answer(self, job: _Job) -> None:
        """Send a job in this thread and record its outcome."""
        try:
            with under_way(job.attempt):
                outcome = self._post(job)
        except Exception as error:
            outcome = describe(error, self.endpoint, self._mask)
        with self._changed:
            job.outcome, job.body = outcome, b""
            self._changed.notify_all()

    def _post(self, job: _Job) -> Outcome:
        url = self.endpoint.address
        remaining = max(job.deadline - time.monotonic(), 0.02)
        response = inspect.unwrap(requests.Session.request)(
            self,
            "POST",
            url,
            data=job.body,
            headers=self._headers(),
            timeout=(remaining / 2, remaining),
            allow_redirects=False,
            stream=True,
            proxies=get_environ_proxies(url),
        )
        try:
            body = beginning_of(response)
        finally:
            response.close()
        if job.attempt.cut_off:
            return late(self.endpoint)
        outcome = judge(response.status_code, response.headers, body, self.endpoint.variable, self._mask)
        no_events = outcome.status in (404, 405) and urlsplit(url).path.endswith("/v1/logs")
        return replace(outcome, advice=_NO_EVENTS) if no_events else outcome

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send as `requests` does, without the wrappers of instrumentation."""
        answer: requests.Response = inspect.unwrap(requests.Session.send)(self, request, **kwargs)
        return answer

    def _headers(self) -> dict[str, str]:
        headers = {
            "content-type": "application/x-protobuf",
            "user-agent": f"pipecat-voice-metrics OTel-OTLP-Exporter-Python/{__version__}",
        }
        if self.endpoint.compression != "none":
            headers["content-encoding"] = self.endpoint.compression
        return headers | dict(self.endpoint.headers)


class _Sender(threading.Thread):
    """A thread that sends and waits for the network."""

    def __init__(self, delivery: Delivery) -> None:
        super().__init__(name="voice-metrics-send", daemon=True)
        self.jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._delivery = delivery
        self._job: _Job | None = None

    def busy(self) -> bool:
        """True while an earlier job blocks the thread."""
        job = self._job
        return (job is not None and job.outcome is None) or not self.jobs.empty()

    def run(self) -> None:
        """Send jobs until the delivery closes."""
        while (job := self.jobs.get()) is not None:
            self._job = job
            self._delivery.answer(job)


def _compressed(body: bytes, compression: str) -> bytes:
    if compression == "gzip":
        # Faster levels leave metrics, which are repetitive, about as small.
        return gzip.compress(body, 5)
    return zlib.compress(body, 5) if compression == "deflate" else body
