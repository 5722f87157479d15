"""A call's summary as one block of text: a line per subject, and none for what did not happen."""

from __future__ import annotations

from collections.abc import Iterator

from voice_metrics.call.call_end import EndedBy
from voice_metrics.call.facts import Cause, EndReason, FunctionOutcome, Holder, Leg, TurnOutcome
from voice_metrics.call.latency import Latency
from voice_metrics.call.line import LineSummary
from voice_metrics.call.summary import CallSummary, CostSummary, ServiceLatency
from voice_metrics.call.wording import SERVICES, achieved, milliseconds, usd

_CAUSES = {
    Cause.NO_TRANSCRIPT: "not understood",
    Cause.NO_ANSWER: "without a reply",
    Cause.NO_AUDIO: "without audio",
    Cause.ERROR: "failed",
    Cause.CALLER_RESUMED: "caller went on",
    Cause.CALL_ENDED: "call ended",
}
_HOLDERS = {Holder.CALLER: "caller", Holder.BOT: "bot", Holder.BOTH: "both", Holder.NONE: "neither"}


def render(summary: CallSummary) -> str:
    """Return a summary's text, a headline and indented lines."""
    return "\n".join((_headline(summary), *(f"  {name:<15}{text}" for name, text in _lines(summary))))


def _headline(summary: CallSummary) -> str:
    ended = summary.end_reason.value if summary.end_reason else "still running"
    if summary.end_reason is EndReason.UNKNOWN:
        ended = "end unknown"
    if summary.ended_by not in (None, EndedBy.UNKNOWN, EndedBy.ERROR):
        ended += f" by {summary.ended_by}"
    return f"Call {summary.call_id}: {summary.duration_seconds:.1f} s, {ended}"


def _lines(summary: CallSummary) -> Iterator[tuple[str, str]]:
    yield "started", summary.started_at.strftime("%Y-%m-%d %H:%M:%S UTC")
    yield (
        "models",
        ", ".join(f"{SERVICES[leg]} {model}" for leg, model in summary.models.items() if model) or "none found",
    )
    if summary.attributes:
        yield "attributes", ", ".join(f"{key}={value}" for key, value in summary.attributes.items())
    if summary.outcome is not None:
        yield "outcome", achieved(summary.outcome, summary.success)
    unreported = "not reported" if summary.usage_enabled else "not measured, enable_usage_metrics is off"
    yield "LLM tokens", _tokens(summary) or unreported
    yield "TTS characters", unreported if summary.characters is None else f"{summary.characters}"
    yield "STT audio", unreported if summary.audio_seconds is None else f"{summary.audio_seconds:.1f} s"
    unmeasured = "none measured" if summary.latencies_enabled else "none, enable_metrics is off"
    yield from _service_lines("TTFB", summary.ttfb, unmeasured)
    yield from _service_lines("processing", summary.processing, unmeasured)
    yield "response", _figures(summary.response)
    if summary.line.greeting_seconds is not None:
        yield "greeting", milliseconds(summary.line.greeting_seconds * 1000)
    yield "turns", _turns(summary)
    yield from _caller_lines(summary.line)
    yield "function calls", _functions(summary)
    yield "errors", f"{summary.errors}" + (f", {summary.dropped} measurements refused" if summary.dropped else "")
    if summary.switches:
        yield "switches", f"{summary.switches} to another service"
    yield "cost", _cost(summary.cost) or ("nothing to price" if summary.usage_enabled else unreported)
    if summary.trace_id is not None:
        yield "trace", summary.trace_id
    yield "export", _export(summary)


def _tokens(summary: CallSummary) -> str:
    llm = summary.llm
    if llm.total_tokens is None:
        return ""
    cached = f", {llm.cache_read_tokens} of the prompt cached" if llm.cache_read_tokens is not None else ""
    return f"{llm.total_tokens} = {llm.prompt_tokens} prompt + {llm.completion_tokens} completion{cached}"


def _service_lines(name: str, measured: ServiceLatency, unmeasured: str) -> Iterator[tuple[str, str]]:
    yield name, _figures(measured.overall, measured.interrupted, unmeasured)
    for leg, (figures, interrupted) in measured.by_leg.items():
        if figures.count or interrupted:
            yield f"  {SERVICES[leg]}", _figures(figures, interrupted)


def _figures(figures: Latency, interrupted: int = 0, unmeasured: str = "none measured") -> str:
    cut = f", {interrupted} interrupted left out" if interrupted else ""
    if not figures.count:
        return f"{unmeasured}{cut}"
    return (
        f"avg {figures.average_ms:.0f} ms, min {figures.min_ms:.0f}, p50 {figures.p50_ms:.0f}, "
        f"p95 {figures.p95_ms:.0f}, max {figures.max_ms:.0f} ({figures.count}x{cut})"
    )


def _turns(summary: CallSummary) -> str:
    completed, cut = (summary.turns.get(outcome, 0) for outcome in TurnOutcome)
    plural = "" if summary.interruptions == 1 else "s"
    unanswered = _unanswered(summary.line)
    return f"{completed} completed, {cut} interrupted; {summary.interruptions} interruption{plural}{unanswered}"


def _caller_lines(line: LineSummary) -> Iterator[tuple[str, str]]:
    if line.interruption_stop.count or line.false_interruptions:
        false = f", {line.false_interruptions} without words" if line.false_interruptions else ""
        yield "barge-in", _figures(line.interruption_stop) + false
    if line.gaps:
        yield "gaps", f"{line.gaps} within answers, {line.gap_seconds:.1f} s"
    if (floor := line.floor) is not None:
        held = ", ".join(f"{_HOLDERS[holder]} {seconds:.1f} s" for holder, seconds in floor.seconds.items())
        yield "floor", f"{held}; longest silence {floor.longest_silence:.1f} s"


def _unanswered(line: LineSummary) -> str:
    causes = ", ".join(f"{count} {_CAUSES[cause]}" for cause, count in line.unanswered.items())
    return f"; {line.all_unanswered} of the caller unanswered ({causes})" if causes else ""


def _functions(summary: CallSummary) -> str:
    counts = [(outcome, summary.function_calls.get(outcome, 0)) for outcome in FunctionOutcome]
    return ", ".join(f"{count} {outcome.value.replace('_', ' ')}" for outcome, count in counts if count) or "none"


def _cost(cost: CostSummary) -> str:
    parts = [
        f"{SERVICES[leg]} {usd(spent, cost.total_usd)}"
        for leg, spent in ((Leg.LLM, cost.llm_usd), (Leg.STT, cost.stt_usd), (Leg.TTS, cost.tts_usd))
        if spent is not None
    ]
    missing = _unpriced_models(cost)
    if cost.total_usd is None:
        return missing
    a_minute = f", {usd(cost.per_minute_usd)} a minute" if cost.per_minute_usd is not None else ""
    sources = "; ".join(f"{used.model}: {used.source}{_of_date(used.priced_on)}" for used in cost.prices)
    total = f"{usd(cost.total_usd)} ({', '.join(parts)}){a_minute}; {sources}"
    return f"{total}; {missing}" if missing else total


def _unpriced_models(cost: CostSummary) -> str:
    models: dict[str, list[str]] = {}
    for model in cost.unpriced:
        models.setdefault(cost.reasons.get(model, ""), []).append(model)
    return "; ".join(
        f"no price for {', '.join(named)}{f': {reason}' if reason else ''}" for reason, named in models.items()
    )


def _of_date(priced_on: str | None) -> str:
    return f" of {priced_on}" if priced_on else ""


def _export(summary: CallSummary) -> str:
    if summary.exported:
        return f"exported to {summary.destination}"
    if summary.exported is None:
        return "local only" if summary.end_reason else "call still running"
    return f"not acknowledged, kept in {summary.kept_in}" if summary.kept_in else "not acknowledged, kept nowhere"
