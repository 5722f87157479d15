"""Sends the script as the plug-in would have sent it, with the moments that it would have had."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from voice_metrics.series import table

from .hundred_calls import RECORDED, SPAN_SECONDS, Call, Event, tags
from .otlp import Feed, Points

INTERVAL_SECONDS = 10.0
# Longer than Prometheus looks back for a value.
OUTAGE = (900.0, 1380.0)


@dataclass
class Replay:
    """One run of the script through the chain.

    Parameters:
        feed: Where requests go.
        script: The calls.
        labelled: Whether every call has series of its own.
        started_at: Beginning of the script in unix seconds.
    """

    feed: Feed
    script: list[Call]
    labelled: bool
    started_at: float
    own: dict[str, Points] = field(default_factory=dict)
    shared: dict[str, Points] = field(default_factory=dict)
    owed: dict[str, Points] = field(default_factory=dict)
    refused: int = 0

    def run(self) -> None:
        """Send everything; afterwards Prometheus has it."""
        moments = sorted(
            {step * INTERVAL_SECONDS for step in range(1, int(SPAN_SECONDS / INTERVAL_SECONDS) + 1)}
            | {call.end for call in self.script if call.end is not None}
        )
        due: dict[tuple[str, float], list[Event]] = defaultdict(list)
        for call in self.script:
            for event in call.events:
                if event.at <= moments[-1]:
                    due[call.call_id, moments[bisect_left(moments, event.at)]].append(event)
        before = 0.0
        for moment in moments:
            self._happened(due, before, moment)
            self._send(before, moment)
            before = moment
        for name, (attributes, value) in RECORDED.items():
            self.feed.record(name, attributes, value, self.started_at + SPAN_SECONDS)
        self.feed.settle(self.started_at + SPAN_SECONDS)

    def live_series(self) -> int:
        """Series that had a point within five minutes before the end, in Prometheus' way of counting."""
        recent = {call.call_id for call in self.script if call.end is None or call.end > SPAN_SECONDS - 300}
        groups = [points for name, points in self.own.items() if name in recent] + list(self.shared.values())
        return sum(
            len(line.buckets) + 2 if line.series.kind is table.Kind.HISTOGRAM else 1
            for points in groups
            for line in points.lines.values()
            if points.instance != "i1"
        )

    def _happened(self, due: Mapping[tuple[str, float], list[Event]], after: float, until: float) -> None:
        for call in self.script:
            for event in due.get((call.call_id, until), ()):
                self._record(call, event, after)
            if after < call.begin <= until:
                self._record(call, Event(call.begin, table.CALLS_ACTIVE, {}, 1), after)
            if call.end is not None and after < call.end <= until:
                self._record(call, Event(call.end, table.CALLS_ACTIVE, {}, -1), after)
                if self.labelled:
                    self.own[call.call_id].ended_at = self.started_at + call.end
            if call.begin <= until and (call.end is None or call.end > after):
                self._grow(call, after, until)

    def _grow(self, call: Call, after: float, until: float) -> None:
        lived = (until if call.end is None else min(until, call.end)) - max(after, call.begin)
        self._record(call, Event(until, table.SESSION_DURATION, {}, lived), after)
        if not self.labelled and call.end is not None and call.end <= until:
            self._record(call, Event(until, table.SESSION_DURATION, {}, -(call.end - call.begin)), after)

    def _record(self, call: Call, event: Event, before: float) -> None:
        attributes = tags(call, event.series, event.attributes, self.labelled)
        if table.CALL_ID in attributes:
            points = self.own.setdefault(call.call_id, Points(self.started_at + call.begin, call.process))
            self.owed[call.call_id] = points
        else:
            points = self.shared.setdefault(call.process, Points(self.started_at, call.process))
        points.add(event.series, attributes, event.value, self.started_at + before)

    def _send(self, before: float, moment: float) -> None:
        if OUTAGE[0] < moment <= OUTAGE[1]:
            self.refused += 1
            return
        # The process that was replaced is gone after its last call.
        gone = all(call.end is not None and call.end < before for call in self.script if call.process == "i1")
        shared = [points for name, points in self.shared.items() if not (name == "i1" and gone and moment > 1500)]
        assert self.feed.send([*self.owed.values(), *shared], self.started_at + moment)
        for call in self.script:
            if call.end is not None and call.end <= moment:
                self.owed.pop(call.call_id, None)
