"""Listens to language models as they push their frames, some of which do not reach every place of a pipeline."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from pipecat.frames.frames import (
    ErrorFrame,
    Frame,
    FunctionCallCancelFrame,
    FunctionCallResultFrame,
    FunctionCallsStartedFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    MetricsFrame,
)
from pipecat.metrics.metrics import ProcessingMetricsData, TTFBMetricsData

from voice_metrics.call.facts import Fact, FirstByte, Leg, ModelAnswered
from voice_metrics.call.inferences import Inferences
from voice_metrics.call.proofs import Proof
from voice_metrics.pipecat import attempts, first_outputs, usage_snapshots
from voice_metrics.pipecat.conversation_frames import shared_id
from voice_metrics.pipecat.failures import TIMEOUT_EVENT, error_raised, timeout_error
from voice_metrics.pipecat.pushes import Pushes
from voice_metrics.pipecat.service_metrics import CUTS
from voice_metrics.pipecat.services import Service, services_in
from voice_metrics.pipecat.workers import has_event

# Modules of services that hear and speak; from 1.8.0 on their metadata says so.
_DUPLEX = ("realtime", "gemini_live", "nova_sonic", "ultravox", "voice_live", "live")
_READ = (
    LLMTextFrame,
    LLMFullResponseStartFrame,
    LLMFullResponseEndFrame,
    MetricsFrame,
    FunctionCallsStartedFrame,
    FunctionCallResultFrame,
    FunctionCallCancelFrame,
    *CUTS,
)


class Responses:
    """Listens for the responses of a pipeline's language models, once each, for as long as they live.

    Args:
        happened: Receives each fact, on the event loop.
        failed: Receives Pipecat's name of a model and the error's type when a response of it fails, and whether the
            response is over.
        proved: Receives the number of a frame with measurements, and their proof.
        passed: Receives Pipecat's name of a model that passes an interruption on, and the interruption's number.
        pushes: Listens to what they push.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        happened: Callable[[Fact], None],
        failed: Callable[[str, str, bool], None],
        proved: Callable[[int, Proof], None],
        passed: Callable[[str, int], None],
        pushes: Pushes,
        clock: Callable[[], float],
    ) -> None:
        self._happened = happened
        self._failed = failed
        self._proved = proved
        self._passed = passed
        self._pushes = pushes
        self._clock = clock
        self._inferences: dict[int, Inferences] = {}

    def listen(self, processors: Iterable[Any]) -> None:
        """Listen to the language models that are new.

        Args:
            processors: All processors of the pipeline, nested ones included.
        """
        for processor in processors:
            if processor.id in self._inferences:
                continue
            service = next(iter(services_in((processor,))), None)
            if service is not None and service.leg is Leg.LLM:
                duplex = is_duplex(processor)
                self._inferences[processor.id] = _new_inferences(service, duplex=duplex)
                if duplex:
                    outputs = first_outputs.FirstOutputs(
                        self._proved, partial(self._report_first_byte, processor, service), self._clock
                    )
                    self._pushes.listen(processor, outputs.read, first_outputs.reads)
                else:
                    snapshots = usage_snapshots.UsageSnapshots(self._proved)
                    self._pushes.listen(processor, snapshots.read, usage_snapshots.reads)
                if attempts.repeats_requests(processor):
                    judge = attempts.Attempts(self._proved, self._inferences[processor.id].went_on)
                    self._pushes.listen(processor, judge.read, attempts.reads)
                self._pushes.listen(processor, self._record_push, lambda kind: issubclass(kind, _READ))
                processor.add_event_handler("on_error", self._fail_response)
                if has_event(processor, TIMEOUT_EVENT):
                    processor.add_event_handler(TIMEOUT_EVENT, self._fail_late_response)

    def _report_first_byte(self, processor: Any, service: Service, seconds: float) -> None:
        model = self._inferences[processor.id].model
        self._report_facts(processor, [FirstByte(service.processor, model, seconds, instance=service.name)])

    def _fail_response(self, processor: Any, frame: ErrorFrame) -> None:
        raised = error_raised(frame, processor)
        if raised is None or not raised.instance:
            return
        if self._inferences[processor.id].failed(raised.error_type):
            self._failed(processor.name, raised.error_type, False)

    def _fail_late_response(self, processor: Any) -> None:
        raised = error_raised(timeout_error(processor), processor)
        if raised is not None and not self._inferences[processor.id].has_failed:
            self._failed(processor.name, raised.error_type, True)

    def _record_push(self, processor: Any, frame: Frame) -> None:
        inferences, at = self._inferences[processor.id], self._clock()
        match frame:
            case LLMTextFrame():
                inferences.chunk(at)
            case LLMFullResponseStartFrame():
                inferences.began(at)
            case LLMFullResponseEndFrame():
                self._report_facts(processor, inferences.ended(at))
            case MetricsFrame():
                _record_latencies(inferences, processor, frame, at)
            case FunctionCallsStartedFrame():
                for call in frame.function_calls:
                    inferences.called(call.tool_call_id)
            case FunctionCallResultFrame() if _is_final(frame):
                self._report_facts(processor, inferences.returned(frame.tool_call_id, at, answers=_runs_llm(frame)))
            case FunctionCallCancelFrame() if getattr(frame, "run_llm", False):
                self._report_facts(processor, inferences.returned(frame.tool_call_id, at, answers=True))
            case FunctionCallCancelFrame():
                # An interruption cancels the functions first.
                inferences.cancelled(frame.tool_call_id)
            case _:
                inferences.interrupted()
                self._passed(processor.name, shared_id(frame))

    def _report_facts(self, processor: Any, facts: Iterable[Fact]) -> None:
        for fact in facts:
            # Without `enable_metrics` no latency is measured, here neither.
            if processor.metrics_enabled or isinstance(fact, ModelAnswered):
                self._happened(fact)


def _new_inferences(service: Service, *, duplex: bool) -> Inferences:
    inferences = Inferences(service.processor, service.name, duplex=duplex)
    inferences.model = service.model
    return inferences


def is_duplex(processor: Any) -> bool:
    """True for a model that hears and speaks itself."""
    metadata = getattr(processor, "service_metadata_frame", None)
    try:
        if metadata is not None and getattr(metadata(), "is_realtime_service", False):
            return True
    except Exception:  # the application's own service may not be ready for this question
        return False
    return any(part in _DUPLEX for base in type(processor).__mro__ for part in base.__module__.split("."))


def _record_latencies(inferences: Inferences, processor: Any, frame: MetricsFrame, at: float) -> None:
    for item in frame.data:
        if item.processor != processor.name:
            continue
        if item.model:
            inferences.model = item.model
        match item:
            case TTFBMetricsData(value=seconds) if seconds:
                inferences.first_byte(seconds, at)
            case ProcessingMetricsData(value=seconds) if seconds:
                inferences.processed()


def _is_final(frame: FunctionCallResultFrame) -> bool:
    return getattr(frame.properties, "is_final", True)


def _runs_llm(frame: FunctionCallResultFrame) -> bool:
    run_llm = getattr(frame.properties, "run_llm", None)
    return run_llm is not False and getattr(frame, "run_llm", None) is not False
