"""Names of a call on the wire and in the log: the user's word comes first, and each thing appears once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from loguru import logger

from tests.scripted import SHORT, run_call
from tests.store import Store
from tests.test_processor import run, ttfb, usage
from voice_metrics import VoiceMetricsProcessor

pytestmark = pytest.mark.slow


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def every_line() -> Iterator[list[str]]:
    """Lines of the plug-in's log as "LEVEL message", DEBUG included."""
    lines: list[str] = []
    sink = logger.add(
        lambda line: lines.append(line.rstrip("\n")),
        level="DEBUG",
        format="{level} {message}",
        filter="voice_metrics",
    )
    yield lines
    logger.remove(sink)


async def test_a_model_that_the_user_names_wins_over_the_one_in_the_pipeline(store: Store) -> None:
    found = VoiceMetricsProcessor(telemetry=store.telemetry, call_id="found")
    named = VoiceMetricsProcessor(telemetry=store.telemetry, call_id="named", llm_model="my-model")
    for metrics in (found, named):
        await run_call(SHORT, before_output=[metrics])
    tags = {attributes["call_id"]: attributes for name, attributes, _ in store.points() if name == "voice.calls.total"}
    assert tags["named"]["llm_model"] == "my-model"
    assert tags["found"]["llm_model"] not in ("", "my-model")
    assert tags["found"]["tts_model"] == tags["named"]["tts_model"]


@pytest.mark.parametrize(
    ("environ", "made"),
    [
        pytest.param({}, True, id="by-default"),
        pytest.param({"VOICE_METRICS_GENAI": "off"}, False, id="switched-off"),
    ],
)
async def test_series_of_the_conventions_are_made_unless_they_are_switched_off(
    store: Store, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], made: bool
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    await run_call(SHORT, before_output=[VoiceMetricsProcessor(telemetry=store.telemetry)])
    names = {name for name, _, _ in store.points()}
    assert any(name.startswith("gen_ai.") for name in names) is made
    assert "voice.llm.tokens.total" in names


async def test_one_line_at_the_start_names_call_models_and_where_series_go(store: Store, log: list[str]) -> None:
    metrics = VoiceMetricsProcessor(telemetry=store.telemetry, call_id="c-1", llm_model="gpt-4.1", stt_model="nova-3")
    await run([metrics], [usage(1, 1)])
    assert [line for line in log if " begins: " in line] == [
        "INFO Call c-1 begins: LLM gpt-4.1, STT nova-3, TTS none; "
        "series go to the application's meter provider, with call ids"
    ]


async def test_each_measurement_is_one_line_of_the_debug_log(store: Store, every_line: list[str]) -> None:
    metrics = VoiceMetricsProcessor(telemetry=store.telemetry, call_id="c-1")
    await run([metrics], [ttfb(0.25), ttfb(0.5), usage(7, 3)])
    measured = [line for line in every_line if line.startswith("DEBUG Call c-1: ")]
    assert len([line for line in measured if "FirstByte(" in line]) == 2
    assert len([line for line in measured if "TokensUsed(" in line and "prompt=7, completion=3" in line]) == 1
