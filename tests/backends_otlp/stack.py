"""Each program with the configuration that deploy/ ships for it, on ports of its own."""

from __future__ import annotations

import json
import os
import time
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.backends.chain import Store
from tests.backends.programs import Program
from tests.receiver import free_port

DEPLOY = Path(__file__).parents[2] / "deploy"
OTLP_PATH = "/api/v1/otlp"


def prometheus(folder: Path, config: Path, *features: str) -> Program:
    """A Prometheus that takes OTLP and remote write.

    Args:
        folder: For its data and log; made if missing.
        config: Its configuration file.
        features: Feature flags.
    """
    folder.mkdir(exist_ok=True)
    at = f"127.0.0.1:{free_port()}"
    return Program(
        "prometheus-otlp",
        (
            f"--config.file={config}",
            f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address={at}",
            "--web.enable-otlp-receiver",
            "--web.enable-remote-write-receiver",
            *(f"--enable-feature={feature}" for feature in features),
        ),
        f"http://{at}",
        "/-/ready",
        folder / "prometheus.log",
    )


def store(running: Program) -> Store:
    """What a Prometheus holds."""
    return Store(running.url)


def samples(running: Program, selector: str, window: str = "1h") -> list[list[tuple[float, float]]]:
    """Every sample of the series that match, as moment and value, oldest first.

    Args:
        running: A Prometheus.
        selector: PromQL.
        window: How far back.
    """
    query = urllib.parse.urlencode({"query": f"{selector}[{window}]"})
    with urllib.request.urlopen(f"{running.url}/api/v1/query?{query}", timeout=240) as answer:
        rows = json.load(answer)["data"]["result"]
    return [[(float(at), float(value)) for at, value in row["values"]] for row in rows]


def otlp_of(running: Program) -> str:
    """A Prometheus' value for `OTEL_EXPORTER_OTLP_ENDPOINT`."""
    return running.url + OTLP_PATH


@dataclass(frozen=True)
class Logs:
    """A VictoriaLogs.

    Parameters:
        program: What runs.
    """

    program: Program

    @property
    def otlp_url(self) -> str:
        """Where OTLP logs go to."""
        return self.program.url + "/insert/opentelemetry/v1/logs"

    def rows(self, query: str, limit: int = 100_000) -> list[dict[str, str]]:
        """Answer of a LogsQL query.

        Args:
            query: LogsQL.
            limit: Most rows.
        """
        urllib.request.urlopen(self.program.url + "/internal/force_flush", timeout=60).read()
        body = urllib.parse.urlencode({"query": query, "limit": limit}).encode()
        with urllib.request.urlopen(self.program.url + "/select/logsql/query", body, timeout=240) as answer:
            return [json.loads(line) for line in answer]

    def rows_once_there(self, query: str, number: int) -> list[dict[str, str]]:
        """The answer once it has a number of rows, or what it has after a minute."""
        for _ in range(600):
            if len(rows := self.rows(query)) == number:
                break
            time.sleep(0.1)
        return rows


def victoria_logs(folder: Path) -> Logs:
    """A VictoriaLogs.

    Args:
        folder: For its data and log; made if missing.
    """
    folder.mkdir(exist_ok=True)
    at = f"127.0.0.1:{free_port()}"
    arguments = (f"-storageDataPath={folder}/data", f"-httpListenAddr={at}", "-retentionPeriod=7d")
    return Logs(Program("victoria-logs", arguments, f"http://{at}", "/health", folder / "logs.log"))


@dataclass(frozen=True)
class Collector:
    """A Collector.

    Parameters:
        program: What runs.
        otlp_endpoint: Value for `OTEL_EXPORTER_OTLP_ENDPOINT`.
    """

    program: Program
    otlp_endpoint: str


def collector(folder: Path, config: Path, environ: Mapping[str, str], listen: str, health: str) -> Collector:
    """A Collector.

    Args:
        folder: For its queue and log; made if missing.
        config: Its configuration file.
        environ: Variables of the configuration.
        listen: Which of them names the address that it listens at.
        health: Which of them names the address of its health check.
    """
    folder.mkdir(exist_ok=True)
    at, healthy_at = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    program = Program(
        "otelcol",
        ("--config", str(config)),
        f"http://{healthy_at}",
        "/",
        folder / "collector.log",
        {**environ, listen: at, health: healthy_at},
    )
    return Collector(program, f"http://{at}")


def gateway(folder: Path, name: str, metrics_url: str, logs_url: str, every: str = "200ms") -> Collector:
    """A Collector of `deploy/fleet`.

    Args:
        folder: For its queue and log; made if missing.
        name: The instance that its series carry.
        metrics_url: Where it writes series to.
        logs_url: Where it writes events to.
        every: How long it collects increments.
    """
    environ = {
        "GATEWAY_INSTANCE": name,
        "GATEWAY_QUEUE": f"{folder}/queue",
        "GATEWAY_LOOP": f"127.0.0.1:{free_port()}",
        "GATEWAY_EVERY": every,
        "GATEWAY_METRICS_HOST": "127.0.0.1",
        "GATEWAY_METRICS_PORT": str(free_port()),
        "METRICS_URL": metrics_url,
        "LOGS_URL": logs_url,
    }
    return collector(folder, DEPLOY / "fleet" / "gateway.yaml", environ, "GATEWAY_LISTEN", "GATEWAY_HEALTH")


def balancer(folder: Path, gateways: Sequence[Collector]) -> Program:
    """The load balancer of `deploy/fleet`.

    Args:
        folder: For its files; made if missing.
        gateways: What stands behind it.
    """
    folder.mkdir(exist_ok=True)
    at = f"127.0.0.1:{free_port()}"
    config = (DEPLOY / "fleet" / "nginx.conf").read_text().replace("listen 0.0.0.0:4318", f"listen {at}")
    for letter, one in zip("ab", gateways, strict=True):
        config = config.replace(f"gateway-{letter}:4318", one.otlp_endpoint.removeprefix("http://"))
    (folder / "nginx.conf").write_text(config)
    # As root, nginx would work as "nobody", to whom a test's folder is closed.
    user = "user root; " if os.geteuid() == 0 else ""
    arguments = ("-p", str(folder), "-c", "nginx.conf", "-e", "stderr", "-g", f"{user}daemon off;")
    return Program("nginx", arguments, f"http://{at}", "/healthy", folder / "nginx.log")


def post(url: str, message: Any) -> int:
    """Send an OTLP message; the status of the answer."""
    headers = {"content-type": "application/x-protobuf"}
    request = urllib.request.Request(url, message.SerializeToString(), headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return int(answer.status)
