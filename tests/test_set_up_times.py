"""Set-up times of services, and their share of the caller's wait for the greeting."""

from __future__ import annotations

import asyncio
import dataclasses
import re
import time
from pathlib import Path
from typing import Any

import pytest
from pipecat.processors.frame_processor import FrameProcessor, FrameProcessorSetup
from pipecat.services.llm_service import LLMService

from tests.scripted import SHORT, run_call, scripted_call
from tests.scripted_providers import llm_settings
from tests.virtual_time import in_virtual_time, measure_in_virtual_time
from tests.waiting import flush
from voice_metrics import Telemetry, VoiceMetricsObserver, VoiceMetricsProcessor
from voice_metrics.cli.one_call import show
from voice_metrics.ledger import CallDetail, LedgerReader, Row, StartUp, ledger_at, start_up
from voice_metrics.page.story import story
from voice_metrics.pipecat.set_up_times import TELLS

SECONDS = 0.2


class SlowLLMService(LLMService):
    """A model that connects for a while, before the StartFrame, and is asked nothing."""

    def __init__(self) -> None:
        super().__init__(settings=dataclasses.replace(llm_settings(), model="slow-1"))

    async def setup(self, setup: FrameProcessorSetup) -> None:
        await super().setup(setup)
        await asyncio.sleep(SECONDS)  # the others are set up meanwhile
        time.sleep(SECONDS)  # Pipecat measures by the machine's clock, which does not jump

    async def process_frame(self, frame: Any, direction: Any) -> None:
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)


async def detail(path: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> CallDetail:
    monkeypatch.setenv("VOICE_METRICS_DB", str(path))
    telemetry = Telemetry(environ={"VOICE_METRICS_DB": str(path)})
    slow: list[FrameProcessor] = [SlowLLMService()]
    kind = VoiceMetricsObserver if way == "observers" else VoiceMetricsProcessor
    tool = kind(call_id="slow", telemetry=telemetry)
    measure_in_virtual_time(tool)
    await run_call(SHORT, after_output=slow, **{way: [tool]})
    ledger = ledger_at(path, 30)
    flush(ledger)
    with LedgerReader(path) as reader:
        found = reader.call("slow")
    telemetry.shutdown()
    ledger.close()
    return found


@pytest.mark.parametrize("way", ["before_output", "at_end", "observers"])
@in_virtual_time
async def test_a_call_shows_the_time_of_its_services_set_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str, capsys: pytest.CaptureFixture[str]
) -> None:
    call = await detail(tmp_path / "calls.db", monkeypatch, way)

    taken = [row for row in call.timeline if row.kind == "set_up" and row.name == "SlowLLMService"]
    show(call)
    shown = capsys.readouterr().out
    assert "speech" in {row.kind for row in call.timeline}
    assert re.search(r"s  turn  ", shown)
    assert not re.search(r"s  speech  ", shown)  # the floor is above
    told = story(call, 0.0)["start_up"]
    if not TELLS:
        assert not taken
        assert told is None
        assert "set-up" not in shown
        return
    assert [(row.service, row.model) for row in taken] == [("llm", "slow-1")]
    assert (taken[0].value or 0.0) >= SECONDS * 0.99
    assert told["services"][0]["name"] == "SlowLLMService"
    assert "set-up" in shown


@in_virtual_time
async def test_what_looks_at_the_set_up_is_gone_once_the_pipeline_has_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICE_METRICS_DB", "off")
    metrics = VoiceMetricsProcessor()
    measure_in_virtual_time(metrics)
    call = scripted_call(SHORT, before_output=[metrics])
    await call.run()

    assert "_SetUps" not in {type(observer).__name__ for observer in call.worker._observer._observers}


def row(at: float, kind: str, seconds: float | None, name: str | None = None) -> Row:
    return Row(at, kind, seconds, "llm" if kind == "set_up" else None, name)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param([row(3.0, "greeting", 2.0)], None, id="unknown"),
        pytest.param(
            [row(2.0, "set_up", 1.0, "A"), row(2.5, "set_up", 1.5, "B")],
            StartUp(1.5, None, (("B", 1.5), ("A", 1.0))),
            id="both-at-once-and-no-greeting",
        ),
        pytest.param(
            [row(2.0, "set_up", 1.5, "A"), row(4.0, "greeting", 3.0)],
            StartUp(1.5, 1.0, (("A", 1.5),)),
            id="the-caller-came-while-it-was-set-up",
        ),
        pytest.param(
            [row(2.0, "set_up", 1.5, "A"), row(4.0, "greeting", 1.0)],
            StartUp(1.5, 0.0, (("A", 1.5),)),
            id="the-caller-came-later",
        ),
    ],
)
def test_the_set_up_is_part_of_the_greetings_wait_where_both_overlap(rows: list[Row], expected: StartUp | None) -> None:
    assert start_up(rows) == expected
