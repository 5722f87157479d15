"""The demo as its user runs it: the real bot, recogniser and voice, over real WebRTC, in real time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from demo.caller.lines import LINES
from demo.cloud.scripted_model import tokens
from tests.receiver import Receiver, free_port, running

CLONE = Path(__file__).resolve().parents[2]
KEYS = ("GLADIA_API_KEY", "OPENAI_API_KEY", "CARTESIA_API_KEY")

pytestmark = [pytest.mark.whole_call, pytest.mark.timeout(700)]

# What every call of the demo comes to, on any machine.
COUNTS: dict[str, Any] = {
    "llm": {
        "requests": 7,
        "prompt_tokens": 2110,
        "completion_tokens": 113,
        "total_tokens": 2223,
        "cache_read_tokens": 1536,
        "cache_creation_tokens": None,
        "reasoning_tokens": 0,
    },
    "tts": {"characters": 264},
    "turns": {"completed": 4, "interrupted": 1},
    "interruptions": 1,
    "function_calls": {"completed": 2, "failed": 0, "timed_out": 0, "cancelled": 0},
    "errors": 0,
    "outcome": "booked",
    "success": True,
    "attributes": {"line": "demo"},
    "dropped": 0,
    "end_reason": "completed",
    "models": {"llm": "scripted-demo", "stt": "moonshine-tiny-en", "tts": "piper-joe-medium"},
}
# What the bot has begun to say when the caller interrupts it.
BEGUN = "I have booked a table for 4 on Friday at seven, by the window next to the garden."
# What such a call cannot have: usage without a price, an error, a loss.
ABSENT = {"voice.usage.unpriced.total", "voice.errors.total", "voice.telemetry.dropped.total"}
SERIES = {
    "voice.calls.total",
    "voice.calls.active",
    "voice.calls.ended.total",
    "voice.session.duration.seconds",
    "voice.ttfb.milliseconds",
    "voice.processing.milliseconds",
    "voice.ttfa.milliseconds",
    "voice.ttfat.milliseconds",
    "voice.text_aggregation.milliseconds",
    "voice.turn_detection.milliseconds",
    "voice.response.milliseconds",
    "voice.llm.throughput",
    "voice.llm.tokens.total",
    "voice.llm.token_details.total",
    "voice.stt.audio.seconds",
    "voice.tts.characters.total",
    "voice.turns.total",
    "voice.interruptions.total",
    "voice.function_calls.total",
    "voice.function_call.milliseconds",
    "voice.cost.usd",
}


@dataclass(frozen=True)
class Run:
    """One run of the demo.

    Parameters:
        output: What its user read.
        measured: Measurements, as an observer of its own saw them.
        summary: What voice_metrics made of them.
    """

    output: str
    measured: list[dict[str, Any]]
    summary: dict[str, Any]

    def of(self, kind: str, processor: str = "") -> list[Any]:
        """Values of one kind of measurement, without the zeros that Pipecat begins with."""
        lines = [line for line in self.measured if line["kind"] == kind and line["processor"].startswith(processor)]
        return [line["value"] for line in lines if line["value"] != 0.0]

    def times(self, said: str) -> int:
        """How many lines of the output, without their times, begin with this."""
        return sum(line.partition(" ")[2].startswith(said) for line in self.output.splitlines())

    @property
    def read_beyond_begun(self) -> int:
        """Prompt tokens for words after `BEGUN`, of a bot that stops late on a busy machine.

        The model reads what was said in each of its three later prompts.
        """
        (said,) = (line for line in self.output.splitlines() if line.endswith(" (interrupted)"))
        words = said.partition(" bot       ")[2].removesuffix(" (interrupted)")
        return 3 * (len(tokens(words)) - len(tokens(BEGUN)))

    @property
    def counts(self) -> dict[str, Any]:
        """Of `COUNTS`; a line that a busy machine loses is said again, and was unanswered."""
        counts = {name: self.summary[name] for name in COUNTS}
        turns = dict(counts["turns"])
        assert turns.pop("unanswered") == self.times("caller ") - len(LINES)
        usual = {name: counts["llm"][name] - self.read_beyond_begun for name in ("prompt_tokens", "total_tokens")}
        return {**counts, "turns": turns, "llm": counts["llm"] | usual}


def run_demo(folder: Path, **environment: str) -> Run:
    record = folder / "record.jsonl"
    demo = subprocess.run(
        [sys.executable, str(CLONE / "bot.py"), "--record", str(record)],
        env={**os.environ, **dict.fromkeys(KEYS, ""), **environment},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=640,
        check=False,
    )
    assert (demo.returncode, demo.stderr) == (0, ""), demo.stdout
    *measured, summary = [json.loads(line) for line in record.read_text().splitlines()]
    assert summary.pop("kind") == "CallSummary"
    return Run(demo.stdout, measured, summary)


@pytest.fixture(scope="module")
def receiver() -> Any:
    with running() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def run(receiver: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run_demo(tmp_path_factory.mktemp("demo"), OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url)


def test_every_run_counts_the_same(run: Run) -> None:
    assert run.counts == COUNTS


def test_recognition_hears_the_caller_from_beginning_to_end(run: Run) -> None:
    # The caller stays for 35 s, and longer with a bot that takes longer on a busy machine; some of what is said
    # waits until the pipeline has started.
    assert 34.7 < run.summary["stt"]["audio_seconds"] < run.summary["duration_seconds"] + 2.0


def test_usage_is_what_the_services_reported(run: Run) -> None:
    tokens = Counter[str]()
    for usage in run.of("LLMUsageMetricsData"):
        tokens.update({name: usage[name] for name in ("prompt_tokens", "completion_tokens", "total_tokens")})
    assert tokens.items() <= run.summary["llm"].items()
    assert sum(run.of("TTSUsageMetricsData")) == run.summary["tts"]["characters"]
    heard = sum(usage["audio_seconds"] for usage in run.of("STTUsageMetricsData"))
    assert run.summary["stt"]["audio_seconds"] == pytest.approx(heard, abs=0.001)


def test_what_the_caller_felt_adds_up(run: Run) -> None:
    told, floor = run.summary, run.summary["floor"]
    assert sum(floor[holder] for holder in ("caller", "bot", "both", "none")) == pytest.approx(
        told["duration_seconds"], abs=0.02
    )
    # The caller barges in once, and the bot yields.
    assert 0.0 < floor["both"] < 1.0
    assert floor["bot"] > 8.0
    assert floor["caller"] > 4.0
    assert told["greeting_ms"] > 0
    assert (told["response"]["count"], told["interruption_stop"]["count"], told["false_interruptions"]) == (4, 1, 0)


@pytest.mark.parametrize(
    ("service", "processor"),
    [("stt", "GladiaSTTService"), ("llm", "OpenAILLMService"), ("tts", "CartesiaTTSService")],
)
def test_time_to_first_byte_is_what_the_services_reported(run: Run, service: str, processor: str) -> None:
    reported = [seconds * 1000 for seconds in run.of("TTFBMetricsData", processor)]
    summary = run.summary["ttfb"]["by_service"][service]
    assert summary["count"] == len(reported) > 0
    assert summary["interrupted"] == 0
    assert summary["min_ms"] == pytest.approx(min(reported), abs=0.001)
    assert summary["max_ms"] == pytest.approx(max(reported), abs=0.001)
    assert summary["average_ms"] == pytest.approx(sum(reported) / len(reported), abs=0.001)


def test_the_call_has_a_cost_that_says_its_prices_are_the_demos(run: Run) -> None:
    cost = run.summary["cost"]
    # 574 prompt tokens at $2, 1536 cached ones at $0.50 and 113 completion tokens at $8 a million.
    assert cost["llm_usd"] == pytest.approx(0.00282 + run.read_beyond_begun * 2e-6, abs=1e-9)
    assert cost["tts_usd"] == pytest.approx(264 * 15e-6, abs=1e-9)
    assert cost["stt_usd"] == pytest.approx(run.summary["stt"]["audio_seconds"] * 0.006 / 60, abs=1e-6)
    assert cost["unpriced"] == []
    assert {price["source"] for price in cost["prices"]} == {"your price file demo-prices.toml"}


def test_the_slowest_answer_is_slow_because_of_the_language_model(run: Run) -> None:
    # Of the seven requests, the fifth changes the booking; the first one's connection takes seconds on a busy machine.
    slow = run.of("TTFBMetricsData", "OpenAILLMService")[4]
    assert slow > 2.0
    assert run.summary["response"]["max_ms"] > 1000 * slow


def test_all_series_of_the_call_arrived_before_the_process_ended(run: Run, receiver: Receiver) -> None:
    call = {"call_id": run.summary["call_id"]}
    arrived = {point.name for point in receiver.points if point.attributes.get("call_id") == call["call_id"]}
    assert arrived >= SERIES
    assert not arrived & ABSENT
    assert run.summary["exported"] is True
    newest = {point.name: point for point in receiver.last().values() if call.items() <= point.attributes.items()}
    assert newest["voice.calls.active"].value == 0
    assert newest["voice.tts.characters.total"].value == run.summary["tts"]["characters"]
    assert newest["voice.stt.audio.seconds"].value == pytest.approx(run.summary["stt"]["audio_seconds"], abs=0.001)
    assert {point.attributes["line"] for point in newest.values()} == {"demo"}
    ended = receiver.of("voice.calls.ended.total", **call)[-1]
    assert (ended.value, ended.attributes["end_reason"]) == (1, "completed")


def test_the_call_is_at_most_250_series_in_prometheus(run: Run, receiver: Receiver) -> None:
    own = [point for point in receiver.last().values() if point.attributes.get("call_id") == run.summary["call_id"]]
    # A histogram is a series for each bound, one beyond the last, its sum and its count.
    assert sum(1 if point.count is None else len(point.raw.explicit_bounds) + 3 for point in own) <= 250


def test_the_log_can_be_read_by_a_person(run: Run) -> None:
    lines = run.output.splitlines()
    times_apart = [line.partition(" ")[2] for line in lines]
    assert "demo      loading the speech models..." in times_apart
    question = "What are your opening hours on Saturday?"
    assert 0 < times_apart.count(f"heard     {question}") <= times_apart.count(f"caller    {question}")
    assert times_apart.count("bot       Done, a table for 5 on Friday at seven.") == 1
    assert "function  book_table(day='Friday', time='seven', people=5)" in times_apart
    assert sum(line.endswith("(interrupted)") for line in lines) == 1
    assert run.output.isascii()
    assert len(lines) < 115
    assert not [line for line, following in pairwise(times_apart) if line == following]


def test_with_nobody_at_the_endpoint_the_call_is_the_same_and_says_so(tmp_path: Path) -> None:
    alone = run_demo(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{free_port()}")
    assert alone.counts == COUNTS
    assert alone.summary["exported"] is False
