"""What every query of the dashboard has to answer about the script, by the panel's title.

A panel that is not listed here fails the tests, and so does a query more or less.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from voice_metrics.grafana.burn import BUDGET_LEFT, GOAL, burn
from voice_metrics.series import table
from voice_metrics.series.table import Series

from .hundred_calls import RECORDED, Attributes, Call, Key, Truth

MODELS = ("llm_model", "stt_model", "tts_model")
SERVICE = ("service", "processor", "model")
MODEL = ("processor", "model")
GEN_AI = ("gen_ai_provider_name", "gen_ai_request_model")
CALL = (table.CALL_ID,)
Where = Callable[[Attributes], bool]


def everything(attributes: Attributes) -> bool:
    """Every series."""
    return True


def uncut(attributes: Attributes) -> bool:
    """Series of requests that were not interrupted."""
    return attributes.get("interrupted") != "true"


def cut(attributes: Attributes) -> bool:
    """Series of requests that were interrupted."""
    return attributes.get("interrupted") == "true"


@dataclass(frozen=True)
class Answer:
    """What a query has to answer.

    Parameters:
        by: Labels of the answer.
        values: Lowest and highest right value by the labels' values; the two are equal where only one is right.
    """

    by: Key
    values: Mapping[Key, tuple[float, float]]

    def check(self, title: str, answer: Mapping[tuple[tuple[str, str], ...], float], slack: float = 1e-9) -> None:
        """Compare with what a store answered.

        Args:
            title: Names the query in a failure.
            answer: Labels -> value.
            slack: Relative error that is let through.
        """
        found = {tuple(dict(labels).get(name, "") for name in self.by): value for labels, value in answer.items()}
        assert len(found) == len(answer), f"{title}: labels beside {self.by} in {list(answer)[:3]}"
        assert found.keys() == self.values.keys(), f"{title}: {sorted(found)} instead of {sorted(self.values)}"
        for key, value in found.items():
            low, high = self.values[key]
            inside = low * (1 - slack) - slack <= value <= high * (1 + slack) + slack
            assert inside, f"{title} {key}: {value} instead of {low}..{high}"


@dataclass(frozen=True)
class World:
    """The script, and how it was sent.

    Parameters:
        script: All calls.
        chosen: Those that the dashboard's variable `call_id` selects.
        labelled: Whether series carry call ids.
        range_seconds: Length of the dashboard's time range.
        begins: When each call began in unix seconds, by its id.
        lengths: How long each call lasted, or lasts so far, in seconds, by its id.
        slack_seconds: Error of the two.
        live_series: Series with a point in the last five minutes.
    """

    script: list[Call]
    chosen: list[Call]
    labelled: bool
    range_seconds: float
    begins: Mapping[str, float]
    lengths: Mapping[str, float]
    slack_seconds: float
    live_series: int

    @cached_property
    def answers(self) -> dict[str, list[Answer]]:
        """What each panel's queries have to answer over the whole time range, by title."""
        rows = (_overview, _reasons, _conversation, _objectives, _services, _usage, _recent, _delivery)
        return self.of_the_chosen | {title: answer for row in rows for title, answer in row(self).items()}

    @cached_property
    def of_the_chosen(self) -> dict[str, list[Answer]]:
        """Of those, what the chosen calls alone decide."""
        return _chosen(self)

    @cached_property
    def all(self) -> Truth:
        """The truth about all calls."""
        return Truth.of(self.script, self.labelled)

    @cached_property
    def one(self) -> Truth:
        """The truth about the chosen calls."""
        return Truth.of(self.chosen, self.labelled)


def _exactly(by: Key, values: Mapping[Key, float]) -> Answer:
    return Answer(by, {key: (value, value) for key, value in values.items()})


def total(truth: Truth, series: Series, by: Key = (), where: Where = everything) -> Answer:
    """Sum of a counter."""
    return _exactly(by, truth.total(series, _attributes(by), where))


def added(truth: Truth, series: Series) -> float:
    """Sum of a counter's increments, or of a histogram's values."""
    return truth.total(series).get((), 0.0)


def due(attributes: Attributes) -> bool:
    """Turns that wanted an answer."""
    return attributes["cause"] not in ("caller_resumed", "call_ended")


def share(part: float, whole: float) -> Answer:
    """Part of a whole."""
    return _exactly((), {(): part / whole} if whole else {})


def averages(truth: Truth, series: Series, by: Key, where: Where = everything) -> list[Answer]:
    """The two columns of a histogram that is read as an average."""
    return [count(truth, series, by, where), average(truth, series, by, where)]


def zero_or(truth: Truth, series: Series) -> Answer:
    """Sum of a counter, 0 where nothing happened."""
    return _exactly((), {(): truth.total(series).get((), 0.0)})


def average(truth: Truth, series: Series, by: Key = (), where: Where = everything) -> Answer:
    """Mean of a histogram's values."""
    totals = truth.total(series, _attributes(by), where)
    counts = truth.count(series, _attributes(by), where)
    return _exactly(by, {key: totals[key] / counts[key] for key in totals})


def count(truth: Truth, series: Series, by: Key = (), where: Where = everything) -> Answer:
    """Number of a histogram's values."""
    return _exactly(by, truth.count(series, _attributes(by), where))


def quantile(truth: Truth, share: float, series: Series, by: Key = (), where: Where = everything) -> Answer:
    """A percentile, right anywhere in its bucket."""
    return Answer(by, truth.bucket(share, series, _attributes(by), where))


def summary(truth: Truth, series: Series, by: Key, where: Where = everything) -> list[Answer]:
    """The four columns of a table of latencies."""
    return [
        count(truth, series, by, where),
        average(truth, series, by, where),
        quantile(truth, 0.5, series, by, where),
        quantile(truth, 0.95, series, by, where),
    ]


def times(factor: float, answer: Answer) -> Answer:
    """An answer in another unit."""
    return Answer(answer.by, {key: (low * factor, high * factor) for key, (low, high) in answer.values.items()})


def _overview(world: World) -> dict[str, list[Answer]]:
    truth = world.all
    running = float(sum(call.end is None for call in world.script))
    active = _exactly((), {(): running})
    response = [quantile(truth, 0.5, table.RESPONSE), quantile(truth, 0.95, table.RESPONSE)]
    unanswered = truth.total(table.TURNS_UNANSWERED, (), due).get((), 0.0)
    failed = truth.total(table.CALLS_ENDED, (), lambda tags: tags["end_reason"] == "error").get((), 0.0)
    refused = truth.total(table.ERRORS, (), lambda tags: tags.get("error_type") == "429").get((), 0.0)
    stalls = truth.stalls(table.LOOP_LAG, 500)
    return {
        "Active calls": [active],
        "Response time": response,
        "Unanswered turns": [share(unanswered, unanswered + truth.count(table.RESPONSE)[()])],
        "Failed calls": [share(failed, added(truth, table.CALLS_ENDED))],
        "Errors": [total(truth, table.ERRORS)],
        "Rate limits": [_exactly((), {(): refused})],
        "Event loop stalls": [_exactly((), {} if stalls is None else {(): stalls})],
        "Cost per hour": [times(3600 / world.range_seconds, total(truth, table.COST))],
        "Response time over time": response,
        "Time to first byte by service, p95": [quantile(truth, 0.95, table.TTFB, ("service",), uncut)],
        "Active calls over time": [active],
        "Errors and unanswered turns over time": [
            total(truth, table.ERRORS, ("provider", "error_type")),
            total(truth, table.TURNS_UNANSWERED, ("cause",), due),
        ],
        "Cost per hour over time": [total(truth, table.COST, ("cost_type",))],
    }


def _reasons(world: World) -> dict[str, list[Answer]]:
    truth, provider = world.all, ("service", "provider")
    compared = [*summary(truth, table.TTFB, provider, uncut), average(truth, table.PROCESSING, provider, uncut)]
    return {
        "Errors by provider": [total(truth, table.ERRORS, ("provider", "error_type", "category"))],
        "Rate limits over time": [
            total(truth, table.ERRORS, ("provider",), lambda tags: tags.get("error_type") == "429")
        ],
        "Errors by processor": [total(truth, table.ERRORS, ("processor", "category"))],
        "Switches": [total(truth, table.SWITCHES, ("service", "from", "to"))],
        "Providers compared": compared,
        "Cost by provider": [total(truth, table.COST, ("cost_type", "provider"))],
        "TTFB by provider, p95": [quantile(truth, 0.95, table.TTFB, provider, uncut)],
        "Event loop lag, p99": [_of_the_bot(quantile(truth, 0.99, table.LOOP_LAG))],
    }


def _conversation(world: World) -> dict[str, list[Answer]]:
    truth = world.all
    turns = truth.total(table.TURNS, ("outcome",))
    won = truth.total(table.CALLS_ENDED, (), lambda tags: tags.get("success") == "true").get((), 0.0)
    known = truth.total(table.CALLS_ENDED, (), lambda tags: tags.get("success") in ("true", "false")).get((), 0.0)
    return {
        "Success": [share(won, known)],
        "Cost per success": [share(added(truth, table.COST), won)],
        "Greeting": [quantile(truth, 0.5, table.GREETING), quantile(truth, 0.95, table.GREETING)],
        "Barge-in": [quantile(truth, 0.5, table.INTERRUPTION_STOP), quantile(truth, 0.95, table.INTERRUPTION_STOP)],
        "Interrupted turns": [share(turns[("interrupted",)], sum(turns.values()))],
        "False interruptions": [share(added(truth, table.FALSE_INTERRUPTIONS), added(truth, table.INTERRUPTIONS))],
        "Speaking over time": [total(truth, table.FLOOR, ("holder",))],
        "Greeting over time, p95": [quantile(truth, 0.95, table.GREETING)],
        "Speaking time": [total(truth, table.FLOOR, ("holder",))],
        "Silences": averages(truth, table.SILENCE, ("after",)),
        "Gaps in the bot's speech": averages(truth, table.BOT_GAP, ("cause",)),
        "Unanswered turns by cause": [total(truth, table.TURNS_UNANSWERED, ("cause",))],
        "Turns": [total(truth, table.TURNS, ("outcome",))],
        "Interruptions": [total(truth, table.INTERRUPTIONS)],
        "Outcomes": [total(truth, table.CALLS_ENDED, ("outcome", "success", "ended_by"))],
        "Ends of calls": [total(truth, table.CALLS_ENDED, ("end_reason",))],
        "Length of calls": [
            count(truth, table.CALL_DURATION, ("outcome",)),
            average(truth, table.CALL_DURATION, ("outcome",)),
            quantile(truth, 0.95, table.CALL_DURATION, ("outcome",)),
        ],
    }


def _objectives(world: World) -> dict[str, list[Answer]]:
    truth = world.all
    unanswered = total(truth, table.TURNS_UNANSWERED, (), due)
    per_call = added(truth, table.COST) / added(truth, table.CALLS)
    return {
        "Budgets": [_recorded(world, name) for name in (GOAL, BUDGET_LEFT, burn("1h"), burn("6h"), burn("3d"))],
        "Budget left": [_recorded(world, BUDGET_LEFT)],
        "Burn rate": [_recorded(world, burn("1h"))],
        "Worst bots": [
            _of_the_bot(answer)
            for answer in (
                total(truth, table.CALLS),
                quantile(truth, 0.95, table.RESPONSE),
                unanswered,
                total(truth, table.ERRORS),
                _exactly((), {(): per_call}),
            )
        ],
    }


def _services(world: World) -> dict[str, list[Answer]]:
    truth, by_model = world.all, ("service", "model")
    return {
        "TTFB": summary(truth, table.TTFB, SERVICE, uncut),
        "TTFB by model, p95": [quantile(truth, 0.95, table.TTFB, by_model, uncut)],
        "Processing": summary(truth, table.PROCESSING, SERVICE, uncut),
        "Processing by model, p95": [quantile(truth, 0.95, table.PROCESSING, by_model, uncut)],
        "TTFA": summary(truth, table.TTFA, MODEL),
        "TTFAT": summary(truth, table.TTFAT, MODEL),
        "TTFB of interrupted requests": averages(truth, table.TTFB, SERVICE, cut),
        "Processing of interrupted requests": averages(truth, table.PROCESSING, SERVICE, cut),
        "Response parts": averages(truth, table.RESPONSE_PART, ("part",)),
        "Tokens per second": averages(truth, table.LLM_THROUGHPUT, MODEL),
        "Text aggregation": averages(truth, table.TEXT_AGGREGATION, ("processor",)),
        "Turn detection": averages(truth, table.TURN_DETECTION, ("processor", "complete")),
        "Function call time": averages(truth, table.FUNCTION_CALL, ("function",)),
        "Function calls": [total(truth, table.FUNCTION_CALLS, ("function", "outcome"))],
    }


def _usage(world: World) -> dict[str, list[Answer]]:
    truth = world.all
    cost, calls = truth.total(table.COST)[()], truth.total(table.CALLS)[()]
    return {
        "Calls": [total(truth, table.CALLS)],
        "Cost per call": [_exactly((), {(): cost / calls})],
        "Tokens": [total(truth, table.LLM_TOKENS)],
        "Characters": [total(truth, table.TTS_CHARACTERS)],
        "Calls started": [total(truth, table.CALLS)],
        "Tokens over time": [total(truth, table.LLM_TOKENS, ("token_type",))],
        "Characters over time": [total(truth, table.TTS_CHARACTERS)],
        "Cost": [total(truth, table.COST)],
        "Unpriced requests": [total(truth, table.UNPRICED)],
        "Audio recognised": [total(truth, table.STT_AUDIO)],
        "Cost by service and model": [total(truth, table.COST, ("cost_type", *MODEL))],
        "Cost by model over time": [total(truth, table.COST, ("cost_type", "model"))],
        "Tokens by model": [total(truth, table.LLM_TOKENS, (*MODEL, "token_type"))],
        "Token details": [total(truth, table.LLM_TOKEN_DETAILS, (*MODEL, "detail"))],
        "Speech recognition": [total(truth, table.STT_AUDIO, MODEL)],
        "Speech synthesis": [total(truth, table.TTS_CHARACTERS, MODEL)],
        "Unpriced usage": [total(truth, table.UNPRICED, ("service", "model"))],
    }


def _recent(world: World) -> dict[str, list[Answer]]:
    truth = world.all
    return {
        "Recent calls": [
            _started(world),
            _lengths(world),
            total(truth, table.CALLS_ENDED, (*CALL, "end_reason", "outcome")),
            total(truth, table.TURNS, CALL),
            total(truth, table.INTERRUPTIONS, CALL),
            total(truth, table.TURNS_UNANSWERED, CALL, due),
            average(truth, table.RESPONSE, CALL),
            average(truth, table.TTFB, CALL, uncut),
            total(truth, table.LLM_TOKENS, CALL),
            total(truth, table.TTS_CHARACTERS, CALL),
            total(truth, table.COST, CALL),
            total(truth, table.ERRORS, CALL),
            total(truth, table.CALLS, (*CALL, *MODELS)),
        ],
    }


def _chosen(world: World) -> dict[str, list[Answer]]:
    one = world.one
    chosen_length = math.fsum(world.lengths[call.call_id] for call in _measured(world, world.chosen))
    return {
        "Length": [_about((), {(): chosen_length}, world.slack_seconds * len(world.chosen))],
        "Response time of the call": [average(one, table.RESPONSE), quantile(one, 0.95, table.RESPONSE)],
        "Greeting of the call": [average(one, table.GREETING)],
        "Response parts of the call": averages(one, table.RESPONSE_PART, ("part",)),
        "Speaking time of the call": [total(one, table.FLOOR, ("holder",))],
        "Unanswered turns of the call": [total(one, table.TURNS_UNANSWERED, ("cause",))],
        "Cost of the call": [total(one, table.COST)],
        "Turns of the call": [total(one, table.TURNS, ("outcome",))],
        "Tokens of the call": [total(one, table.LLM_TOKENS, ("token_type",))],
        "Characters of the call": [zero_or(one, table.TTS_CHARACTERS)],
        "Audio of the call": [zero_or(one, table.STT_AUDIO)],
        "Interruptions of the call": [zero_or(one, table.INTERRUPTIONS)],
        "Errors of the call": [zero_or(one, table.ERRORS)],
        "TTFB of the call": summary(one, table.TTFB, ("service", "model"), uncut),
        "Cost of the call by service": [total(one, table.COST, ("cost_type", "model"))],
        "The call over time": [average(one, table.RESPONSE), average(one, table.TTFB, ("service",), uncut)],
        "Tokens of the call over time": [total(one, table.LLM_TOKENS, ("token_type",))],
        "Function calls of the call": [total(one, table.FUNCTION_CALLS, ("function", "outcome"))],
        "Errors of the call by processor": [total(one, table.ERRORS, ("processor", "error_type", "category"))],
        "Identity of the call": [total(one, table.CALLS, (*CALL, *MODELS))],
    }


def _delivery(world: World) -> dict[str, list[Answer]]:
    truth = world.all
    return {
        "Tokens per request (gen_ai)": summary(truth, table.GEN_AI_TOKEN_USAGE, (*GEN_AI, "gen_ai_token_type")),
        "Operation duration (gen_ai)": summary(truth, table.GEN_AI_OPERATION_DURATION, GEN_AI),
        "Time to first chunk (gen_ai)": summary(truth, table.GEN_AI_TIME_TO_FIRST_CHUNK, GEN_AI),
        "Function call time (gen_ai)": summary(truth, table.GEN_AI_EXECUTE_TOOL, ("gen_ai_tool_name",)),
        "Dropped": [total(truth, table.DROPPED)],
        "Live series": [_exactly((), {(): float(world.live_series)})],
        "Dropped by reason": [total(truth, table.DROPPED, ("reason",))],
        "Dropped over time": [total(truth, table.DROPPED, ("reason",))],
    }


def _of_the_bot(answer: Answer) -> Answer:
    return Answer(("job",), {("voice-bot", *key): bounds for key, bounds in answer.values.items()})


def _recorded(world: World, name: str) -> Answer:
    labels, value = RECORDED[name]
    return _exactly(("job", *labels), {("voice-bot", *labels.values()): value})


def _attributes(labels: Key) -> Key:
    return tuple(
        label.replace("gen_ai_token_", "gen_ai.token.")
        .replace("gen_ai_provider_", "gen_ai.provider.")
        .replace("gen_ai_request_", "gen_ai.request.")
        .replace("gen_ai_tool_", "gen_ai.tool.")
        for label in labels
    )


def _measured(world: World, calls: list[Call]) -> list[Call]:
    # Shared series hold the length of the calls that run now.
    return calls if world.labelled else [call for call in calls if call.end is None]


def _about(by: Key, values: Mapping[Key, float], slack: float) -> Answer:
    return Answer(by, {key: (value - slack, value + slack) for key, value in values.items()})


def _started(world: World) -> Answer:
    if not world.labelled:
        return Answer(CALL, {})
    moments = {(call.call_id,): 1000 * world.begins[call.call_id] for call in world.script}
    # Points carry milliseconds.
    return _about(CALL, moments, 2 + 1000 * world.slack_seconds)


def _lengths(world: World) -> Answer:
    lengths: dict[Key, float] = {}
    for call in _measured(world, world.script):
        key = (call.call_id if world.labelled else "",)
        lengths[key] = lengths.get(key, 0.0) + world.lengths[call.call_id]
    return _about(CALL, lengths, world.slack_seconds * (1 if world.labelled else len(world.script)))
