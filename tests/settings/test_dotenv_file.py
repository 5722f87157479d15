"""A `.env` with an endpoint beside a process that has not read it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from voice_metrics.settings.dotenv_file import CURE, unread_endpoint
from voice_metrics.settings.environment import Settings


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT=http://x\n", "OTEL_EXPORTER_OTLP_ENDPOINT"),
        ("A=b\n  export OTEL_EXPORTER_OTLP_METRICS_ENDPOINT = 'http://x'", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"),
        ("# OTEL_EXPORTER_OTLP_ENDPOINT=http://x\n", None),
        ("OTEL_EXPORTER_OTLP_ENDPOINT=\nA=b\n", None),
        ("", None),
    ],
)
def test_an_endpoint_in_a_file_is_reported_with_the_cure(text: str, named: str | None, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(text)
    told = unread_endpoint(tmp_path)
    assert told == (named and f"{named} stands in .env, but the process has not read that file: {CURE}")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_an_endpoint_in_a_file_of_another_system_is_reported(encoding: str, end: str, tmp_path: Path) -> None:
    for text in ("OTEL_EXPORTER_OTLP_ENDPOINT=http://x", f"A=b{end}OTEL_EXPORTER_OTLP_ENDPOINT=http://x{end}"):
        (tmp_path / ".env").write_bytes(text.encode(encoding))
        assert unread_endpoint(tmp_path) is not None


def test_what_is_no_readable_file_names_none(tmp_path: Path) -> None:
    assert unread_endpoint(tmp_path) is None
    (tmp_path / ".env").mkdir()
    assert unread_endpoint(tmp_path) is None
    (tmp_path / ".env").rmdir()
    os.mkfifo(tmp_path / ".env")
    assert unread_endpoint(tmp_path) is None


def test_a_process_is_advised_only_while_it_has_no_endpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("OTEL_EXPORTER_OTLP_ENDPOINT=http://x\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VOICE_METRICS_DB", "off")
    assert [CURE in advice for advice in Settings.of_process().advice] == [True]
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://x")
    assert Settings.of_process().advice == ()
    # load_dotenv() leaves these as they are: who starts the bot has switched the file's endpoint off.
    for nothing in ("", "none"):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", nothing)
        assert (Settings.of_process().advice, Settings.of_process().endpoint) == ((), None)
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT")
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "none")
    assert Settings.of_process().advice == ()
