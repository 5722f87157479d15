"""A hundred scripted calls with known numbers, and what is true about any part of them.

The calls are short and long, concurrent, some of them interrupted; three are still running at the end. Two processes
serve them, one of which is replaced by a third half-way.
"""

from __future__ import annotations

import bisect
import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from voice_metrics.grafana.burn import BUDGET_LEFT, GOAL, burn
from voice_metrics.series import table
from voice_metrics.series.table import Series

CALLS = 100
STILL_RUNNING = 3
SPAN_SECONDS = 2400.0
MODELS = ("gpt-4.1", "gpt-4.1-mini")
LLM, STT, TTS = "OpenAILLMService", "DeepgramSTTService", "CartesiaTTSService"
PROVIDERS = {LLM: "openai", STT: "deepgram", TTS: "cartesia"}
# What the rules of objectives recorded at the end, and with which labels.
RECORDED = {
    BUDGET_LEFT: ({"slo": "response"}, 0.4),
    GOAL: ({"slo": "response", "goal": "95 % of answers begin within 2000 ms"}, 0.95),
    burn("1h"): ({"slo": "response"}, 2.5),
    burn("6h"): ({"slo": "response"}, 1.5),
    burn("3d"): ({"slo": "response"}, 0.9),
}
GEN_AI = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai"}

Attributes = Mapping[str, str]


@dataclass(frozen=True)
class Event:
    """One value that a series received.

    Parameters:
        at: Seconds since the beginning of the script.
        series: The row of the table.
        attributes: The series' own attributes, without the common ones.
        value: What was added or observed.
    """

    at: float
    series: Series
    attributes: Attributes
    value: float


@dataclass
class Call:
    """One call.

    Parameters:
        call_id: Its id.
        begin: Seconds since the beginning of the script.
        end: Its end, or `None` if it outlives the script.
        process: The instance that serves it.
        models: Its model tags.
        events: What happened in it, in order of time.
    """

    call_id: str
    begin: float
    end: float | None
    process: str
    models: Attributes
    events: list[Event] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """Its length until the end of the script."""
        return (SPAN_SECONDS if self.end is None else self.end) - self.begin


def calls(seed: int = 7) -> list[Call]:
    """The script."""
    dice = random.Random(seed)
    return [_call(number, dice) for number in range(CALLS)]


def _call(number: int, dice: random.Random) -> Call:
    length = dice.choice((4.0, 8.0, 45.0, 120.0, 300.0)) * dice.uniform(0.8, 1.2)
    running = number >= CALLS - STILL_RUNNING
    begin = SPAN_SECONDS - dice.uniform(5, 100) if running else dice.uniform(0, SPAN_SECONDS - length - 5)
    replaced = "i1" if begin < SPAN_SECONDS / 2 else "i3"
    models = {"llm_model": dice.choice(MODELS), "stt_model": "nova-3", "tts_model": "sonic-3"}
    call = Call(f"call-{number:03}", begin, None if running else begin + length, dice.choice((replaced, "i2")), models)
    call.events.append(Event(begin, table.CALLS, {}, 1))
    more = random.Random(number)
    call.events += [
        Event(begin, table.LOOP_LAG, {}, 2.0),
        Event(begin, table.LOOP_LAG, {}, more.choice((3.0, 40.0, 700.0))),
        Event(begin + 0.4, table.GREETING, {}, more.uniform(300, 2500)),
    ]
    at = begin + dice.uniform(0.5, 2)
    until = SPAN_SECONDS if running else begin + length
    while at < until - 1:
        call.events += sorted((*_turn(at, call, dice), *_floor(at, more)), key=lambda event: event.at)
        at += dice.uniform(3, 12)
    if call.end is not None:
        reason = dice.choice(("completed", "completed", "cancelled", "error"))
        outcome, success = more.choice((("booked", "true"), ("refused", "false"), ("none", "unknown")))
        achieved = {"end_reason": reason, "outcome": outcome, "success": success}
        call.events.append(Event(call.end, table.CALL_DURATION, achieved, call.end - call.begin))
        ended_by = more.choice(("caller", "bot"))
        call.events.append(Event(call.end, table.CALLS_ENDED, {**achieved, "ended_by": ended_by}, 1))
    return call


def _turn(at: float, call: Call, dice: random.Random) -> Iterator[Event]:
    model, cut = call.models["llm_model"], dice.random() < 0.2
    llm, speech, heard = _service(LLM, model), _service(TTS, "sonic-3"), _service(STT, "nova-3")
    waits = {leg: dice.lognormvariate(mean, 0.6) for leg, mean in (("stt", 5.2), ("llm", 6.2), ("tts", 5.3))}
    whole = {leg: wait * dice.uniform(1.1, 3) for leg, wait in waits.items()}
    prompt, completion = dice.randint(300, 4000), dice.randint(10, 200)
    for leg, base in (("stt", heard), ("llm", llm), ("tts", speech)):
        tags = {**base, "service": leg, "interrupted": "true" if cut and leg != "stt" else "false"}
        yield Event(at, table.TTFB, tags, waits[leg])
        yield Event(at, table.PROCESSING, tags, whole[leg])
    yield from _inference(at, llm, prompt, completion)
    yield from _speech(at, speech, heard, dice)
    if not cut:
        yield Event(at, table.LLM_THROUGHPUT, llm, completion / (whole["llm"] - waits["llm"]) * 1000)
        genai = {**GEN_AI, "gen_ai.request.model": model}
        yield Event(at, table.GEN_AI_OPERATION_DURATION, genai, whole["llm"] / 1000)
        yield Event(at, table.GEN_AI_TIME_TO_FIRST_CHUNK, genai, waits["llm"] / 1000)
    yield from _conversation(at, waits, cut, dice)


def _inference(at: float, llm: Attributes, prompt: int, completion: int) -> Iterator[Event]:
    yield Event(at, table.LLM_TOKENS, {**llm, "token_type": "prompt"}, prompt)
    yield Event(at, table.LLM_TOKENS, {**llm, "token_type": "completion"}, completion)
    yield Event(at, table.LLM_TOKEN_DETAILS, {**llm, "detail": "cache_read"}, prompt // 2)
    genai = {**GEN_AI, "gen_ai.request.model": llm["model"]}
    yield Event(at, table.GEN_AI_TOKEN_USAGE, {**genai, "gen_ai.token.type": "input"}, prompt)
    yield Event(at, table.GEN_AI_TOKEN_USAGE, {**genai, "gen_ai.token.type": "output"}, completion)
    yield Event(at, table.COST, {"cost_type": "llm", **llm}, llm_usd(prompt, completion))


def _speech(at: float, speech: Attributes, heard: Attributes, dice: random.Random) -> Iterator[Event]:
    seconds = dice.uniform(1, 6)
    yield Event(at, table.STT_AUDIO, heard, seconds)
    yield Event(at, table.COST, {"cost_type": "stt", **heard}, stt_usd(seconds))
    characters = dice.randint(20, 400)
    yield Event(at, table.TTS_CHARACTERS, speech, characters)
    usd = tts_usd(characters)
    if usd is None:
        yield Event(at, table.UNPRICED, {"service": "tts", "model": speech["model"]}, 1)
    else:
        yield Event(at, table.COST, {"cost_type": "tts", **speech}, usd)


def _conversation(at: float, waits: Mapping[str, float], cut: bool, dice: random.Random) -> Iterator[Event]:
    yield Event(at, table.TTFAT, _service(LLM, "o4-mini"), waits["llm"] * 1.5)
    yield Event(at, table.TTFA, _service(TTS, "sonic-3"), waits["tts"] * 1.2)
    yield Event(at, table.TEXT_AGGREGATION, {"processor": TTS, "provider": PROVIDERS[TTS]}, dice.uniform(20, 400))
    yield Event(at, table.TURN_DETECTION, {"processor": "SmartTurn", "complete": "true"}, dice.uniform(20, 90))
    for part, wait in waits.items():
        yield Event(at, table.RESPONSE_PART, {"part": part}, wait)
    yield Event(at, table.RESPONSE, {}, sum(waits.values()))
    yield Event(at, table.TURNS, {"outcome": "interrupted" if cut else "completed"}, 1)
    if cut:
        yield Event(at, table.INTERRUPTIONS, {}, 1)
    if dice.random() < 0.15:
        outcome = dice.choice(("completed", "completed", "failed"))
        yield Event(at, table.FUNCTION_CALLS, {"function": "book_table", "outcome": outcome}, 1)
        took = dice.uniform(50, 3000)
        yield Event(at, table.FUNCTION_CALL, {"function": "book_table"}, took)
        tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "book_table"}
        yield Event(
            at, table.GEN_AI_EXECUTE_TOOL, tool | ({"error.type": outcome} if outcome == "failed" else {}), took / 1000
        )
    if dice.random() < 0.06:
        processor = dice.choice((LLM, TTS))
        kind = {"provider": PROVIDERS[processor], "error_type": "429" if processor == LLM else "TimeoutError"}
        yield Event(at, table.ERRORS, {"processor": processor, "category": "unknown", **kind}, 1)
    if dice.random() < 0.04:
        yield Event(at, table.DROPPED, {"reason": "bad_value"}, 1)


def _floor(at: float, dice: random.Random) -> Iterator[Event]:
    """Who spoke until a turn, and what went wrong with it."""
    for holder, most in (("caller", 3.0), ("bot", 4.0), ("both", 0.5), ("none", 2.0)):
        yield Event(at, table.FLOOR, {"holder": holder}, dice.uniform(0, most))
    if dice.random() < 0.3:
        yield Event(at, table.SILENCE, {"after": dice.choice(("caller", "bot"))}, dice.uniform(1, 9))
    if dice.random() < 0.1:
        yield Event(at, table.BOT_GAP, {"cause": dice.choice(("late", "missing"))}, dice.uniform(0.3, 2))
    if dice.random() < 0.1:
        cause = dice.choice(("no_transcript", "no_answer", "caller_resumed"))
        yield Event(at, table.TURNS_UNANSWERED, {"cause": cause}, 1)
    if dice.random() < 0.2:
        yield Event(at, table.INTERRUPTION_STOP, {}, dice.uniform(100, 900))
        if dice.random() < 0.3:
            yield Event(at, table.FALSE_INTERRUPTIONS, {}, 1)
    if dice.random() < 0.02:
        yield Event(at, table.SWITCHES, {"service": "stt", "from": "deepgram", "to": "openai"}, 1)


def _service(processor: str, model: str) -> Attributes:
    return {"processor": processor, "model": model, "provider": PROVIDERS[processor]}


def llm_usd(prompt: float, completion: float) -> float:
    """What an inference costs."""
    return prompt * 2e-6 + completion * 8e-6


def stt_usd(seconds: float) -> float:
    """What recognised audio costs."""
    return seconds * 7e-5


def tts_usd(characters: float) -> float | None:
    """What speech costs; every tenth length has no price."""
    return None if characters % 10 == 0 else characters * 3.5e-5


Key = tuple[str, ...]


@dataclass
class Truth:
    """What the events of some calls come to.

    Parameters:
        events: Events by the name of their series, with the attributes that their points carry.
    """

    events: Mapping[str, list[tuple[Event, Attributes]]]

    @classmethod
    def of(cls, script: list[Call], labelled: bool = True) -> Truth:
        """The truth about some calls.

        Args:
            script: The calls.
            labelled: Whether points carry the call id.
        """
        events: dict[str, list[tuple[Event, Attributes]]] = defaultdict(list)
        for call in script:
            for event in call.events:
                events[event.series.name].append((event, tags(call, event.series, event.attributes, labelled)))
        return cls(events)

    def total(
        self, series: Series, by: Key = (), where: Callable[[Attributes], bool] = lambda attributes: True
    ) -> dict[Key, float]:
        """Sum of a counter's increments, or of a histogram's values, by attributes."""
        totals: dict[Key, float] = defaultdict(float)
        for value, key in self._values(series, by, where):
            totals[key] += value
        return dict(totals)

    def count(
        self, series: Series, by: Key = (), where: Callable[[Attributes], bool] = lambda attributes: True
    ) -> dict[Key, float]:
        """Number of values, by attributes."""
        counts: dict[Key, float] = defaultdict(float)
        for _, key in self._values(series, by, where):
            counts[key] += 1
        return dict(counts)

    def bucket(
        self, share: float, series: Series, by: Key = (), where: Callable[[Attributes], bool] = lambda attributes: True
    ) -> dict[Key, tuple[float, float]]:
        """The bucket that holds a percentile, as its bounds, by attributes."""
        values: dict[Key, list[float]] = defaultdict(list)
        for value, key in self._values(series, by, where):
            values[key].append(value)
        return {key: _bucket(sorted(found), share, series) for key, found in values.items()}

    def stalls(self, series: Series, bound: float) -> float | None:
        """How many values were larger than a bound; `None` where there was no value."""
        values = [value for value, _ in self._values(series, (), lambda _: True)]
        return float(sum(value > bound for value in values)) if values else None

    def _values(self, series: Series, by: Key, where: Callable[[Attributes], bool]) -> Iterator[tuple[float, Key]]:
        for event, attributes in self.events.get(series.name, ()):
            if where(attributes):
                yield event.value, tuple([attributes.get(name, "") for name in by])


WITHOUT_A_CALL = frozenset(series.name for series in (*table.GEN_AI, *table.PROCESS))


def tags(call: Call, series: Series, attributes: Attributes, labelled: bool) -> Attributes:
    """All attributes of a point."""
    if series.name in WITHOUT_A_CALL:
        return attributes
    return {**attributes, **call.models, **({table.CALL_ID: call.call_id} if labelled else {})}


def _bucket(values: list[float], share: float, series: Series) -> tuple[float, float]:
    ranked = values[min(len(values) - 1, max(0, int(share * len(values) - 1e-9)))]
    index = bisect.bisect_left(series.buckets, ranked)
    bounds = (0.0, *series.buckets, series.buckets[-1])
    return bounds[index], bounds[index + 1]
