"""A call's end reason, and the party that ended it, from Pipecat's worker, transports and frames."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pipecat.frames import frames
from pipecat.frames.frames import (
    CancelFrame,
    EndFrame,
    ErrorFrame,
    Frame,
    InputTransportMessageFrame,
    StartFrame,
    StopFrame,
)

from voice_metrics.call.call_end import EndedBy
from voice_metrics.call.events import BotStarted, UserStarted, VoiceStarted
from voice_metrics.call.facts import EndReason
from voice_metrics.pipecat.failures import gives_up
from voice_metrics.pipecat.workers import has_event, is_a, is_output

# Last words of Pipecat's reason when its `ProcessorUnusablePolicy.CANCEL` cancels a call; since 1.8.0.
_GAVE_UP = "can no longer do its job"
# Pipecat's reason when its worker saw no activity for `idle_timeout_secs`.
_IDLE = "idle timeout"
# Pipecat's reason when a runner, which `worker.end()` stops, cancels its workers before they take their EndFrame.
_RUNNER_EXITS = "runner exiting"
_WORDS = {by.value: by for by in EndedBy}
# Frames that end a pipeline.
ENDS = (EndFrame, StopFrame, CancelFrame)
# A processor requests a CancelFrame with it; the name changed in 1.4.0.
_ASKS_TO_CANCEL: type[Frame] = getattr(frames, "CancelWorkerFrame", None) or frames.CancelTaskFrame
# Daily's transport is an extra, so its frames are known by their names.
_TRANSFERS = {"DailySIPTransferFrame", "DailySIPReferFrame"}
# A client's message over Pipecat's RTVI protocol by which the caller ends the call.
_DISCONNECT = {"label": "rtvi-ai", "type": "disconnect-bot"}
# Pipecat 1.8.0 gives up a pipeline that is not set up or not started in time.
_TIMED_OUT = ("on_setup_timeout", "on_pipeline_timeout")
# Transports name the event differently; those with several emit the first as well.
_HUNG_UP = ("on_client_disconnected", "on_participant_left", "on_participant_disconnected")


def reads(kind: type[Frame]) -> bool:
    """True if frames of a class bear on a call's end without ending it."""
    return issubclass(kind, InputTransportMessageFrame) or any(base.__name__ in _TRANSFERS for base in kind.__mro__)


class Ending:
    """Evidence for the end of one call after the other.

    Args:
        closed: Called on the event loop when a pipeline receives its end, with True if the end drops its work.
        reached_output: Called on the event loop when the pipeline's output receives the EndFrame.
    """

    def __init__(
        self,
        closed: Callable[[bool], None] = lambda cut_off: None,
        reached_output: Callable[[], None] = lambda: None,
    ) -> None:
        self._closed = closed
        self._reached_output = reached_output
        self._outputs: list[Any] = []
        self._worker: Any = None
        self._heard: set[tuple[int, str]] = set()
        self._is_running = False
        self._forget_evidence()

    def _forget_evidence(self) -> None:
        self._failed = self._hung_up = self._idle = self._transfers = self._voicemail = False
        self._spoken_since = self._asked = False
        self._end: Frame | None = None

    def begin(self, worker: Any, processors: Iterable[Any]) -> None:
        """Forget the last call and listen for the end of the next.

        Args:
            worker: Pipecat's worker of the pipeline, or `None` if unknown.
            processors: The processors of its pipeline, nested ones included.
        """
        self._forget_evidence()
        if worker is None or worker is self._worker:
            return
        self._worker, self._is_running = worker, False
        self._listen(worker, "on_pipeline_started", self._record_start)
        self._listen(worker, "on_idle_timeout", self._record_idle)
        self._listen(worker, "on_pipeline_error", self._record_error_that_ends)
        for event in _TIMED_OUT:
            self._listen(worker, event, self._record_start_timeout)
        for source in worker.pipeline.entry_processors:
            # The end enters here; behind the output it is seen only after the caller's line was closed.
            self._listen(source, "on_before_process_frame", self._record_end_at_entry)
        processors = list(processors)
        self._outputs = [processor for processor in processors if is_output(processor)]
        for processor in processors:
            self._listen(processor, "on_user_turn_idle", self._record_idle)
            self._listen(processor, "on_voicemail_detected", self._record_voicemail)
            if (line := _transport_of(processor)) is not None:
                self._listen(line, next(event for event in _HUNG_UP if has_event(line, event)), self._record_hang_up)
                self._listen(line, "on_client_connected", self._withdraw_hang_up)

    def failed(self) -> None:
        """Record an error that ends the call."""
        self._failed = True

    def observe(self, event: object) -> None:
        """Record an event of the conversation; speech means that the call continues."""
        match event:
            case UserStarted() | VoiceStarted():
                self._idle, self._spoken_since = False, True
            case BotStarted() if self._spoken_since:
                # The bot answers a caller: an earlier transfer failed, and who hung up was another participant.
                self._transfers = self._hung_up = False

    def read(self, frame: Frame) -> None:
        """Read a frame that bears on the call's end without ending it."""
        if not isinstance(frame, InputTransportMessageFrame):
            self._transfers, self._spoken_since = True, False
        elif isinstance(frame.message, dict) and _DISCONNECT.items() <= frame.message.items():
            self._hang_up()

    def reason(self, frame: Frame) -> EndReason:
        """Return the end reason for the frame that ends the call; `ended_by` uses the first such frame."""
        self._end = self._end or frame
        # A fatal error makes Pipecat cancel the pipeline, and an EndFrame may be faster.
        if self._failed or _stated_reason(frame).endswith(_GAVE_UP):
            return EndReason.ERROR
        return EndReason.CANCELLED if isinstance(frame, CancelFrame) else EndReason.COMPLETED

    def reason_without_frame(self) -> EndReason:
        """Return the end reason of a call whose pipeline is cleaned up without a frame that ends it."""
        if self._failed:
            return EndReason.ERROR
        # A pipeline that is cancelled before its start gets no CancelFrame from Pipecat 1.8.0 on; before, the processor
        # that keeps the StartFrame keeps it too.
        cancelled = not self._is_running and getattr(self._worker, "_cancelled", False) is True
        return EndReason.CANCELLED if cancelled else EndReason.UNKNOWN

    def ended_by(self, reason: EndReason) -> EndedBy:
        """Return the party or cause that ended the call, by its end reason, its last frame and the evidence."""
        if reason is EndReason.ERROR:
            return EndedBy.ERROR
        end = self._end
        if _stated_reason(end) == _RUNNER_EXITS:
            end = self._overtaken_end() or end
        stated = _stated_reason(end)
        # After a hang-up that nothing in the bot ended, Pipecat's time-out does minutes later.
        self._idle = self._idle or stated == _IDLE
        asked = isinstance(end, (EndFrame, StopFrame)) or self._asked
        return _WORDS.get(stated) or self._ended_by_evidence() or (EndedBy.BOT if asked else EndedBy.UNKNOWN)

    def _overtaken_end(self) -> EndFrame | None:
        """Return the EndFrame that waits for the worker, whose runner cancelled it; `None` without one."""
        waiting = getattr(getattr(self._worker, "_push_queue", None), "_queue", ())
        return next((frame for frame in waiting if isinstance(frame, EndFrame)), None)

    def _ended_by_evidence(self) -> EndedBy | None:
        clues = (
            (self._transfers, EndedBy.TRANSFER),
            (self._voicemail, EndedBy.VOICEMAIL),
            (self._hung_up, EndedBy.CALLER),
            (self._idle, EndedBy.IDLE),
        )
        return next((by for clue, by in clues if clue), None)

    def _listen(self, source: Any, event: str, handler: Any) -> None:
        # Pipecat 1.3 cannot remove a listener, and processors are set up again after a StopFrame.
        if has_event(source, event) and (source.id, event) not in self._heard:
            self._heard.add((source.id, event))
            source.add_event_handler(event, handler)

    def _record_start(self, worker: Any, frame: Frame) -> None:
        self._is_running = self._is_running or worker is self._worker

    def _record_error_that_ends(self, worker: Any, frame: ErrorFrame) -> None:
        if worker is self._worker and gives_up(worker, frame):
            self._failed = True

    def _record_start_timeout(self, worker: Any, frame: Frame | None = None) -> None:
        # Cancelling may time out as well.
        if worker is self._worker and (frame is None or isinstance(frame, StartFrame)):
            self._failed = True

    def _record_end_at_entry(self, source: Any, frame: Frame) -> None:
        if isinstance(frame, ENDS):
            self._end = self._end or frame
            self._closed(isinstance(frame, CancelFrame))
            for output in self._outputs if isinstance(frame, EndFrame) else ():
                # Only now, because this costs a microsecond for each frame of the output.
                self._listen(output, "on_before_process_frame", self._record_end_at_output)
        elif isinstance(frame, _ASKS_TO_CANCEL):
            self._asked = True

    def _record_end_at_output(self, output: Any, frame: Frame) -> None:
        # The output passes it on behind two seconds of silence, which it plays so that the last words arrive.
        if isinstance(frame, EndFrame):
            self._reached_output()

    def _record_idle(self, source: Any) -> None:
        self._idle = self._idle or self._end is None

    def _record_voicemail(self, source: Any) -> None:
        self._voicemail = True

    def _record_hang_up(self, line: Any, *client: Any) -> None:
        self._hang_up()

    def _hang_up(self) -> None:
        # After the end the bot itself closes the line.
        if self._end is None:
            self._hung_up, self._spoken_since = True, False

    def _withdraw_hang_up(self, line: Any, *client: Any) -> None:
        self._hung_up = False


def _stated_reason(frame: Frame | None) -> str:
    return str(getattr(frame, "reason", None) or "")


def _transport_of(processor: Any) -> Any | None:
    """The transport of an input or output processor, or `None`."""
    if not is_a(processor, "BaseInputTransport", "BaseOutputTransport"):
        return None
    client = getattr(processor, "_client", None)
    # Some inputs know their transport, the others a client with callbacks that are the transport's methods.
    callbacks = (getattr(getattr(held, "_callbacks", None), _HUNG_UP[0], None) for held in (processor, client))
    held = [getattr(processor, "_transport", None), *(getattr(callback, "__self__", None) for callback in callbacks)]
    return next((line for line in held if any(has_event(line, event) for event in _HUNG_UP)), None)
