"""A small fleet, the way `make fleet` runs a large one: nothing that its processes fed is missing or there twice."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.backends.board import Moment, ask, questions
from tests.backends_otlp.fleet import BOTS, Restarts, arrived, played, started

from .stack import store

PROCESSES = 40
PANELS = {"Calls": "voice_calls_total", "Tokens": "voice_llm_tokens_total", "Characters": "voice_tts_characters_total"}


def test_totals_and_events_are_what_was_fed_while_gateways_restart(tmp_path: Path) -> None:
    with ExitStack() as cleanup:
        fleet = started(tmp_path, "500ms", cleanup)
        (fed := tmp_path / "fed").mkdir()
        restarts = Restarts(fleet.gateways, 1.0)
        cleanup.callback(restarts.stop)
        environ = {**BOTS, "OTEL_EXPORTER_OTLP_ENDPOINT": fleet.balancer.url, "VOICE_METRICS_GENAI": "off"}
        reports = played(PROCESSES, 8, environ, fed)
        restarts.stop()
        assert len(reports) == PROCESSES
        assert list(arrived(fleet, reports)) == []
        assert restarts.number >= 1


def test_the_dashboard_counts_a_fleet_as_it_is(tmp_path: Path) -> None:
    with ExitStack() as cleanup:
        fleet = started(tmp_path, "500ms", cleanup)
        (fed := tmp_path / "fed").mkdir()
        environ = {**BOTS, "OTEL_EXPORTER_OTLP_ENDPOINT": fleet.balancer.url}
        reports = played(16, 8, environ, fed)
        totals = sum((Counter(report["total"]) for report in reports), Counter[str]())
        assert list(arrived(fleet, reports)) == []
        about = Moment(time.time(), 600, 1)
        panels = {question.title: question for question in questions() if question.look == "stat"}
        for title, name in PANELS.items():
            answer = ask(store(fleet.prometheus), panels[title], about)
            assert list(answer.values()) == [pytest.approx(totals[name])], title
