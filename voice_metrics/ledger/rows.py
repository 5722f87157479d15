"""Rows that the ledger stores and returns: numbers, closed sets of names and configuration, never spoken text.

Moments are unix seconds and latencies seconds; summaries and percentiles are in milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from voice_metrics.call.facts import EndReason


class CallState(StrEnum):
    """State of a call and the delivery of its series."""

    LIVE = "live"
    ENDED = "ended"
    DELIVERED = "delivered"
    PENDING = "pending"


class Trouble(StrEnum):
    """Something that went wrong in a call: an error, or a turn of the caller to which an answer was due."""

    ERRORS = "errors"
    UNANSWERED = "unanswered"


class Fate(StrEnum):
    """Outcome of the delivery of a call's series."""

    LIVE = "live"
    DELIVERED = "delivered"
    PENDING = "pending"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    LOCAL = "local"


class Row(NamedTuple):
    """One measurement or event on a call's time line.

    Parameters:
        at: Unix seconds of its end.
        kind: "ttfb", "response", "turn", "prompt_tokens", … as `timeline.rows` names them.
        value: Seconds, a count or US dollars, by `kind`; `None` for an event without a number.
        service: "stt", "llm", "tts" or "other"; `None` for no service.
        name: Class name of the processor, or name of the function or part; `None` for neither.
        model: Model of the service, or `None` if it reports none.
        outcome: "interrupted", "timed_out", an error's category, …; `None` for the ordinary one.
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
    """One call as a line of a table; a number that does not exist is `None`.

    Parameters:
        call_id: The call's id.
        state: A call whose process is dead is not live.
        started_at: Start in unix seconds.
        updated_at: Last update in unix seconds.
        duration_seconds: Length so far.
        end_reason: Reason of the end, or `None` while live.
        llm_model: Language model.
        stt_model: Speech recognition model.
        tts_model: Speech synthesis model.
        worst_response_ms: Longest wait of the caller for an answer, in milliseconds.
        turns: Bot turns, completed and interrupted.
        interruptions: Bot turns that the caller cut off.
        errors: Errors that processors reported.
        prompt_tokens: Prompt tokens, caches included.
        completion_tokens: Completion tokens.
        characters: Characters sent to speech synthesis.
        audio_seconds: Audio sent to speech recognition, in seconds.
        cost_usd: Cost in US dollars; `None` if no part of it has a price.
        exported: True if a server acknowledged the last export; `None` without an endpoint or if unknown.
        outcome: What the call achieved, in the application's word; `None` if it said nothing.
        success: Whether that is a success; `None` if the application did not say.
        key: The call's `Identity.key`, distinct even for two calls with one id.
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
    outcome: str | None = None
    success: bool | None = None
    key: str = field(default="", compare=False)

    @property
    def fate(self) -> Fate:
        """The delivery's outcome, from state, `exported` and end reason."""
        if self.state is not CallState.ENDED:
            return Fate(self.state)
        if self.exported is False:
            return Fate.REFUSED
        # A killed process leaves its last export's outcome unknown.
        return Fate.UNKNOWN if self.end_reason == EndReason.UNKNOWN else Fate.LOCAL


@dataclass(frozen=True, slots=True)
class CallDetail:
    """One call in full.

    Parameters:
        row: Its line in the table.
        summary: Its last summary, as `CallSummary.to_dict()` makes it.
        timeline: Measurements and events in order of time; empty if left out or pruned.
        before: Rows of the time line before this page.
        after: Rows after this page.
    """

    row: CallRow
    summary: Mapping[str, Any]
    timeline: tuple[Row, ...] = ()
    before: int = 0
    after: int = 0


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Conditions on calls, all of which must hold; `None` does not filter.

    Parameters:
        since: Started at or after this, unix seconds.
        until: Started before this, unix seconds.
        model: Part of the name of any of the three models, in any case.
        end_reason: Reason of the end.
        slower_than_ms: Worst response above this, in milliseconds.
        cost_over_usd: Cost above this, in US dollars.
        state: State of the call.
        trouble: What went wrong in it.
    """

    since: float | None = None
    until: float | None = None
    model: str | None = None
    end_reason: str | None = None
    slower_than_ms: float | None = None
    cost_over_usd: float | None = None
    state: CallState | None = None
    trouble: Trouble | None = None


@dataclass(frozen=True, slots=True)
class LatencyPoint:
    """Latencies of one kind and service within one bucket of time.

    Parameters:
        at: Start of the bucket, unix seconds.
        kind: "response", "ttfb", "processing", …
        service: "stt", "llm", "tts" or "other"; `None` if the kind has none.
        count: Measurements in the bucket, interrupted ones left out.
        p50_ms: Median in milliseconds.
        p95_ms: 95th percentile in milliseconds.
    """

    at: float
    kind: str
    service: str | None
    count: int
    p50_ms: float
    p95_ms: float


@dataclass(frozen=True, slots=True)
class UsagePoint:
    """Usage of the calls that started in one bucket of time; a sum is `None` if no call has the number.

    Parameters:
        at: Start of the bucket, unix seconds.
        calls: Calls that started in it.
        prompt_tokens: Prompt tokens, caches included.
        completion_tokens: Completion tokens.
        characters: Characters sent to speech synthesis.
        audio_seconds: Audio sent to speech recognition, in seconds.
        llm_usd: Cost of language models in US dollars.
        stt_usd: Cost of speech recognition in US dollars.
        tts_usd: Cost of speech synthesis in US dollars.
        cost_usd: Total cost in US dollars.
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
    """Requests that no server has acknowledged.

    Parameters:
        requests: Number of OTLP requests.
        bytes: Their total size.
        calls: Calls with such requests.
        oldest_at: Unix seconds at which the oldest was made, or `None` if there is none.
    """

    requests: int
    bytes: int
    calls: int
    oldest_at: float | None
