"""The chain OTLP -> vmagent -> Prometheus -> Alertmanager -> webhook, and vmagent -> VictoriaMetrics beside it.

Debian's Prometheus has no OTLP receiver, so vmagent stands in front of it; deploy/vmagent/labels.yaml
makes its labels those that Prometheus, Mimir and Grafana Cloud give to OTLP series.
"""

from __future__ import annotations

import json
import math
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.receiver import free_port

from .programs import Program

DEPLOY = Path(__file__).parents[2] / "deploy"
# As in deploy/: a request whose answer was lost is sent again, and vmagent drops a whole block for one older sample.
PROMETHEUS = """
global: {{evaluation_interval: 1s}}
storage: {{tsdb: {{out_of_order_time_window: 1h}}}}
rule_files: {rules}
alerting: {{alertmanagers: [{{static_configs: [{{targets: ["{alertmanager}"]}}]}}]}}
"""
ALERTMANAGER = """
route: {{receiver: hook, group_by: [alertname], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}}
receivers: [{{name: hook, webhook_configs: [{{url: "{webhook}", send_resolved: true}}]}}]
"""

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Store:
    """A server that answers PromQL.

    Parameters:
        url: Its address.
    """

    url: str

    def instant(self, expression: str, at: float) -> dict[Labels, float]:
        """Answer of an instant query: labels without the name -> value.

        Args:
            expression: PromQL without variables.
            at: Moment of evaluation in unix seconds.
        """
        result = self._get("/api/v1/query", query=expression, time=f"{at:.3f}", nocache="1")
        assert result["resultType"] == "vector", result["resultType"]
        return {_labels(row["metric"]): float(row["value"][1]) for row in result["result"]}

    def over_time(self, expression: str, start: float, end: float, step: float) -> dict[Labels, dict[float, float]]:
        """Answer of a range query: labels -> moment -> value, without the values that are not a number.

        Args:
            expression: PromQL without variables.
            start: First moment in unix seconds.
            end: Last moment in unix seconds.
            step: Seconds between two moments.
        """
        result = self._get(
            "/api/v1/query_range", query=expression, start=f"{start:.3f}", end=f"{end:.3f}", step=f"{step:g}"
        )
        return {
            _labels(row["metric"]): {at: float(value) for at, value in row["values"] if not math.isnan(float(value))}
            for row in result["result"]
        }

    def names(self) -> set[str]:
        """Names of all metrics."""
        return set(self._get("/api/v1/label/__name__/values"))

    def _get(self, path: str, **parameters: str) -> dict:
        # Long queries do not fit into an address.
        body = urllib.parse.urlencode(parameters).encode() if parameters else None
        try:
            with urllib.request.urlopen(urllib.request.Request(self.url + path, data=body), timeout=240) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as refusal:
            raise AssertionError(f"{parameters.get('query')}: {refusal.read().decode()[:500]}") from None


def _labels(metric: Mapping[str, str]) -> Labels:
    return tuple(sorted((name, value) for name, value in metric.items() if name != "__name__"))


class Chain:
    """The running programs."""

    def __init__(self, folder: Path, *, webhook: str = "http://127.0.0.1:9/", rules: Path | None = None) -> None:
        """Prepare the chain; `start` runs it.

        Args:
            folder: Empty folder for configuration, data and logs.
            webhook: Where Alertmanager sends alerts to.
            rules: A Prometheus rules file, or `None` for no rules.
        """
        ports = {name: free_port() for name in ("alertmanager", "prometheus", "victoria", "agent")}
        at = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
        (folder / "alertmanager.yml").write_text(ALERTMANAGER.format(webhook=webhook))
        (folder / "prometheus.yml").write_text(
            PROMETHEUS.format(rules=json.dumps([str(rules)] if rules else []), alertmanager=at["alertmanager"])
        )
        self.alertmanager = Program(
            "prometheus-alertmanager",
            (
                f"--config.file={folder}/alertmanager.yml",
                f"--storage.path={folder}/alertmanager",
                f"--web.listen-address={at['alertmanager']}",
                "--cluster.listen-address=",
            ),
            f"http://{at['alertmanager']}",
            "/-/ready",
            folder / "alertmanager.log",
        )
        self.prometheus = Program(
            "prometheus",
            (
                f"--config.file={folder}/prometheus.yml",
                f"--storage.tsdb.path={folder}/prometheus",
                f"--web.listen-address={at['prometheus']}",
                "--web.enable-remote-write-receiver",
                # The first alert may come before the Alertmanager was discovered.
                "--rules.alert.resend-delay=1s",
            ),
            f"http://{at['prometheus']}",
            "/-/ready",
            folder / "prometheus.log",
        )
        self.victoria = Program(
            "victoria-metrics",
            (
                f"-storageDataPath={folder}/victoria",
                f"-httpListenAddr={at['victoria']}",
                "-search.latencyOffset=0s",
                "-retentionPeriod=1d",
            ),
            f"http://{at['victoria']}",
            "/health",
            folder / "victoria.log",
        )
        self.agent = Program(
            "vmagent",
            (
                f"-httpListenAddr={at['agent']}",
                f"-remoteWrite.tmpDataPath={folder}/agent",
                "-opentelemetry.usePrometheusNaming",
                f"-remoteWrite.url=http://{at['prometheus']}/api/v1/write",
                f"-remoteWrite.url=http://{at['victoria']}/api/v1/write",
                "-remoteWrite.forcePromProto=true,false",
                "-remoteWrite.flushInterval=100ms",
                # One queue keeps the order of the samples.
                "-remoteWrite.queues=1",
                f"-remoteWrite.relabelConfig={DEPLOY}/vmagent/labels.yaml",
            ),
            f"http://{at['agent']}",
            "/health",
            folder / "agent.log",
        )

    @property
    def otlp_endpoint(self) -> str:
        """Value for `OTEL_EXPORTER_OTLP_ENDPOINT`."""
        return self.agent.url + "/opentelemetry"

    @property
    def store(self) -> Store:
        """Prometheus."""
        return Store(self.prometheus.url)

    @property
    def second_store(self) -> Store:
        """VictoriaMetrics, once it has written what it received."""
        urllib.request.urlopen(self.victoria.url + "/internal/force_flush", timeout=60).read()
        return Store(self.victoria.url)

    def start(self) -> None:
        """Start all programs; on a fault stop those that run."""
        try:
            for part in (self.alertmanager, self.prometheus, self.victoria, self.agent):
                part.start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop all programs."""
        for part in (self.agent, self.victoria, self.prometheus, self.alertmanager):
            part.stop()
