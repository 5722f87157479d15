"""One call for a person: its summary line by line, then its time line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.text import Text

from voice_metrics.call.wording import SERVICES, section, summary_lines
from voice_metrics.cli import terminal, time_line
from voice_metrics.cli.moments import local
from voice_metrics.cli.printable import NOTHING, achieved, count, figures, length, milliseconds, printable
from voice_metrics.cli.slowest_answer import slowest_answer
from voice_metrics.ledger import CallDetail, CallState, StartUp, start_up
from voice_metrics.ledger.fates import FATES


def show(detail: CallDetail) -> None:
    """Print a call."""
    facts = terminal.plain_table("", "")
    facts.show_header = False
    for name, text in _lines(detail):
        facts.add_row(Text(printable(name), style="bold"), Text(printable(text)))
    # Fold long text, because these lines are for reading.
    for column in facts.columns:
        column.no_wrap, column.overflow = False, "fold"
    head = Text(f"Call {printable(detail.row.call_id)}", style="bold")
    if not detail.timeline:
        terminal.show(head, facts)
        return
    terminal.show(head, facts, "", time_line.table(detail.timeline, detail.row.started_at))


def _lines(detail: CallDetail) -> Iterator[tuple[str, str]]:
    row, summary = detail.row, detail.summary
    yield "started", f"{local(row.started_at, offset=True)}, {length(row.duration_seconds)}"
    yield "end", _end_in_words(detail)
    if row.outcome is not None:
        yield "outcome", achieved(row.outcome, row.success)
    yield "series", FATES[row.fate].sentence
    models = {"LLM": row.llm_model, "STT": row.stt_model, "TTS": row.tts_model}
    yield "models", ", ".join(f"{name} {model}" for name, model in models.items() if model) or NOTHING
    attributes = section(summary, "attributes")
    if attributes:
        yield "attributes", ", ".join(f"{key}={value}" for key, value in attributes.items())
    for name, text in summary_lines(summary):
        if name == "turns":
            yield from _latencies(summary)
            if (slowest := slowest_answer(detail)) is not None:
                yield "slowest", slowest
        yield name, text
    if summary.get("dropped"):
        yield "dropped", count(summary["dropped"])
    if summary.get("trace_id"):
        yield "trace", summary["trace_id"]
    if (taken := start_up(detail.timeline)) is not None:
        yield "set-up", _set_up_in_words(taken)


def _end_in_words(detail: CallDetail) -> str:
    reason, by = detail.row.end_reason, detail.summary.get("ended_by")
    if reason is None:
        return "still running" if detail.row.state is CallState.LIVE else NOTHING
    return reason if by in (None, "unknown", reason) else f"{reason} by {by}"


def _set_up_in_words(taken: StartUp) -> str:
    services = ", ".join(f"{name} {milliseconds(seconds * 1000)}" for name, seconds in taken.services)
    waited = taken.of_greeting_seconds
    greeting = "" if waited is None else f"; the greeting waited {milliseconds(waited * 1000)} of it"
    return f"{milliseconds(taken.seconds * 1000)} ({services}){greeting}"


def _latencies(summary: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "response", figures(section(summary, "response"))
    for name, key in (("TTFB", "ttfb"), ("processing", "processing")):
        latency = section(summary, key)
        yield name, figures(latency)
        for service, measured in section(latency, "by_service").items():
            if measured.get("count") or measured.get("interrupted"):
                yield f"  {SERVICES.get(service, service)}", figures(measured)
