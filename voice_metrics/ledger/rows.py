"""What is kept of a call: rows as the ledger takes and returns them.

Owns their shapes. Refuses text that was said: a row holds numbers, names from closed sets and configuration.
Moments are unix seconds, latencies in rows are seconds; only summaries and percentiles speak milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from voice_metrics.call.facts import EndReason


class CallState(StrEnum):
    """How far a call and its series have come."""

    LIVE = "live"
    ENDED = "ended"
    DELIVERED = "delivered"
    PENDING = "pending"


class Fate(StrEnum):
    """What became of a call's series."""

    LIVE = "live"
    DELIVERED = "delivered"
    PENDING = "pending"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    LOCAL = "local"


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement or event on a call's time line.

    Parameters:
        at: Unix seconds at which it ended.
        kind: What it is: "ttfb", "response", "turn", "prompt_tokens", … as `timeline.rows` names them.
        value: Seconds, a count or US dollars, as `kind` has it; `None` for an event without a number.
        service: The service's part in the bot ("stt", "llm", "tts", "other"), or `None` if it has none.
        name: Class name of the processor, name of the function or of the part, or `None`.
        model: Model that the service ran, or `None` if it names none.
        outcome: How it ended ("interrupted", "timed_out", an error's category, …), or `None` if that says nothing.
    """

    at: float
    kind: str
    value: float | None = None
    service: str | None = None
    name: str | None = None
    model: str | None = None
    outcome: str | None = None


@dataclass(frozen=True, slots=True)
class CallRow:
    """One call as a line of a table. Numbers that do not exist are `None`.

    Parameters:
        call_id: The call's id.
        state: Live, ended (nothing to deliver), delivered or pending; a call whose process is gone is not live.
        started_at: Start in unix seconds.
        updated_at: Unix seconds of the last news of it.
        duration_seconds: Length so far.
        end_reason: How it ended, or `None` while it is live.
        llm_model: Language model.
        stt_model: Speech recognition model.
        tts_model: Speech synthesis model.
        worst_response_ms: The longest that the caller waited for an answer, in milliseconds.
        turns: Bot turns, completed and interrupted.
        interruptions: Times that the caller cut the bot off.
        errors: Errors that processors reported.
        prompt_tokens: Prompt tokens, caches included.
        completion_tokens: Completion tokens.
        characters: Characters sent to speech synthesis.
        audio_seconds: Audio that went through speech recognition, in seconds.
        cost_usd: What it cost in US dollars, or `None` if no part of it has a price.
        exported: Whether a server acknowledged its last export; `None` without an endpoint, and where it is not known.
        key: What tells it from every other call, also from another one with the same id.
    """

    call_id: str
    state: CallState
    started_at: float
    updated_at: float
    duration_seconds: float | None
    end_reason: str | None
    llm_model: str | None
    stt_model: str | None
    tts_model: str | None
    worst_response_ms: float | None
    turns: int | None
    interruptions: int | None
    errors: int | None
    prompt_tokens: int | None
    completion_tokens: int | None
    characters: int | None
    audio_seconds: float | None
    cost_usd: float | None
    exported: bool | None = None
    key: str = field(default="", compare=False)

    @property
    def fate(self) -> Fate:
        """What became of its series; a call that has ended owes nothing, for one reason or another."""
        if self.state is not CallState.ENDED:
            return Fate(self.state)
        if self.exported is False:
            return Fate.REFUSED
        # Nobody told what became of the last export, as when the process was killed.
        return Fate.UNKNOWN if self.end_reason == EndReason.UNKNOWN else Fate.LOCAL


@dataclass(frozen=True, slots=True)
class CallDetail:
    """One call in full.

    Parameters:
        row: Its line in the table.
        summary: Its last summary, as `CallSummary.to_dict()` makes it.
        timeline: Its measurements and events in the order of time; empty where they were left out or pruned.
        before: How many rows of the time line are left out before these.
        after: How many are left out after these.
    """

    row: CallRow
    summary: Mapping[str, Any]
    timeline: tuple[Row, ...] = ()
    before: int = 0
    after: int = 0


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which calls are wanted. `None` does not filter.

    Parameters:
        since: Started at or after this, unix seconds.
        until: Started before this, unix seconds.
        model: Part of the name of any of the three models, in any case.
        end_reason: How the call ended.
        slower_than_ms: The worst response took longer than this, in milliseconds.
        cost_over_usd: The call cost more than this, in US dollars.
        state: How far the call has come.
    """

    since: float | None = None
    until: float | None = None
    model: str | None = None
    end_reason: str | None = None
    slower_than_ms: float | None = None
    cost_over_usd: float | None = None
    state: CallState | None = None


@dataclass(frozen=True, slots=True)
class LatencyPoint:
    """Latencies of one kind and service within one bucket of time.

    Parameters:
        at: Start of the bucket, unix seconds.
        kind: "response", "ttfb", "processing", …
        service: "stt", "llm", "tts" or "other", or `None` where the kind has none.
        count: Measurements in the bucket; interrupted ones are left out.
        p50_ms: Their median in milliseconds.
        p95_ms: Their 95th percentile in milliseconds.
    """

    at: float
    kind: str
    service: str | None
    count: int
    p50_ms: float
    p95_ms: float


@dataclass(frozen=True, slots=True)
class UsagePoint:
    """What the calls that started within one bucket of time used. Sums are `None` where no call has the number.

    Parameters:
        at: Start of the bucket, unix seconds.
        calls: Calls that started in it.
        prompt_tokens: Prompt tokens, caches included.
        completion_tokens: Completion tokens.
        characters: Characters sent to speech synthesis.
        audio_seconds: Audio that went through speech recognition, in seconds.
        llm_usd: Cost of language models in US dollars.
        stt_usd: Cost of speech recognition in US dollars.
        tts_usd: Cost of speech synthesis in US dollars.
        cost_usd: Cost of all together in US dollars.
    """

    at: float
    calls: int
    prompt_tokens: int | None
    completion_tokens: int | None
    characters: int | None
    audio_seconds: float | None
    llm_usd: float | None
    stt_usd: float | None
    tts_usd: float | None
    cost_usd: float | None


@dataclass(frozen=True, slots=True)
class PendingState:
    """What waits to be sent.

    Parameters:
        requests: OTLP requests that no server has acknowledged.
        bytes: Their size together.
        calls: Calls that they belong to.
        oldest_at: Unix seconds at which the oldest was made, or `None` if there is none.
    """

    requests: int
    bytes: int
    calls: int
    oldest_at: float | None
