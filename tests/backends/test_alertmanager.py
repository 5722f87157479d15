"""The alert about slow responses reaches a webhook through Prometheus and Alertmanager, and is taken back."""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from voice_metrics.grafana.threshold_alerts import Thresholds, render
from voice_metrics.series.table import CALL_ID, RESPONSE

from .chain import Chain
from .otlp import Feed, Points

Alert = dict[str, Any]


class Webhook:
    """Receives what Alertmanager sends."""

    def __init__(self) -> None:
        self.alerts: list[Alert] = []
        self.arrived = threading.Condition()
        received = self._received

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                received(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *arguments: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def wait_for(self, status: str, name: str) -> Alert:
        """The first alert of this status and name; fails after 40 s."""

        def found() -> Alert | None:
            matching = (a for a in self.alerts if a["status"] == status and a["labels"]["alertname"] == name)
            return next(matching, None)

        with self.arrived:
            alert = self.arrived.wait_for(found, timeout=60)
        assert alert, f"no {status} {name} among {self.alerts}"
        return alert

    def _received(self, body: dict[str, Any]) -> None:
        with self.arrived:
            self.alerts += body["alerts"]
            self.arrived.notify_all()


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    hook = Webhook()
    yield hook
    hook.server.shutdown()
    hook.server.server_close()


@pytest.fixture
def alerting(tmp_path: Path, webhook: Webhook) -> Iterator[Chain]:
    """The chain with our rules, evaluated every second and without waiting."""
    rules = tmp_path / "alerts.yml"
    rules.write_text(render(Thresholds()).replace("interval: 1m", "interval: 1s").replace("for: 5m", "for: 1s"))
    chain = Chain(tmp_path, webhook=webhook.url, rules=rules)
    chain.start()
    yield chain
    chain.stop()


def test_slow_responses_fire_at_the_webhook_and_fast_ones_resolve(alerting: Chain, webhook: Webhook):
    now = time.time()
    call, feed = Points(now - 20), Feed(alerting)
    for _ in range(20):
        call.add(RESPONSE, {CALL_ID: "c1"}, 2900)
    assert feed.send([call], now)
    firing = webhook.wait_for("firing", "VoiceResponseSlow")
    assert firing["labels"] == {"alertname": "VoiceResponseSlow", "job": "voice-bot", "severity": "critical"}
    assert firing["annotations"]["summary"] == "Callers of voice-bot wait 2950 ms (p95) for an answer."
    for _ in range(1000):
        call.add(RESPONSE, {CALL_ID: "c1"}, 600)
    assert feed.send([call], time.time())
    assert webhook.wait_for("resolved", "VoiceResponseSlow")["labels"] == firing["labels"]
    assert {alert["labels"]["alertname"] for alert in webhook.alerts} == {"VoiceResponseSlow"}
