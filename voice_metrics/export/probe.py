"""One test point, or one test event, sent to a server."""

from __future__ import annotations

import time

from voice_metrics.call.call_events import CallEvent
from voice_metrics.export.about import About
from voice_metrics.export.answers import Outcome
from voice_metrics.export.delivery import Delivery
from voice_metrics.export.event_queue import body_of, waiting
from voice_metrics.export.outgoing import SHARED, Outgoing
from voice_metrics.export.requests import Requests
from voice_metrics.series.registry import Registry
from voice_metrics.series.table import Kind, Series
from voice_metrics.settings.endpoint import Endpoint
from voice_metrics.settings.environment import Settings

TEST_POINT = Series("voice.doctor.total", Kind.COUNTER, "{point}", "Test points of `voice-metrics doctor`.")


def send_test_point(settings: Settings, endpoint: Endpoint, service_name: str) -> Outcome:
    """Send one point, of the environment's temporality, and return the outcome."""
    registry = Registry({})
    registry.series(TEST_POINT, {})(1)
    delta = settings.temporality != "cumulative"
    outgoing = Outgoing(SHARED, "", registry, delta=delta)
    outgoing.without_zero.add(registry.all[0])
    outgoing.date(registry.all[0].start_ns)
    return _send(endpoint, _requests(settings, service_name).request(outgoing.owed()))


def send_test_event(settings: Settings, endpoint: Endpoint, service_name: str) -> Outcome:
    """Send one event, `voice.doctor`, and return the outcome."""
    event = waiting("", "", CallEvent("voice.doctor", time.time(), {}))
    return _send(endpoint, body_of(_requests(settings, service_name), [event]))


def _requests(settings: Settings, service_name: str) -> Requests:
    return Requests(About(settings, service_name).resource())


def _send(endpoint: Endpoint, body: bytes) -> Outcome:
    delivery = Delivery(endpoint)
    try:
        return delivery.deliver(body)
    finally:
        delivery.close()
