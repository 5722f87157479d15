"""What commands take from the `.env` of the folder in which they run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.export.conftest import receiver
from tests.receiver import Receiver
from voice_metrics.cli.environment_file import FromFile, load

__all__ = ["receiver"]
TOKEN = "glc_eyJvIjoiMTIzNDU2In0"
ENDPOINT, HEADERS = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / ".env").write_text(f"{ENDPOINT}=http://127.0.0.1:1\nVOICE_METRICS_DB_DAYS=7\nEMPTY\n")
    return tmp_path


def test_what_the_environment_has_not_comes_from_the_file(folder: Path) -> None:
    environ = {"VOICE_METRICS_DB_DAYS": "9"}
    assert load(folder, environ) == FromFile(frozenset({ENDPOINT}))
    assert environ == {"VOICE_METRICS_DB_DAYS": "9", ENDPOINT: "http://127.0.0.1:1"}


@pytest.mark.parametrize(
    "credentials",
    [
        {HEADERS: f"Authorization=Basic {TOKEN}"},
        {"OTEL_EXPORTER_OTLP_METRICS_HEADERS": f"api-key={TOKEN}"},
        {"OTEL_EXPORTER_OTLP_CLIENT_KEY": "/key.pem"},
        {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": f"https://me:{TOKEN}@x"},
    ],
)
@pytest.mark.parametrize(
    "route", [ENDPOINT, "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "https_proxy", "REQUESTS_CA_BUNDLE"]
)
def test_credentials_of_the_environment_do_not_go_where_a_folders_file_points(
    tmp_path: Path, credentials: dict[str, str], route: str
) -> None:
    (tmp_path / ".env").write_text(f"{route}=https://elsewhere.example\nVOICE_METRICS_DB_DAYS=7\n")
    environ = dict(credentials)
    found = load(tmp_path, environ)
    assert environ == credentials | {"VOICE_METRICS_DB_DAYS": "7"}
    if route not in credentials:
        assert found.withheld == (route,)
        assert found.advice is not None
        assert TOKEN not in found.advice


def test_a_header_of_the_file_may_go_where_the_file_points(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"{ENDPOINT}=http://x\nB64={TOKEN}\n{HEADERS}=Authorization=Basic%20${{B64}}\n")
    environ: dict[str, str] = {}
    assert load(tmp_path, environ).withheld == ()
    assert environ[HEADERS] == f"Authorization=Basic%20{TOKEN}"


def test_the_file_cannot_carry_away_a_variable_of_the_environment(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"{ENDPOINT}=http://x/${{OPENAI_API_KEY}}/${{NONE:-otlp}}\n")
    environ = {"OPENAI_API_KEY": TOKEN}
    load(tmp_path, environ)
    assert environ[ENDPOINT] == "http://x//otlp"


def test_a_file_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    assert load(tmp_path, {}) == FromFile()
    (tmp_path / ".env").write_bytes(b"A=\xff\xfe\n")
    assert load(tmp_path, {}) == FromFile(undecodable=True)
    (tmp_path / ".env").unlink()
    os.mkfifo(tmp_path / ".env")
    assert load(tmp_path, {}) == FromFile()


@pytest.mark.slow
def test_no_header_of_the_environment_reaches_the_server_of_a_folder(
    spawn: Run, tmp_path: Path, receiver: Receiver
) -> None:
    (tmp_path / "here" / ".env").write_text(f"{ENDPOINT}={receiver.url}\n")
    done = spawn("doctor", **{HEADERS: f"Authorization=Basic {TOKEN}"})
    assert (done.returncode, receiver.exchanges) == (1, [])
    assert done.stderr.startswith(f"voice-metrics: {ENDPOINT} of .env is not used: the credentials")
    assert TOKEN not in done.stdout + done.stderr


@pytest.mark.parametrize("content", ["A=b".encode("utf-16"), b"# caf\xe9\nA=b"])
def test_a_file_that_is_no_utf_8_is_reported(content: bytes, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(content)
    environ: dict[str, str] = {}
    advice = load(tmp_path, environ).advice
    assert environ == {}
    assert advice is not None
    assert "save it as UTF-8" in advice


@pytest.mark.parametrize("line", [f"{ENDPOINT}: http://x", f"set {ENDPOINT}=http://x", f"{ENDPOINT}='http://x"])
def test_a_line_that_is_no_variable_is_reported_without_its_text(
    line: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".env").write_text(f"A=b\n# c\n{line}\nVOICE_METRICS_DB_DAYS=7\n")
    environ: dict[str, str] = {}
    found = load(tmp_path, environ)
    assert environ == {"A": "b", "VOICE_METRICS_DB_DAYS": "7"}
    assert found.unread == ".env, line 3: expected NAME=value. It is not read, here and by load_dotenv()."
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("line", ["A\0B=c", "'A\0'=c"])
def test_a_name_that_no_environment_can_have_is_left_out(line: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"{line}\nVOICE_METRICS_DB_DAYS=7\n")
    environ: dict[str, str] = {}
    load(tmp_path, environ)
    assert environ == {"VOICE_METRICS_DB_DAYS": "7"}
