"""Faults inside the plug-in's own outputs: each costs one measurement in one place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.scripted import SHORT, run_call
from tests.store import Store
from tests.virtual_time import in_virtual_time, measure_in_virtual_time
from tests.waiting import flush
from voice_metrics import VoiceMetricsProcessor
from voice_metrics.call.facts import CharactersSpoken
from voice_metrics.ledger import LedgerReader, ledger_at

CHARACTERS = "voice.tts.characters.total"


@pytest.fixture
def store() -> Store:
    return Store()


class Failing:
    """Does what a method does, but for the first fact that it is asked to take, or always."""

    def __init__(self, method: Callable[..., Any], *, always: bool = False) -> None:
        self._method = method
        self._always = always
        self.failures = 0

    def __call__(self, taken: Any = None, *arguments: Any) -> Any:
        # The journal takes a fact with its moment.
        fact = taken[0] if isinstance(taken, tuple) else taken
        if self._always or (isinstance(fact, CharactersSpoken) and not self.failures):
            self.failures += 1
            raise RuntimeError("boom")
        return self._method(taken, *arguments)


def _break(metrics: VoiceMetricsProcessor, output: str, method: str, **how: Any) -> list[Failing]:
    """Break one output of the call as it begins."""
    broken: list[Failing] = []
    begin = metrics._recorder._calls.begin

    def begun(*arguments: Any) -> None:
        begin(*arguments)
        owner = getattr(metrics._recorder.call.outputs, output)
        broken.append(Failing(getattr(owner, method), **how))
        setattr(owner, method, broken[0])

    metrics._recorder._calls.begin = begun  # type: ignore[method-assign]
    return broken


def _end_reasons(path: Path) -> list[str | None]:
    flush(ledger_at(path, 30))
    with LedgerReader(path) as ledger:
        return [call.end_reason for call in ledger.calls()]


@pytest.mark.parametrize("output", ["totals", "unreported", "_journal", "_series"])
@in_virtual_time
async def test_a_fault_of_one_output_costs_one_measurement_there(
    output: str, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOICE_METRICS_DB", str(tmp_path / "calls.db"))
    metrics = VoiceMetricsProcessor(telemetry=store.telemetry)
    measure_in_virtual_time(metrics)
    broken = _break(metrics, output, "add" if output in ("totals", "unreported") else "write")
    truth = await run_call(SHORT, before_output=[metrics])
    summary = metrics.summary()
    assert summary is not None
    assert [one.failures for one in broken] == [1]
    assert summary.dropped == 1
    assert store.total("voice.telemetry.dropped.total", reason="fault") == 1
    exported = store.total(CHARACTERS)
    lacking = {"totals": summary.characters, "_series": exported}.get(output)
    whole = {"totals": exported, "_series": summary.characters}.get(output, exported)
    assert whole == truth.characters
    assert lacking is None or lacking < truth.characters
    assert store.total("voice.calls.ended.total") == 1
    assert _end_reasons(tmp_path / "calls.db") == ["completed"]


@pytest.mark.parametrize(
    ("output", "method"), [("_series", "write"), ("_series", "end"), ("totals", "add"), ("_journal", "write")]
)
@in_virtual_time
async def test_an_output_that_always_fails_ends_neither_call_nor_summary(
    output: str, method: str, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: list[str]
) -> None:
    monkeypatch.setenv("VOICE_METRICS_DB", str(tmp_path / "calls.db"))
    metrics = VoiceMetricsProcessor(telemetry=store.telemetry)
    measure_in_virtual_time(metrics)
    summaries: list[Any] = []
    metrics.add_event_handler("on_call_summary", lambda processor, summary: summaries.append(summary))
    _break(metrics, output, method, always=True)
    truth = await run_call(SHORT, before_output=[metrics])
    assert truth.turns["completed"]
    assert [summary.end_reason for summary in summaries] == ["completed"]
    assert _end_reasons(tmp_path / "calls.db") == ["completed"]
    assert len([line for line in log if "boom" in line]) < 20


@pytest.mark.parametrize("method", ["started", "ended", "written"])
@in_virtual_time
async def test_a_ledger_at_fault_costs_neither_series_nor_summary(
    method: str, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOICE_METRICS_DB", str(tmp_path / "calls.db"))
    metrics = VoiceMetricsProcessor(telemetry=store.telemetry)
    measure_in_virtual_time(metrics)
    summaries: list[Any] = []
    metrics.add_event_handler("on_call_summary", lambda processor, summary: summaries.append(summary))
    make = metrics._recorder._calls._beginnings._journal

    def made(*arguments: Any) -> Any:
        journal = make(*arguments)
        setattr(journal, method, Failing(lambda: None, always=True))
        return journal

    metrics._recorder._calls._beginnings._journal = made  # type: ignore[method-assign]
    truth = await run_call(SHORT, before_output=[metrics])
    assert [summary.characters for summary in summaries] == [truth.characters]
    assert (store.total(CHARACTERS), store.total("voice.calls.ended.total")) == (truth.characters, 1)
