"""The script, played through the plug-in itself: its calls, its telemetry and its export thread, in quick motion."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal

from tests.export.running_export import export_of
from voice_metrics.call.call import Call as RunningCall
from voice_metrics.call.call_end import EndedBy, Outcome
from voice_metrics.call.facts import (
    AudioTranscribed,
    BotGap,
    Cause,
    CharactersSpoken,
    EndReason,
    Fact,
    Failed,
    FalseInterruption,
    FirstAnswerToken,
    FirstAudio,
    FirstByte,
    FunctionOutcome,
    FunctionSettled,
    GapCause,
    Generated,
    Greeted,
    Interrupted,
    Leg,
    Priced,
    Processing,
    Refused,
    Responded,
    ResponsePart,
    Switched,
    TextAggregated,
    TokensUsed,
    TurnDetected,
    TurnEnded,
    TurnOutcome,
    Unanswered,
    Unpriced,
    Usage,
    Yielded,
)
from voice_metrics.call.identity import Identity
from voice_metrics.export.call_export import CallExport
from voice_metrics.pipecat.services import Service, Services
from voice_metrics.series import table
from voice_metrics.telemetry import Telemetry

from .chain import Chain
from .hundred_calls import LLM, SPAN_SECONDS, STT, TTS, Call, Event, llm_usd, stt_usd, tts_usd

# Forty minutes in twenty seconds.
TEMPO = 120.0
OUTAGE = (900.0, 1200.0)


class Prices:
    """The script's prices, in place of the price book."""

    def cost(self, leg: Leg, provider: str | None, usage: Usage, at: datetime) -> Priced | Unpriced:
        """What a usage costs."""
        match usage:
            case TokensUsed(prompt=prompt, completion=completion):
                usd: float | None = llm_usd(prompt, completion)
            case AudioTranscribed(seconds=seconds):
                usd = stt_usd(seconds)
            case CharactersSpoken(characters=characters):
                usd = tts_usd(characters)
        if usd is None:
            return Unpriced(leg, usage.processor, usage.model, "not in the script")
        return Priced(leg, usage.processor, usage.model, Decimal(usd), "script", None)


@dataclass
class Performance:
    """The script as it is played.

    Parameters:
        chain: Where series go.
        script: The calls.
        labelled: Whether every call has series of its own.
        begins: When each call began in unix seconds, by its id.
        begun: The same in monotonic seconds.
        lengths: How long each call lasted, or lasts so far.
    """

    chain: Chain
    script: list[Call]
    labelled: bool
    begins: dict[str, float] = field(default_factory=dict)
    begun: dict[str, float] = field(default_factory=dict)
    lengths: dict[str, float] = field(default_factory=dict)
    running: dict[str, RunningCall] = field(default_factory=dict)
    closing: list[Future[bool | None]] = field(default_factory=list)

    def play(self) -> Telemetry:
        """Play everything, with the receiver away for a while; returns what exported it, still at work."""
        telemetry = Telemetry(
            environ={
                "OTEL_EXPORTER_OTLP_ENDPOINT": self.chain.otlp_endpoint,
                "OTEL_METRIC_EXPORT_INTERVAL": "500",
                "OTEL_SERVICE_NAME": "voice-bot",
                "VOICE_METRICS_CALL_ID": "label" if self.labelled else "off",
                "VOICE_METRICS_DB": "off",
            }
        )
        started_at = time.monotonic()
        outage = threading.Thread(target=self._outage, args=(started_at,))
        outage.start()
        for moment, call, event in self._moments():
            time.sleep(max(0.0, started_at + moment / TEMPO - time.monotonic()))
            self._step(telemetry, call, event)
        outage.join()
        # Calls that ended without a server were reported unacknowledged at once, and are delivered later.
        assert {future.result(60) for future in self.closing} == {True, False}
        return telemetry

    def look(self) -> float:
        """The moment for questions: the running calls' lengths are noted as of now."""
        for call_id in self.running:
            self.lengths[call_id] = time.monotonic() - self.begun[call_id]
        return time.time()

    def _outage(self, started_at: float) -> None:
        time.sleep(max(0.0, started_at + OUTAGE[0] / TEMPO - time.monotonic()))
        self.chain.agent.stop()
        time.sleep(max(0.0, started_at + OUTAGE[1] / TEMPO - time.monotonic()))
        self.chain.agent.start()

    def _moments(self) -> Iterator[tuple[float, Call, Event | None]]:
        """Every event in its order, and `None` for the end of a call."""
        moments: list[tuple[float, Call, Event | None]] = []
        for call in self.script:
            moments += [(event.at, call, event) for event in call.events if event.series is not table.CALLS_ENDED]
            if call.end is not None:
                moments.append((call.end, call, None))
        return iter(sorted(moments, key=lambda moment: moment[0]))

    def _step(self, telemetry: Telemetry, call: Call, event: Event | None) -> None:
        at = time.monotonic()
        if event is None:
            running = self.running.pop(call.call_id)
            told = call.events[-1].attributes
            running.achieved(Outcome(told["outcome"], {"true": True, "false": False}.get(told["success"])))
            running.end(EndReason(told["end_reason"]), at, EndedBy(told["ended_by"]))
            self.lengths[call.call_id] = at - self.begun[call.call_id]
            self.closing.append(running.close(at))
        elif event.series is table.CALLS:
            models = {Leg(name.removesuffix("_model")): model for name, model in call.models.items()}
            self.begins[call.call_id], self.begun[call.call_id] = time.time(), at
            identity = Identity(call.call_id, models, {}, datetime.now(UTC))
            series = CallExport(telemetry, LINEUP, call.call_id, identity.tags(), gen_ai=True)
            self.running[call.call_id] = RunningCall(identity, LINEUP, series, Prices(), at)  # type: ignore[arg-type]
        else:
            for fact in _facts(event, call):
                self.running[call.call_id].outputs.record(fact, at)


LINEUP = Services(
    [
        Service(f"{STT}#0", STT, Leg.STT, "deepgram", "nova-3"),
        Service(f"{LLM}#0", LLM, Leg.LLM, "openai", None),
        Service(f"{TTS}#0", TTS, Leg.TTS, "cartesia", "sonic-3"),
    ]
)


# What the plug-in makes of the facts below, besides the calls themselves.
PLAYED = (
    *(
        table.TTFB,
        table.PROCESSING,
        table.TTFA,
        table.TTFAT,
        table.TEXT_AGGREGATION,
        table.TURN_DETECTION,
        table.RESPONSE,
        table.RESPONSE_PART,
    ),
    *(
        table.LLM_THROUGHPUT,
        table.LLM_TOKENS,
        table.LLM_TOKEN_DETAILS,
        table.STT_AUDIO,
        table.TTS_CHARACTERS,
        table.COST,
        table.UNPRICED,
    ),
    *(
        table.TURNS,
        table.INTERRUPTIONS,
        table.FUNCTION_CALLS,
        table.FUNCTION_CALL,
        table.ERRORS,
        table.SWITCHES,
        table.DROPPED,
        table.CALLS,
        table.CALLS_ENDED,
    ),
    *(table.TURNS_UNANSWERED, table.BOT_GAP, table.GREETING, table.INTERRUPTION_STOP, table.FALSE_INTERRUPTIONS),
    *table.GEN_AI,
)
# Names are compared sooner than rows.
_PLAYED = {series.name for series in PLAYED}
_SHARED = {series.name for series in table.GEN_AI}


def played(call: Call) -> Call:
    """A call without the events and the attributes that are not played."""
    events = [
        replace(event, attributes={name: text for name, text in event.attributes.items() if _is_played(event, name)})
        for event in call.events
        if event.series.name in _PLAYED
    ]
    return replace(call, events=events)


def _is_played(event: Event, name: str) -> bool:
    return name in event.series.attributes or event.series.name in _SHARED


def _facts(event: Event, call: Call) -> Iterator[Fact]:
    """The fact of which the plug-in makes an event; those that it derives from others yield nothing."""
    tags: Mapping[str, str] = event.attributes
    service = (tags.get("processor", ""), tags.get("model"))
    seconds = event.value / 1000
    cut = tags.get("interrupted") == "true"
    match event.series:
        case table.TTFB:
            yield FirstByte(*service, seconds, cut)
        case table.PROCESSING:
            yield Processing(*service, seconds, cut)
        case table.TTFA:
            yield FirstAudio(*service, seconds)
        case table.TTFAT:
            yield FirstAnswerToken(*service, seconds)
        case table.TEXT_AGGREGATION:
            yield TextAggregated(service[0], seconds)
        case table.TURN_DETECTION:
            yield TurnDetected(service[0], seconds, True)
        case table.LLM_TOKENS if tags["token_type"] == "prompt":
            yield _tokens(event, call)
        case table.STT_AUDIO:
            yield AudioTranscribed(*service, event.value)
        case table.TTS_CHARACTERS:
            yield CharactersSpoken(*service, int(event.value))
        case table.RESPONSE:
            yield Responded(seconds)
        case table.RESPONSE_PART:
            yield ResponsePart(tags["part"], seconds)
        case table.TURNS:
            yield TurnEnded(TurnOutcome(tags["outcome"]), None)
        case table.INTERRUPTIONS:
            yield Interrupted()
        case table.FUNCTION_CALLS:
            yield _settled(event, call)
        case table.ERRORS:
            yield Failed(service[0], tags["category"], tags["error_type"])
        case table.SWITCHES:
            yield Switched(Leg(tags["service"]), tags["from"], tags["to"])
        case table.LLM_THROUGHPUT:
            yield Generated(*service, event.value)
        case table.TURNS_UNANSWERED:
            yield Unanswered(Cause(tags["cause"]))
        case table.BOT_GAP:
            yield BotGap(GapCause(tags["cause"]), event.value)
        case table.GREETING:
            yield Greeted(seconds)
        case table.INTERRUPTION_STOP:
            yield Yielded(seconds)
        case table.FALSE_INTERRUPTIONS:
            yield FalseInterruption()
        case table.DROPPED:
            yield Refused(tags["reason"], "")


def _tokens(event: Event, call: Call) -> TokensUsed:
    place = next(i for i, other in enumerate(call.events) if other is event)
    completion, cached = call.events[place + 1], call.events[place + 2]
    return TokensUsed(
        LLM, event.attributes["model"], int(event.value), int(completion.value), cache_read=int(cached.value)
    )


def _settled(event: Event, call: Call) -> FunctionSettled:
    place = next(i for i, other in enumerate(call.events) if other is event)
    outcome = FunctionOutcome(event.attributes["outcome"])
    return FunctionSettled(event.attributes["function"], outcome, call.events[place + 1].value / 1000)


def wait_for_exports(telemetry: Telemetry) -> None:
    """Wait until the running calls' newest values were sent."""
    # The next collection has them; the one after it begins when they were sent.
    looked: list[None] = []
    export_of(telemetry).live.refreshers.append(lambda: looked.append(None))
    deadline = time.monotonic() + 60
    while len(looked) < 3:
        assert time.monotonic() < deadline, "nothing is exported any more"
        time.sleep(0.02)


assert SPAN_SECONDS / TEMPO < 60, "a test may not take longer"
