"""The table of series: name, kind, unit, meaning, attributes and buckets of every exported series.

Accumulators, documentation, dashboard and their tests are made from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """Kind of instrument of a series."""

    COUNTER = "counter"
    UP_DOWN_COUNTER = "up-down counter"
    HISTOGRAM = "histogram"
    GAUGE = "gauge"


@dataclass(frozen=True, slots=True)
class Series:
    """One row of the table.

    Parameters:
        name: OTLP name.
        kind: The instrument's kind.
        unit: UCUM unit.
        description: Its meaning in one sentence.
        attributes: Attributes beside the common ones, in the order of the documentation.
        buckets: Upper bounds of a histogram's buckets in `unit`; empty for other kinds.
        read_as_average: True if a call's own series go without buckets, because only sum over count is read; or the
            attribute and value of those that do.
        source: What its values are read from.
    """

    name: str
    kind: Kind
    unit: str
    description: str
    attributes: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    read_as_average: bool | tuple[str, str] = False
    source: str = ""

    @property
    def identity(self) -> tuple[Any, ...]:
        """Key of the metric: as in the SDK, another unit or other bounds under one name make another metric."""
        return self.name, self.kind, self.unit, self.buckets

    def buckets_of_a_call(self, attributes: Mapping[str, Any]) -> tuple[float, ...]:
        """Return the bounds of a call's own series with these attributes."""
        averaged = self.read_as_average
        if isinstance(averaged, tuple):
            name, value = averaged
            averaged = attributes.get(name) == value
        return () if averaged else self.buckets


# Chosen for voice: fine where a caller notices a difference, coarse above.
LATENCY_MS = (
    50.0, 100.0, 150.0, 200.0, 300.0, 400.0, 500.0, 650.0, 800.0, 1000.0, 1500.0, 2000.0, 3000.0, 5000.0, 10000.0,
)  # fmt: skip
SILENCE_SECONDS = (1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 21.0, 34.0, 55.0)
# Read as an average; the bounds separate a hiccup from an outage.
GAP_SECONDS = (0.5, 1.0, 3.0)
# A request that a caller cut off: the time until then, no latency of the service.
CUT_OFF = ("interrupted", "true")
# Tokens per second; speech needs about 4, fast hosts stream several hundred.
THROUGHPUT = (5.0, 10.0, 20.0, 30.0, 40.0, 50.0, 75.0, 100.0, 150.0, 200.0, 300.0, 500.0, 1000.0)
# OpenTelemetry semantic conventions for generative AI, docs/gen-ai/gen-ai-metrics.md, read 2026-11-22.
GEN_AI_TOKENS = tuple(float(4**power) for power in range(14))
GEN_AI_SECONDS = tuple(0.01 * 2**power for power in range(14))
GEN_AI_AGENT_SECONDS = tuple(0.1 * 2**power for power in range(13))

CALL_ID = "call_id"
MODEL_ATTRIBUTES = ("llm_model", "stt_model", "tts_model")
COMMON_ATTRIBUTES = (CALL_ID, *MODEL_ATTRIBUTES)
_SERVICE = ("processor", "provider", "model")


def _counter(name: str, unit: str, description: str, attributes: tuple[str, ...] = (), *, source: str) -> Series:
    return Series(name, Kind.COUNTER, unit, description, attributes, source=source)


def _latency(
    name: str,
    description: str,
    attributes: tuple[str, ...] = (),
    *,
    read_as_average: bool | tuple[str, str] = False,
    source: str,
) -> Series:
    return Series(name, Kind.HISTOGRAM, "ms", description, attributes, LATENCY_MS, read_as_average, source)


CALLS = _counter("voice.calls.total", "{call}", "Calls that started.", source="StartFrame")
CALLS_ACTIVE = Series(
    "voice.calls.active",
    Kind.UP_DOWN_COUNTER,
    "{call}",
    "Calls that are running.",
    source="StartFrame; 0 in the last export",
)
CALLS_ENDED = _counter(
    "voice.calls.ended.total",
    "{call}",
    "Calls that ended.",
    ("end_reason", "ended_by", "outcome", "success"),
    source="EndFrame, StopFrame, CancelFrame, a fatal error, or clean-up without any",
)
SESSION_DURATION = Series(
    "voice.session.duration.seconds",
    Kind.UP_DOWN_COUNTER,
    "s",
    "Length of the call so far, of live calls together without call ids.",
    source="clock, current at every export",
)
TTFB = _latency(
    "voice.ttfb.milliseconds",
    "Request to a service's first output.",
    (*_SERVICE, "service", "interrupted"),
    read_as_average=CUT_OFF,
    source="TTFBMetricsData",
)
PROCESSING = _latency(
    "voice.processing.milliseconds",
    "A service's whole request.",
    (*_SERVICE, "service", "interrupted"),
    read_as_average=CUT_OFF,
    source="ProcessingMetricsData",
)
TTFA = _latency("voice.ttfa.milliseconds", "Request to the first audible audio.", _SERVICE, source="TTFAMetricsData")
TTFAT = _latency(
    "voice.ttfat.milliseconds", "Request to the first token of the answer.", _SERVICE, source="TTFATMetricsData"
)
TEXT_AGGREGATION = _latency(
    "voice.text_aggregation.milliseconds",
    "Time to collect a speakable piece of text.",
    ("processor", "provider"),
    read_as_average=True,
    source="TextAggregationMetricsData",
)
TURN_DETECTION = _latency(
    "voice.turn_detection.milliseconds",
    "A turn detector's decision.",
    ("processor", "provider", "complete"),
    read_as_average=True,
    source="TurnMetricsData",
)
RESPONSE = _latency(
    "voice.response.milliseconds",
    "User stopped speaking to bot started speaking.",
    source="user stopped speaking, bot started speaking",
)
RESPONSE_PART = _latency(
    "voice.response.part.milliseconds",
    "A named part of the response; the parts of one add up to it.",
    ("part",),
    read_as_average=True,
    source="Pipecat's latency breakdown, where this Pipecat has one",
)
LLM_THROUGHPUT = Series(
    "voice.llm.throughput",
    Kind.HISTOGRAM,
    "{token}/s",
    "Completion tokens per second of generation.",
    _SERVICE,
    THROUGHPUT,
    read_as_average=True,
    source="completion tokens, over processing less time to first byte; of an answer after reasoning, less TTFAT",
)
LLM_TOKENS = _counter(
    "voice.llm.tokens.total",
    "{token}",
    "Tokens, prompt gross of caches; the two types add up to the total.",
    (*_SERVICE, "token_type"),
    source="LLMUsageMetricsData",
)
LLM_TOKEN_DETAILS = _counter(
    "voice.llm.token_details.total",
    "{token}",
    "Parts of the tokens above, never to be added to them.",
    (*_SERVICE, "detail"),
    source="LLMUsageMetricsData",
)
STT_AUDIO = _counter(
    "voice.stt.audio.seconds", "s", "Audio that speech recognition processed.", _SERVICE, source="STTUsageMetricsData"
)
TTS_CHARACTERS = _counter(
    "voice.tts.characters.total",
    "{character}",
    "Characters sent to speech synthesis.",
    _SERVICE,
    source="TTSUsageMetricsData",
)
COST = _counter(
    "voice.cost.usd",
    "{USD}",
    "Cost where a price is known.",
    ("cost_type", *_SERVICE),
    source="usage and the price book",
)
TURNS = _counter("voice.turns.total", "{turn}", "Bot turns.", ("outcome",), source="bot started and stopped speaking")
TURNS_UNANSWERED = _counter(
    "voice.turns.unanswered.total",
    "{turn}",
    "Turns of the caller without an answer of the bot.",
    ("cause",),
    source="turns of the caller, transcripts and what answers",
)
FLOOR = _counter(
    "voice.floor.seconds",
    "s",
    "Seconds by speaker; the four add up to the call's length.",
    ("holder",),
    source="speaking frames, taken back to the onset",
)
SILENCE = Series(
    "voice.silence.seconds",
    Kind.HISTOGRAM,
    "s",
    "Stretches of a second or more in which neither side speaks.",
    ("after",),
    SILENCE_SECONDS,
    read_as_average=True,
    source="speaking frames",
)
GREETING = _latency(
    "voice.greeting.milliseconds",
    "Caller connected to the bot's first audio, where the bot speaks first.",
    source="client connected, else the StartFrame; bot started speaking",
)
INTERRUPTION_STOP = _latency(
    "voice.interruption.stop.milliseconds",
    "Onset of the caller's speech to the bot's silence, at each interruption.",
    source="speaking frames",
)
FALSE_INTERRUPTIONS = _counter(
    "voice.interruptions.false.total",
    "{interruption}",
    "Times the bot was cut off by a turn in which nothing was recognised.",
    source="InterruptionFrame while the bot speaks, and transcripts",
)
BOT_GAP = Series(
    "voice.bot.gap.seconds",
    Kind.HISTOGRAM,
    "s",
    "Pauses over 250 ms within an answer, because audio came late or never.",
    ("cause",),
    GAP_SECONDS,
    read_as_average=True,
    source="speaking frames and the voice's text and audio",
)
INTERRUPTIONS = _counter(
    "voice.interruptions.total",
    "{interruption}",
    "Times the caller cut the bot off while it was speaking.",
    source="InterruptionFrame while the bot speaks",
)
FUNCTION_CALLS = _counter(
    "voice.function_calls.total",
    "{call}",
    "Function calls that were settled.",
    ("function", "outcome"),
    source="function-call frames",
)
FUNCTION_CALL = _latency(
    "voice.function_call.milliseconds",
    "Function call in progress to settled.",
    ("function",),
    read_as_average=True,
    source="function-call frames",
)
UNPRICED = _counter(
    "voice.usage.unpriced.total",
    "{request}",
    "Usage for which no price is known.",
    ("service", "model"),
    source="usage and the price book",
)
ERRORS = _counter(
    "voice.errors.total",
    "{error}",
    "Errors, counted where they arose.",
    ("processor", "provider", "category", "error_type"),
    source="ErrorFrame",
)
SWITCHES = _counter(
    "voice.service.switches.total",
    "{switch}",
    "Times that a switcher changed the service in use.",
    ("service", "from", "to"),
    source="a switcher's `on_service_switched`",
)
DROPPED = _counter(
    "voice.telemetry.dropped.total",
    "{item}",
    "Items that the plug-in itself refused or lost.",
    ("reason",),
    source="the plug-in itself",
)

# Every row so far.
VOICE = tuple(row for row in tuple(vars().values()) if isinstance(row, Series))

# Length of all calls of a process by end reason, without a call's id.
CALL_SECONDS = (5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0)
CALL_DURATION = Series(
    "voice.call.duration.seconds",
    Kind.HISTOGRAM,
    "s",
    "Length of whole calls.",
    ("end_reason", "outcome", "success"),
    CALL_SECONDS,
    source="StartFrame to the end",
)
# Bounds of a lag; a caller hears half a second.
LAG_MS = (1.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0)
LOOP_LAG = Series(
    "voice.event_loop.lag.milliseconds",
    Kind.HISTOGRAM,
    "ms",
    "How late the bot's event loop runs what is due.",
    (),
    LAG_MS,
    source="a 100 ms ticker in the bot's event loop",
)

# Of the process or of all its calls, without a call's id and models.
PROCESS = (CALL_DURATION, LOOP_LAG)

_GEN_AI_ATTRIBUTES = (
    "gen_ai.operation.name",
    "gen_ai.provider.name",
    "gen_ai.request.model",
    "gen_ai.response.model",
    "server.address",
)
GEN_AI_TOKEN_USAGE = Series(
    "gen_ai.client.token.usage",
    Kind.HISTOGRAM,
    "{token}",
    "Tokens of one inference.",
    (*_GEN_AI_ATTRIBUTES, "gen_ai.token.type"),
    GEN_AI_TOKENS,
    source="LLMUsageMetricsData",
)
GEN_AI_OPERATION_DURATION = Series(
    "gen_ai.client.operation.duration",
    Kind.HISTOGRAM,
    "s",
    "One inference, start to end.",
    (*_GEN_AI_ATTRIBUTES, "error.type"),
    GEN_AI_SECONDS,
    source="ProcessingMetricsData",
)
GEN_AI_TIME_TO_FIRST_CHUNK = Series(
    "gen_ai.client.operation.time_to_first_chunk",
    Kind.HISTOGRAM,
    "s",
    "Request to the first streamed chunk.",
    _GEN_AI_ATTRIBUTES,
    GEN_AI_SECONDS,
    source="TTFBMetricsData",
)
GEN_AI_TIME_PER_OUTPUT_CHUNK = Series(
    "gen_ai.client.operation.time_per_output_chunk",
    Kind.HISTOGRAM,
    "s",
    "One streamed chunk to the next.",
    _GEN_AI_ATTRIBUTES,
    GEN_AI_SECONDS,
    source="LLMTextFrame",
)
GEN_AI_EXECUTE_TOOL = Series(
    "gen_ai.execute_tool.duration",
    Kind.HISTOGRAM,
    "s",
    "One function call, start to end.",
    ("gen_ai.operation.name", "gen_ai.tool.name", "error.type"),
    GEN_AI_SECONDS,
    source="function-call frames",
)
GEN_AI_INVOKE_AGENT = Series(
    "gen_ai.invoke_agent.duration",
    Kind.HISTOGRAM,
    "s",
    "One request to the model with all functions that it calls, start to end.",
    (*_GEN_AI_ATTRIBUTES, "error.type"),
    GEN_AI_AGENT_SECONDS,
    source="LLMFullResponse frames",
)
GEN_AI = (
    GEN_AI_TOKEN_USAGE,
    GEN_AI_OPERATION_DURATION,
    GEN_AI_TIME_TO_FIRST_CHUNK,
    GEN_AI_TIME_PER_OUTPUT_CHUNK,
    GEN_AI_EXECUTE_TOOL,
    GEN_AI_INVOKE_AGENT,
)
