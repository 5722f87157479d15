"""Numbers of a call in words, the same in log, command line and page (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from itertools import zip_longest
from typing import Any

# A missing number is a dash, never 0.
NOTHING = "–"
# The parts of a bot, by the words that summaries have for them.
SERVICES = {"llm": "LLM", "stt": "STT", "tts": "TTS", "other": "other"}
_FIGURES = (("avg", "average_ms"), ("min", "min_ms"), ("p50", "p50_ms"), ("p95", "p95_ms"), ("max", "max_ms"))


def usd(value: float | Decimal | None, beside: float | Decimal | None = None) -> str:
    """Word US dollars: cents above a dollar, a hundredth of a cent below.

    Args:
        value: The amount, or `None` without a known price.
        beside: The sum that it is a part of, which then decides the digits; `None` for an amount of its own.
    """
    if value is None:
        return NOTHING
    amount = float(value)
    digits = 2 if max(amount, float(beside or 0)) >= 1 else 4
    smallest = 10.0**-digits
    return f"<${smallest:.{digits}f}" if 0 < amount < smallest / 2 else f"${amount:,.{digits}f}"


def milliseconds(value: float | None) -> str:
    """Word whole milliseconds."""
    return NOTHING if value is None else f"{value:.0f} ms"


def count(value: float | None) -> str:
    """Word a number of things."""
    return NOTHING if value is None else f"{value:.0f}"


def length(seconds: float | None) -> str:
    """Word a length of time: seconds, or minutes and seconds, or hours and minutes."""
    if seconds is None:
        return NOTHING
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def achieved(outcome: str | None, success: bool | None) -> str:
    """Word what a call achieved, by the application's outcome.

    Args:
        outcome: The word; `None` if the application said nothing.
        success: Whether that is a success; `None` if the application did not say.
    """
    if outcome is None:
        return NOTHING
    return outcome if success is None else f"{outcome}, {'success' if success else 'no success'}"


def figures(latency: Mapping[str, Any] | None) -> str:
    """Word a latency's average, least, median, 95th percentile, most and number, from a summary's dictionary."""
    cut = f", {latency['interrupted']} interrupted left out" if latency and latency.get("interrupted") else ""
    if not latency or not latency.get("count"):
        return f"none measured{cut}"
    parts = ", ".join(f"{word} {latency[key]:.0f}" for word, key in _FIGURES if latency.get(key) is not None)
    return f"{parts} ms ({latency['count']}x{cut})"


def summary_lines(summary: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield a summary's lines without latencies: usage, events, cost; summaries of older versions lack some keys."""
    yield "LLM tokens", _tokens(section(summary, "llm"))
    yield "TTS characters", count(section(summary, "tts").get("characters"))
    yield "STT audio", length(section(summary, "stt").get("audio_seconds"))
    yield "turns", f"{_counts(section(summary, 'turns'))}; {_interruptions(summary.get('interruptions'))}"
    yield from _caller_lines(summary)
    yield "function calls", _counts(section(summary, "function_calls"))
    yield "errors", count(summary.get("errors"))
    if summary.get("switches"):
        yield "switches", f"{count(summary['switches'])} to another service"
    costs = section(summary, "cost")
    yield "cost", cost(costs)
    if costs.get("per_minute_usd") is not None:
        yield "a minute", usd(costs["per_minute_usd"])
    if prices := _prices(costs.get("prices") or ()):
        yield "prices", prices


def cost(costs: Mapping[str, Any]) -> str:
    """Word a call's cost by service, and the models without a price, from `cost` of a summary."""
    parts = [
        f"{name} {usd(costs[key], costs.get('total_usd'))}"
        for name, key in (("LLM", "llm_usd"), ("STT", "stt_usd"), ("TTS", "tts_usd"))
        if costs.get(key) is not None
    ]
    told = usd(costs.get("total_usd")) + (f" ({', '.join(parts)})" if parts else "")
    models: dict[str, list[str]] = {}
    for model, reason in zip_longest(costs.get("unpriced") or (), costs.get("unpriced_reasons") or ()):
        if model is not None:
            models.setdefault(reason or "", []).append(model)
    return told + "".join(
        f"; no price for {', '.join(named)}{f': {reason}' if reason else ''}" for reason, named in models.items()
    )


def _caller_lines(summary: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The caller's experience, only as far as it was measured."""
    floor, stops = section(summary, "floor"), section(summary, "interruption_stop")
    if summary.get("greeting_ms") is not None:
        yield "greeting", milliseconds(summary["greeting_ms"])
    spoken = ", ".join(f"{word} {length(floor[key])}" for key, word in _HOLDERS if floor.get(key) is not None)
    if spoken:
        yield "floor", spoken
    if floor.get("longest_silence_seconds") is not None:
        yield "longest silence", length(floor["longest_silence_seconds"])
    if stops.get("count"):
        yield "barge-in", figures(stops)
    if summary.get("false_interruptions"):
        yield "false interruptions", count(summary["false_interruptions"])
    gaps = section(summary, "bot_gaps")
    if gaps.get("count"):
        yield "gaps", f"{count(gaps['count'])}, {length(gaps.get('seconds'))} in all"
    lag = section(summary, "loop_lag")
    if lag.get("max_ms") is not None:
        yield "event loop", f"late by up to {milliseconds(lag['max_ms'])}"


_HOLDERS = (("caller", "caller"), ("bot", "bot"), ("both", "both"), ("none", "neither"))


def _prices(prices: Iterable[Mapping[str, Any]]) -> str:
    """Each source of prices once, with its models."""
    models: dict[str, list[str]] = {}
    for price in prices:
        dated = f" of {price['priced_on']}" if price.get("priced_on") else ""
        models.setdefault(f"{price.get('source')}{dated}", []).append(str(price.get("model")))
    return "; ".join(f"{', '.join(named)}: {source}" for source, named in models.items())


def section(summary: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return a dictionary of a summary, empty if it is absent."""
    found = summary.get(key)
    return found if isinstance(found, Mapping) else {}


def _tokens(llm: Mapping[str, Any]) -> str:
    if llm.get("total_tokens") is None:
        return NOTHING
    cached = llm.get("cache_read_tokens")
    read = f", {cached} of the prompt cached" if cached is not None else ""
    return (
        f"{llm['total_tokens']} = {llm.get('prompt_tokens')} prompt + {llm.get('completion_tokens')} completion{read}"
    )


def _counts(counts: Mapping[str, Any]) -> str:
    return ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in counts.items() if number) or "none"


def _interruptions(interruptions: int | None) -> str:
    return f"{count(interruptions)} interruption{'' if interruptions == 1 else 's'}"
