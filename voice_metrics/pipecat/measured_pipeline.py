"""The pipeline of a recorder's calls: its services, the recorder's place in it, and the listeners at its processors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from pipecat.frames.frames import Frame

from voice_metrics.call.events import UserStopped, VoiceStopped
from voice_metrics.call.facts import Leg
from voice_metrics.call.incoming import Event
from voice_metrics.call.models import ServiceSwitched
from voice_metrics.call.proofs import Proof
from voice_metrics.call.response_parts import Breakdown
from voice_metrics.pipecat import breakdowns, out_of_band, set_up_times
from voice_metrics.pipecat.answer_frames import has_model, has_voice, leg_of
from voice_metrics.pipecat.heard_contexts import HeardContexts
from voice_metrics.pipecat.metrics_frames import MetricsReader
from voice_metrics.pipecat.microphones import Microphones
from voice_metrics.pipecat.origins import Origins
from voice_metrics.pipecat.own_detectors import OwnDetectors
from voice_metrics.pipecat.partners import Partners
from voice_metrics.pipecat.passing_speech import passing_speech
from voice_metrics.pipecat.placement import Placement, before_bridges
from voice_metrics.pipecat.pushes import Pushes
from voice_metrics.pipecat.reading import Readers
from voice_metrics.pipecat.responses import Responses
from voice_metrics.pipecat.segments import Segments
from voice_metrics.pipecat.service_metrics import ServiceMetrics
from voice_metrics.pipecat.services import Services, services_in
from voice_metrics.pipecat.speeches import Speeches
from voice_metrics.pipecat.switches import resting_in
from voice_metrics.pipecat.tracks import Tracks
from voice_metrics.pipecat.unreported_text import UnreportedText
from voice_metrics.pipecat.workers import (
    children_of,
    classifying_in,
    partners_of,
    peers_count,
    peers_of,
    processors_of,
    processors_of_workers,
)


class Listener(out_of_band.Listener, Protocol):
    """Receives what is heard at the processors of a pipeline."""

    def at_origin(self, event: Event, processor: Any) -> None:
        """Record an event that was read at the processor that caused it."""
        ...

    def interruption_passed(self, service: str, number: int) -> None:
        """Record that a service passes an interruption on, with its name in Pipecat and the frame's number."""
        ...

    def speech_began(self, voice: str, number: int, is_alone: bool) -> None:
        """Record that a voice begins a speech, with its name in Pipecat; `is_alone` if it works on no other one."""
        ...

    def switched(self, switch: ServiceSwitched) -> None:
        """Record the change of a service in use."""
        ...

    def inference_failed(self, instance: str, error_type: str, is_over: bool) -> None:
        """Record a failed response of a language model, which may be over."""
        ...

    def proved(self, number: int, proof: Proof) -> None:
        """Record whether the measurements in the frame `number` are true, as far as it is known."""
        ...

    def explained(self, breakdown: Breakdown) -> None:
        """Record Pipecat's breakdown of a response."""
        ...

    def was_set_up(self, data: Any) -> None:
        """Record a service's set-up time from Pipecat's report."""
        ...


class MeasuredPipeline:
    """One pipeline, or none before a recorder's first set-up.

    Parameters:
        worker: Pipecat's worker that runs it, or `None`.
        processors: Its processors, nested ones included.
        services: Its services.
        metrics: Reader of their MetricsFrames.
        placement: The place of the recorder.
        tracks: The tracks of its output.
        readers: Readers of the frames that pass there.

    Args:
        listener: Receives what is heard.
        clock: Monotonic seconds.
    """

    def __init__(self, listener: Listener, clock: Callable[[], float]) -> None:
        self.worker: Any = None
        self.processors: list[Any] = []
        self.services = Services()
        self.metrics = MetricsReader(self.services)
        self.placement = Placement()
        self.tracks = Tracks()
        self.readers = Readers(listener.read_frame)
        self._listener = listener
        self._clock = clock
        pushes = Pushes(listener.faulted)
        self._origins = Origins(listener.at_origin, pushes, clock)
        self._responses = Responses(
            listener.inferred,
            listener.inference_failed,
            listener.proved,
            listener.interruption_passed,
            pushes,
            clock,
        )
        self._service_metrics = ServiceMetrics(listener.read_frame, listener.interruption_passed, pushes)
        self._segments = Segments(listener.proved, pushes)
        self._speeches = Speeches(listener.speech_began, listener.faulted)
        self._unreported_text = UnreportedText(listener.read_frame, listener.proved, listener.faulted, pushes)
        self._out_of_band = out_of_band.OutOfBand(listener)
        self._partners = Partners(listener.at_origin, listener.switched, self._responses, self._service_metrics, pushes)
        self._breakdowns: breakdowns.Breakdowns | None = None
        self._microphones = Microphones()
        self._own_detectors = OwnDetectors(pushes, clock)
        self._peers_count = 0

    @property
    def turns_are_announced(self) -> bool:
        """True if an aggregator of the user's turns announces them."""
        return self._origins.turns_are_announced

    def listen_in_front(self, processor: Any) -> None:
        """Listen for errors of the processors in front of one, which are set up before it."""
        # A processor that stands in a pipeline twice is in front of itself.
        passed: set[int] = set()
        while (processor := processor.previous) is not None and id(processor) not in passed:
            passed.add(id(processor))
            self._origins.listen(processors_of(processor))

    def find_place(self, worker: Any) -> None:
        """Examine the pipeline of a worker for the recorder's place."""
        self.processors = list(processors_of(worker.pipeline))
        self.placement.examine(worker, self.processors, self._listener)

    def enter(self, worker: Any) -> None:
        """Find the services of the worker's pipeline, and listen for its errors, turns and answers."""
        self.worker, self._peers_count = worker, 0
        silent = {processor.name for processor in classifying_in(self.processors)}
        self.services = Services(
            services_in(self.processors),
            lambda: processors_of_workers(peers_of(worker)),
            (*resting_in(self.processors), *silent),
        )
        self.metrics = MetricsReader(self.services, HeardContexts(self.processors))
        self._microphones = Microphones(self.processors)
        self._own_detectors.listen(self.processors)
        self._origins.listen(self.processors)
        self._listen_to_speech_services(self.processors)
        self._out_of_band.enter(worker, self.services)
        self._out_of_band.watch(self.processors)
        meter = self.placement.meter
        speech = passing_speech(worker.pipeline, self.processors, meter, self._listener.at_origin, self._clock)
        self.readers.read_speech(speech)
        talking = [processor for processor in self.processors if processor.name not in silent]
        self.tracks = Tracks(talking)
        makers = self.tracks.measured(talking)
        self._origins.listen_to_answers(
            makers,
            speech=speech is None,
            voiceless=not has_voice(talking),
            modelless=not has_model(self.processors),
        )
        if meter is None:
            # An observer sees an interruption where it is made, and not where it passes a service.
            self._service_metrics.listen(one for one in self.processors if leg_of(one) in (Leg.LLM, Leg.TTS))
        else:
            self._service_metrics.listen(before_bridges(worker.pipeline, meter))

    async def listen(self, task_manager: Any) -> None:
        """Listen for set-up times, errors at the worker, other workers and breakdowns, once a call has begun.

        Args:
            task_manager: The worker's, as a processor's `setup` receives it.
        """
        if self.placement.meter is not None:
            await set_up_times.attach(self.worker, task_manager, self._listener.was_set_up)
        self._origins.listen_above(self.worker)
        self._partners.attach(self.worker)
        self._partners.listen(children_of(self.worker), answers=True)
        # A breakdown names parts of the language model's and the voice's work.
        if breakdowns.EXPLAINS and self.services.model(Leg.LLM) and self.services.model(Leg.TTS):
            self._breakdowns = breakdowns.Breakdowns(self.worker, self._listener.explained, self._listener.faulted)
            await self._breakdowns.attach(task_manager)

    def look_again(self) -> None:
        """Listen to workers that were added since."""
        if self.worker is None:
            return
        self._partners.listen(children_of(self.worker), answers=True)
        if (count := peers_count(self.worker)) != self._peers_count:
            self._peers_count = count
            partners = tuple(partners_of(self.worker))
            self._partners.listen(partners, answers=False)
            processors = tuple(processors_of_workers(partners))
            self._listen_to_speech_services(processors)
            self._out_of_band.watch((*partners, *processors))

    def _listen_to_speech_services(self, processors: Sequence[Any]) -> None:
        self._segments.listen(processors)
        self._speeches.listen(processors)
        self._unreported_text.listen(processors)

    def voice_stopped(self, stopped: VoiceStopped, at: float) -> VoiceStopped:
        """Return the true end of the caller's speech, whose end is reported at `at`."""
        return self._microphones.end(stopped, at)

    def turn_stopped(self, stopped: UserStopped, at: float) -> UserStopped:
        """Return the end of the caller's turn at `at`, with the silence that a service's own detector waited for."""
        return self._own_detectors.end(stopped, at)

    def voice_started(self, frame: Frame) -> None:
        """Have Pipecat break the next response down, because the caller's voice started with `frame`."""
        if self._breakdowns is not None:
            self._breakdowns.voice_started(frame)
