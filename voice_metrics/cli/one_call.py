"""One call in full for a person: its summary line by line, then its time line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Any

from rich.text import Text

from voice_metrics.cli import terminal, time_line
from voice_metrics.cli.moments import local
from voice_metrics.cli.wording import NOTHING, count, figures, length, printable, usd
from voice_metrics.ledger import CallDetail, CallState, Fate

_SERIES = {
    Fate.LIVE: "call still running",
    Fate.DELIVERED: "acknowledged by the server",
    Fate.PENDING: "not acknowledged, kept in the ledger: `voice-metrics resend` sends it",
    Fate.REFUSED: "refused by the server for good",
    Fate.UNKNOWN: "nothing waits to be sent; nobody told what became of the last values",
    Fate.LOCAL: "local only",
}


def show(detail: CallDetail) -> None:
    """Print a call."""
    facts = terminal.plain_table("", "")
    facts.show_header = False
    for name, text in _lines(detail):
        facts.add_row(Text(printable(name), style="bold"), Text(printable(text)))
    # Text that is long is better folded than cut: these lines are for reading.
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
    yield "end", row.end_reason or ("still running" if row.state is CallState.LIVE else NOTHING)
    yield "series", _SERIES[row.fate]
    models = {"LLM": row.llm_model, "STT": row.stt_model, "TTS": row.tts_model}
    yield "models", ", ".join(f"{name} {model}" for name, model in models.items() if model) or NOTHING
    attributes = _part(summary, "attributes")
    if attributes:
        yield "attributes", ", ".join(f"{key}={value}" for key, value in attributes.items())
    yield "LLM tokens", _tokens(_part(summary, "llm"))
    yield "TTS characters", count(row.characters)
    yield "STT audio", length(row.audio_seconds)
    yield "response", figures(_part(summary, "response"))
    for name, key in (("TTFB", "ttfb"), ("processing", "processing")):
        latency = _part(summary, key)
        yield name, figures(latency)
        for service, measured in _part(latency, "by_service").items():
            if measured.get("count"):
                yield f"  {service}", figures(measured)
    yield "turns", f"{_counts(_part(summary, 'turns'))}; {_times(row.interruptions)}"
    yield "function calls", _counts(_part(summary, "function_calls"))
    yield "errors", count(row.errors)
    yield "cost", _cost(_part(summary, "cost"))


def _part(summary: Mapping[str, Any], key: str) -> Mapping[str, Any]:
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


def _times(interruptions: int | None) -> str:
    return f"{count(interruptions)} interruption{'' if interruptions == 1 else 's'}"


def _cost(cost: Mapping[str, Any]) -> str:
    parts = [
        f"{name} {usd(cost[key])}"
        for name, key in (("LLM", "llm_usd"), ("STT", "stt_usd"), ("TTS", "tts_usd"))
        if cost.get(key) is not None
    ]
    total = usd(cost.get("total_usd"))
    if parts:
        total += f" ({', '.join(parts)})"
    for model, reason in zip_longest(cost.get("unpriced") or (), cost.get("unpriced_reasons") or ()):
        total += f"; no price for {model}" + (f": {reason}" if reason else "")
    return total
