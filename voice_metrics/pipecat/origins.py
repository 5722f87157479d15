"""Errors, function calls and answers, read at their origin, whatever the place of the measuring processor.

Errors travel up from a service, function-call frames end in the assistant's aggregator and a model's text in the voice,
so a processor misses them in some places. Listening to the processors that make them is right in all places, and costs
2 to 5 microseconds per frame and processor.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from typing import Any

from pipecat.frames.frames import ErrorFrame

from voice_metrics.call.errors import MOST_WAITING
from voice_metrics.call.incoming import Event
from voice_metrics.call.seen import Seen
from voice_metrics.pipecat.answer_frames import listen_to_maker, listen_to_turns
from voice_metrics.pipecat.conversation_frames import event, function_raised
from voice_metrics.pipecat.failures import TIMEOUT_EVENT, timeout_error
from voice_metrics.pipecat.pushes import Pushes
from voice_metrics.pipecat.workers import has_event

# Pipecat calls handlers of that event a moment later, behind those of the error.
_SAME_FAILURE_SECONDS = 0.25


class Origins:
    """Listens for errors, turns and answers at processors, once each, for as long as they live.

    Args:
        happened: Receives each event and its processor, synchronously, in that processor's task. It must not raise:
            Pipecat would log that as an error.
        pushes: Listens to what processors push.
        clock: Monotonic seconds.
    """

    def __init__(
        self, happened: Callable[[Event, Any], None], pushes: Pushes, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._happened = happened
        self._pushes = pushes
        self._clock = clock
        # Pipecat 1.3 cannot remove a listener, and processors are set up again after a StopFrame.
        self._heard: set[int] = set()
        self._makers: set[int] = set()
        self._reported = Seen(MOST_WAITING)
        # Moment of the latest error of each model that may run out of time.
        self._failed_at: dict[int, float] = {}
        self.turns_are_announced = False

    def listen(self, processors: Iterable[Any]) -> None:
        """Listen for errors and turns of the processors that are new."""
        for processor in processors:
            if processor.id in self._heard:
                continue
            self._heard.add(processor.id)
            processor.add_event_handler("on_error", self._report_error)
            if has_event(processor, TIMEOUT_EVENT):
                self._failed_at[processor.id] = -math.inf
                processor.add_event_handler(TIMEOUT_EVENT, self._report_timeout)
            if listen_to_turns(processor, self._happened):
                self.turns_are_announced = True

    def listen_to_answers(
        self,
        processors: Iterable[Any],
        *,
        speech: bool = True,
        voiceless: bool = False,
        modelless: bool = False,
        answers: bool = True,
    ) -> None:
        """Listen to the makers of answers among the processors that are new.

        Args:
            processors: The processors.
            speech: False if their speech is read where it passes.
            voiceless: True if their text is read, because the call has no voice.
            modelless: True if replies show a model's work, because the call has no service for it.
            answers: False if the caller hears nothing of them, so that only function calls are read.
        """
        for processor in processors:
            if processor.id not in self._makers:
                self._makers.add(processor.id)
                listen_to_maker(
                    processor,
                    self._pushes,
                    self._happened,
                    self._clock,
                    speech=speech,
                    voiceless=voiceless,
                    modelless=modelless,
                    answers=answers,
                )

    def listen_above(self, worker: Any) -> None:
        """Listen, once, for errors that reach the pipeline's worker."""
        if worker.id not in self._heard:
            self._heard.add(worker.id)
            worker.add_event_handler("on_pipeline_error", self._report_unheard_error)

    def _report_error(self, processor: Any, frame: ErrorFrame) -> None:
        self._reported.first(frame.id)
        if processor.id in self._failed_at:
            self._failed_at[processor.id] = self._clock()
        for raised in (event(frame, processor), function_raised(frame)):
            if raised is not None:
                self._happened(raised, processor)

    def _report_timeout(self, processor: Any) -> None:
        if self._clock() - self._failed_at[processor.id] > _SAME_FAILURE_SECONDS:
            self._report_error(processor, timeout_error(processor))

    def _report_unheard_error(self, worker: Any, frame: ErrorFrame) -> None:
        # A processor may push an ErrorFrame upstream without emitting the event.
        if self._reported.first(frame.id) and (raised := event(frame)) is not None:
            self._happened(raised, frame.processor)
