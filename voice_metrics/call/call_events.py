"""Ended calls and turns as events: names and attributes as a log store has them.

An attribute is a tag of the series under the tag's name, or a field of the summary under `voice.` and its path.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from voice_metrics.call.facts import (
    EndReason,
    Fact,
    Responded,
    ResponsePart,
    TokensUsed,
    TurnEnded,
    TurnOutcome,
    Unanswered,
)

CALL_EVENT, TURN_EVENT = "voice.call", "voice.turn"
# Left out: names that the record has already, delivery, and the table of prices.
_LEFT_OUT = {"call_id", "models", "attributes", "exported", "trace_id"}

EventValue = str | bool | int | float | list[str]


@dataclass(frozen=True, slots=True)
class CallEvent:
    """One event of a call.

    Parameters:
        name: "voice.call" or "voice.turn".
        at: Unix seconds.
        attributes: Its fields.
        failed: True if it is a failure.
        trace_id: The call's trace, or 0 for none.
        span_id: Its span, or 0 for none.
    """

    name: str
    at: float
    attributes: Mapping[str, EventValue]
    failed: bool = False
    trace_id: int = 0
    span_id: int = 0


def call_event(summary: Mapping[str, Any], tags: Mapping[str, str], at: float) -> CallEvent:
    """Return the event of a call that ended at `at` (Unix seconds).

    Args:
        summary: The summary, as `CallSummary.to_dict` makes it.
        tags: The tags of its series.
        at: Its end.
    """
    fields = {key: value for key, value in summary.items() if key not in _LEFT_OUT}
    if isinstance(cost := summary.get("cost"), Mapping):
        fields["cost"] = {key: value for key, value in cost.items() if key != "prices"}
    attributes = {"call_id": str(summary["call_id"]), **tags, **dict(_flat("voice", fields))}
    failed = summary.get("end_reason") == EndReason.ERROR
    return CallEvent(CALL_EVENT, at, attributes, failed, int(summary.get("trace_id") or "0", 16))


def tags_of(summary: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags of a call's series, except the call id, from its summary."""
    models = {f"{leg}_model": model or "none" for leg, model in (summary.get("models") or {}).items()}
    return {**(summary.get("attributes") or {}), **models}


def _flat(path: str, value: Any) -> Iterator[tuple[str, EventValue]]:
    """The leaves of a summary by path; absent values have none."""
    if isinstance(value, Mapping):
        for key, below in value.items():
            yield from _flat(f"{path}.{key}", below)
    elif value not in (None, "", [], ()):
        yield path, list(value) if isinstance(value, tuple) else value


@dataclass(slots=True)
class TurnEvents:
    """Events of one call's turns, made from its facts; `tags` are the call's id and its series' tags."""

    tags: Mapping[str, str]
    _number: int = 0
    _response_ms: float | None = None
    _parts: dict[str, float] = field(default_factory=dict)
    _prompt: int | None = None
    _completion: int | None = None

    def add(self, fact: Fact, at: float, exemplar: tuple[int, int, int] | None = None) -> CallEvent | None:
        """Record a fact at `at` (Unix seconds), with its exemplar or `None`; return the turn that it ends, if any."""
        match fact:
            case Responded(seconds):
                self._response_ms = round(seconds * 1000, 3)
            case ResponsePart(part, seconds):
                self._parts[part] = round(seconds * 1000, 3)
            case TokensUsed():
                self._prompt = (self._prompt or 0) + fact.prompt
                self._completion = (self._completion or 0) + fact.completion
            case TurnEnded(outcome):
                return self._end_turn(at, exemplar, outcome=outcome.value, cut=outcome is TurnOutcome.INTERRUPTED)
            case Unanswered(cause):
                return self._end_turn(at, exemplar, outcome="unanswered", cut=False, cause=str(cause))
        return None

    def _end_turn(
        self, at: float, exemplar: tuple[int, int, int] | None, *, outcome: str, cut: bool, cause: str | None = None
    ) -> CallEvent:
        self._number += 1
        turn: dict[str, EventValue | None] = {
            "number": self._number,
            "outcome": outcome,
            "interrupted": cut,
            "cause": cause,
            "response_ms": self._response_ms,
            **{f"parts.{part}_ms": milliseconds for part, milliseconds in self._parts.items()},
            "prompt_tokens": self._prompt,
            "completion_tokens": self._completion,
        }
        self._response_ms = self._prompt = self._completion = None
        self._parts.clear()
        fields = {f"voice.turn.{name}": value for name, value in turn.items() if value is not None}
        _, trace_id, span_id = exemplar or (0, 0, 0)
        return CallEvent(TURN_EVENT, at, {**self.tags, **fields}, trace_id=trace_id, span_id=span_id)
