"""One made-up call: plausible facts, each at its moment. Its id and an attribute mark it as a demo."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from random import Random

from voice_metrics.call.call_end import EndedBy
from voice_metrics.call.facts import (
    AudioTranscribed,
    BotGap,
    Cause,
    CharactersSpoken,
    EndReason,
    Fact,
    Failed,
    FirstByte,
    FunctionOutcome,
    FunctionSettled,
    GapCause,
    Greeted,
    Holder,
    Interrupted,
    Leg,
    LoopHeld,
    Priced,
    Processing,
    Responded,
    ResponsePart,
    SetUp,
    Silence,
    SilenceAfter,
    Spoke,
    TokensUsed,
    TurnEnded,
    TurnOutcome,
    Unanswered,
    Unpriced,
    Usage,
    Yielded,
)
from voice_metrics.call.floor import FloorTotals

_PRICES = "made-up prices"
_OUTPUT_SECONDS = 0.012
# A shorter silence is none.
_SILENCE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Bot:
    """A made-up bot.

    Parameters:
        services: Class name of the processor of each leg.
        models: Model of each leg.
        first_byte_seconds: Typical wait for each leg.
        usd: Price of a prompt token, a completion token, a second of audio and a character; `None` for unpriced.
        line: Its purpose, for callers.
        outcomes: Its word for a call that succeeded, and for one that did not; `None` if it says nothing.
    """

    services: Mapping[Leg, str]
    models: Mapping[Leg, str]
    first_byte_seconds: Mapping[Leg, float]
    usd: tuple[float, float, float, float] | None
    line: str
    outcomes: tuple[str, str] | None


def _bot(line: str, stt: tuple[str, str, float], llm: tuple[str, str, float], tts: tuple[str, str, float],
         usd: tuple[float, float, float, float] | None, outcomes: tuple[str, str] | None) -> Bot:  # fmt: skip
    legs = {Leg.STT: stt, Leg.LLM: llm, Leg.TTS: tts}
    return Bot(
        services={leg: service for leg, (service, _, _) in legs.items()},
        models={leg: model for leg, (_, model, _) in legs.items()},
        first_byte_seconds={leg: seconds for leg, (_, _, seconds) in legs.items()},
        usd=usd,
        line=line,
        outcomes=outcomes,
    )


BOTS = (
    _bot("bookings", ("DeepgramSTTService", "nova-3", 0.21), ("OpenAILLMService", "gpt-4.1-mini", 0.34),
         ("CartesiaTTSService", "sonic-2", 0.16), (4e-7, 1.6e-6, 1.3e-4, 3.8e-5), ("booked", "no_table")),
    _bot("support", ("DeepgramSTTService", "nova-3", 0.24), ("AnthropicLLMService", "claude-haiku-4-5", 0.52),
         ("ElevenLabsTTSService", "eleven_flash_v2_5", 0.22), (1e-6, 5e-6, 1.3e-4, 5e-5), ("solved", "transferred")),
    _bot("on-site", ("WhisperSTTService", "large-v3-turbo", 0.38), ("OLLamaLLMService", "qwen3:8b", 0.61),
         ("KokoroTTSService", "kokoro-82m", 0.27), None, None),
)  # fmt: skip


class DemoCall:
    """A call of one of the bots, as moments and facts."""

    def __init__(self, random: Random, bot: Bot) -> None:
        self.call_id = f"demo-{random.getrandbits(64):016x}"
        self.bot = bot
        self.attributes = {"demo": "made up", "line": bot.line}
        self._random = random
        self._now = 0.0
        self._slow = random.choice((1.0, 1.0, 1.0, 1.15, 1.9))
        self._context = random.randint(350, 700)
        self.facts: list[tuple[float, Fact]] = []
        self._caller_goes_on = False
        greeting = self._add_request(self._add_set_up(), "greeting")
        heard_at = greeting[1] + self._add_speech(greeting) + _OUTPUT_SECONDS
        self._add(heard_at, Greeted(heard_at))
        failed = False
        for _ in range(random.randint(3, 11)):
            failed = random.random() < 0.012
            self._add_exchange(failed=failed)
            if failed:
                break
        self.seconds = self._now + random.uniform(0.4, 2.5)
        self.end_reason = self._choose_end_reason(failed)
        self.ended_by = EndedBy.ERROR if failed else random.choices((EndedBy.CALLER, EndedBy.BOT), (3, 1))[0]
        self.success = None if bot.outcomes is None else not failed and random.random() < 0.75
        self.facts.sort(key=lambda fact: fact[0])

    @property
    def outcome(self) -> str | None:
        """What the bot says that the call achieved."""
        return None if self.bot.outcomes is None else self.bot.outcomes[0 if self.success else 1]

    @property
    def floor(self) -> FloorTotals:
        """Seconds of the whole call by speaker."""
        totals = FloorTotals()
        for _, fact in self.facts:
            if isinstance(fact, Spoke):
                totals.seconds[fact.holder] += fact.seconds
            elif isinstance(fact, Silence):
                totals.longest_silence = max(totals.longest_silence, fact.seconds)
        totals.seconds[Holder.NONE] = self.seconds - sum(totals.seconds.values())
        return totals

    def leg(self, processor: str) -> Leg:
        """Return a processor's part of the bot."""
        return next((leg for leg, service in self.bot.services.items() if service == processor), Leg.OTHER)

    def _choose_end_reason(self, failed: bool) -> EndReason:
        if failed:
            return EndReason.ERROR
        return self._random.choices((EndReason.COMPLETED, EndReason.CANCELLED, EndReason.UNKNOWN), (90, 8, 2))[0]

    def _add_exchange(self, *, failed: bool) -> None:
        """Add a caller's turn and the bot's answer."""
        pause, speech = self._add_pause(), self._random.uniform(1.2, 6.5)
        silent_at = self._now + pause + speech
        self._add(silent_at, Spoke(Holder.CALLER, speech, 0.0))
        if not failed and self._random.random() < 0.02:
            self._add_unheard_turn(silent_at)
            return
        parts = {"endpointing_wait": 0.2, "transcription": self._delay(Leg.STT)}
        heard_at = silent_at + sum(parts.values())
        self._add(heard_at, FirstByte(*self._service(Leg.STT), parts["transcription"] + 0.2))
        self._add_usage(heard_at, Leg.STT, AudioTranscribed(*self._service(Leg.STT), speech + 1.0))
        parts["turn_detection"] = self._random.uniform(0.05, 0.35)
        at = heard_at + parts["turn_detection"]
        if failed:
            self._add(at + 0.8, Failed(self.bot.services[Leg.LLM], "timeout"))
            self._add(at + 0.9, Unanswered(Cause.ERROR))
            self._now = at + 1.0
            return
        if self._random.random() < 0.015:
            stalled = self._random.uniform(0.6, 1.8)
            at += stalled
            parts["llm_inference"] = stalled
            self._add(at, LoopHeld(stalled, "look_up_order (shop.py:41)"))
        if self._random.random() < 0.22:
            called = self._add_function_call(at)
            at += sum(called.values())
            called["llm_inference"] += parts.get("llm_inference", 0.0)
            parts |= called
        answered = self._add_request(at, "answer")
        parts["llm_inference"] = parts.get("llm_inference", 0.0) + answered[0]
        parts["sentence_aggregation"] = self._random.uniform(0.04, 0.16)
        started = at + answered[0] + parts["sentence_aggregation"]
        voice = self._add_speech((answered[0], started, answered[2]))
        parts |= {"speech_synthesis": voice, "output_transport": _OUTPUT_SECONDS}
        waited = sum(parts.values())
        self._add_silence(silent_at, waited, SilenceAfter.CALLER)
        self._add(silent_at + waited, Responded(waited))
        for name, seconds in parts.items():
            self._add(silent_at + waited, ResponsePart(name, seconds))

    def _add_set_up(self) -> float:
        """Add the set-up of two services; return the moment at which both are ready."""
        ready = 0.05
        for leg, slowest in ((Leg.STT, 0.2), (Leg.TTS, 0.4)):
            seconds = self._random.uniform(0.05, slowest) * (8 if self._random.random() < 0.04 else 1)
            self._add(seconds, SetUp(*self._service(leg), seconds))
            ready = max(ready, seconds)
        return ready

    def _add_pause(self) -> float:
        """Add the silence before the caller speaks; return its seconds, 0 if the caller speaks already."""
        if self._caller_goes_on:
            self._caller_goes_on = False
            return 0.0
        pause = self._random.uniform(0.2, 1.4)
        self._add_silence(self._now, pause, SilenceAfter.BOT)
        return pause

    def _add_silence(self, begin: float, seconds: float, after: SilenceAfter) -> None:
        if seconds >= _SILENCE_SECONDS:
            self._add(begin + seconds, Silence(after, seconds))

    def _add_unheard_turn(self, silent_at: float) -> None:
        """Let the caller wait in vain and speak again."""
        silence = self._random.uniform(3.5, 7.0)
        self._add(silent_at + 3.0, Unanswered(Cause.NO_TRANSCRIPT))
        self._add_silence(silent_at, silence, SilenceAfter.CALLER)
        self._now, self._caller_goes_on = silent_at + silence, True

    def _add_request(self, at: float, what: str) -> tuple[float, float, int]:
        """Add the model's request; return its first byte, the moment of its first sentence, and its characters."""
        first, tokens = self._delay(Leg.LLM), self._random.randint(10, 60)
        whole = first + tokens / self._random.uniform(70, 130)
        service = self._service(Leg.LLM)
        self._add(at + first, FirstByte(*service, first))
        self._add(at + whole, Processing(*service, whole))
        cached = self._context // 128 * 128 if self._random.random() < 0.7 else 0
        self._add_usage(at + whole, Leg.LLM, TokensUsed(*service, self._context, tokens, cache_read=cached))
        self._context += tokens + self._random.randint(8, 40)
        return first, at + first + (0.1 if what == "greeting" else 0.0), round(tokens * 4.2)

    def _add_function_call(self, at: float) -> dict[str, float]:
        """Add a function call and the request that asks for it; return the seconds of each part of the response."""
        first, writing, running = self._delay(Leg.LLM), self._random.uniform(0.1, 0.3), self._random.uniform(0.08, 0.9)
        service, done_at = self._service(Leg.LLM), at + first + writing
        self._add(at + first, FirstByte(*service, first))
        self._add(done_at, Processing(*service, first + writing))
        self._add_usage(
            done_at, Leg.LLM, TokensUsed(*service, self._context, self._random.randint(14, 30), cache_read=0)
        )
        outcomes = (FunctionOutcome.COMPLETED, FunctionOutcome.FAILED, FunctionOutcome.TIMED_OUT)
        outcome = self._random.choices(outcomes, (94, 4, 2))[0]
        name = self._random.choice(("find_table", "book_table", "look_up_order", "opening_hours"))
        self._add(done_at + running, FunctionSettled(name, outcome, running))
        return {"llm_inference": first, "llm_tool_call": writing, "function_handler": running}

    def _add_speech(self, written: tuple[float, float, int]) -> float:
        """Add the bot's speech, cut off if the caller interrupts; return the wait for its first audio."""
        _, at, characters = written
        wait = self._delay(Leg.TTS)
        self._add(at + wait, FirstByte(*self._service(Leg.TTS), wait))
        self._add_usage(at, Leg.TTS, CharactersSpoken(*self._service(Leg.TTS), characters))
        length, cut = characters / 16, self._random.random() < 0.1
        spoken = length * (self._random.uniform(0.2, 0.8) if cut else 1.0)
        late = self._random.uniform(0.3, 1.2) if not cut and self._random.random() < 0.02 else 0.0
        self._now = at + wait + _OUTPUT_SECONDS + spoken + late
        self._add(self._now, TurnEnded(TurnOutcome.INTERRUPTED if cut else TurnOutcome.COMPLETED, spoken + late))
        self._add(self._now, Spoke(Holder.BOT, spoken + late, 0.0))
        if late:
            self._add(self._now - spoken / 2, BotGap(GapCause.LATE, late))
        if cut:
            self._add(self._now, Interrupted())
            self._add(self._now, Yielded(self._random.uniform(0.15, 0.5)))
        self._caller_goes_on = cut
        return wait

    def _delay(self, leg: Leg) -> float:
        return self.bot.first_byte_seconds[leg] * self._slow * self._random.lognormvariate(0.0, 0.28)

    def _service(self, leg: Leg) -> tuple[str, str]:
        return self.bot.services[leg], self.bot.models[leg]

    def _add(self, at: float, fact: Fact) -> None:
        self.facts.append((at, fact))

    def _add_usage(self, at: float, leg: Leg, usage: Usage) -> None:
        """Add a usage, and its cost or the reason why it has none."""
        self._add(at, usage)
        service = self._service(leg)
        if self.bot.usd is None:
            self._add(at, Unpriced(leg, *service, "runs on a machine of one's own"))
            return
        amount = Decimal(str(round(sum(_usd_amounts(usage, self.bot.usd)), 9)))
        self._add(at, Priced(leg, *service, amount, _PRICES, datetime.now(UTC).date().isoformat()))


def _usd_amounts(usage: Usage, usd: tuple[float, float, float, float]) -> Iterator[float]:
    prompt, completion, second, character = usd
    match usage:
        case TokensUsed():
            yield usage.prompt * prompt
            yield usage.completion * completion
        case AudioTranscribed():
            yield usage.seconds * second
        case CharactersSpoken():
            yield usage.characters * character
