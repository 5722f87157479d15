"""A receiver, telemetry that exports to it, and a log in which no secret may appear."""

from __future__ import annotations

import base64
import contextlib
import datetime
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from loguru import logger

from tests.receiver import Receiver, running
from voice_metrics.telemetry import Telemetry

TOKEN = "glc_eyJvIjoiMTIzNDU2In0"
CREDENTIALS = base64.b64encode(f"123456:{TOKEN}".encode()).decode()
HEADERS = f"Authorization=Basic%20{CREDENTIALS}"


@dataclass
class Log:
    """What was logged, by loguru and by the standard library."""

    lines: list[tuple[str, str]] = field(default_factory=list)

    def of(self, level: str) -> list[str]:
        return [text for name, text in self.lines if name == level]

    @property
    def warnings(self) -> list[str]:
        return self.of("WARNING") + self.of("ERROR")


class _LogHandler(logging.Handler):
    def __init__(self, log: Log) -> None:
        super().__init__(logging.DEBUG)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        # asyncio reports an earlier test's tasks whenever they are collected.
        if record.name == "asyncio":
            return
        self._log.lines.append((record.levelname, record.getMessage()))


@pytest.fixture(autouse=True)
def log() -> Iterator[Log]:
    """Everything that is logged, down to urllib3's debug lines; no secret may be in it."""
    log = Log()

    def keep(message: Any) -> None:
        # So does Pipecat.
        if message.record["name"] != "pipecat.utils.asyncio.task_manager":
            log.lines.append((message.record["level"].name, str(message)))

    sink = logger.add(keep, level="DEBUG")
    handler, root = _LogHandler(log), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield log
    root.setLevel(level)
    root.removeHandler(handler)
    logger.remove(sink)
    for _, line in log.lines:
        assert TOKEN not in line
        assert CREDENTIALS not in line


@pytest.fixture(autouse=True)
def no_threads_stay() -> Iterator[None]:
    """The plug-in's threads end with the test that started them."""
    before = set(threading.enumerate())
    yield
    ours = [each for each in threading.enumerate() if each not in before and each.name.startswith("voice-metrics")]
    for thread in ours:
        thread.join(60)
    assert not [thread.name for thread in ours if thread.is_alive()]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running() as receiver:
        yield receiver


@pytest.fixture
def start(receiver: Receiver) -> Iterator[Callable[..., Telemetry]]:
    """Make telemetry that exports to the receiver; upper-case keywords are environment variables."""
    made: list[Telemetry] = []

    def start(*, spool: object = None, url: str | None = None, **environ: str) -> Telemetry:
        environ = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": url or receiver.url,
            "OTEL_EXPORTER_OTLP_HEADERS": HEADERS,
            "OTEL_METRIC_EXPORT_INTERVAL": "60000",
            "VOICE_METRICS_DB": "off",
            **environ,
        }
        telemetry = Telemetry(environ=environ, spool=spool)  # type: ignore[arg-type]
        made.append(telemetry)
        return telemetry

    yield start
    for telemetry in made:
        with contextlib.suppress(Exception):
            telemetry.shutdown(1.0)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate of 127.0.0.1 with its key, in one file."""
    return certificate_in(tmp_path_factory.mktemp("tls"))


def certificate_in(folder: Path, first_day: int = -1) -> Path:
    """Make such a file, valid for two days from `first_day` on, counted from today."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    begin = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=first_day)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + datetime.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return path
