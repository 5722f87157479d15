"""The measurements of a call's services on their way to its outputs: latencies wait for an interruption."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from voice_metrics.call.fact_outputs import FactOutputs
from voice_metrics.call.facts import AgentInvoked, Fact, FirstAudio, FirstByte, Leg, Processing, TextAggregated, Usage
from voice_metrics.call.holdback import HOLD_SECONDS, Companion, Cut, Held, HoldBack, Latency
from voice_metrics.call.outputs import SpanIds
from voice_metrics.call.proofs import Proof, Proofs
from voice_metrics.call.stopwatches import Stopwatches

# Services that end the measurement of a request just before or after its error.
_BREAK_OFF = (Leg.TTS, Leg.STT)
# A measurement without a proof, with its moment, its span and the number of its frame.
_Waiting = tuple[Latency | Usage, float, SpanIds | None, int]


class Measurements:
    """One call's measurements. Every `at` and `now` is in monotonic seconds.

    Parameters:
        held: Those that wait.
        stopwatches: The stopwatches of its voices.

    Args:
        outputs: Destination of the measurements.
        leg: Returns the part of a processor in a conversation.
    """

    def __init__(self, outputs: FactOutputs, leg: Callable[[str], Leg]) -> None:
        self.held = HoldBack()
        self.stopwatches = Stopwatches()
        self._outputs = outputs
        self._leg = leg
        self._failing: dict[str, str] = {}
        # Moment of each service's latest error.
        self._broke_off_at: dict[str, float] = {}
        self._is_closing = self._cut_off = False
        self._proofs = Proofs()
        self._unproven: list[_Waiting] = []
        # First bytes of a voice that failed, in the end of the call: they are true if audio follows.
        self._unheard: list[_Waiting] = []
        self._voice_made_at = 0.0

    def add(
        self,
        fact: Fact,
        at: float,
        span: SpanIds | None = None,
        now: float | None = None,
        number: int = 0,
        cut: Cut | None = None,
    ) -> None:
        """Record a measurement of a service, or hold it while it may prove false.

        Args:
            fact: The measurement; latencies are held back for a moment, because an interruption makes them false.
            at: Moment of its arrival.
            span: Its trace id and span id, or `None`.
            now: Moment at which it is read, or `None` for `at`.
            number: Place of its frame in the order in which frames are made; 0 if unknown.
            cut: The interruption that is read next, or `None`.
        """
        proof = self._proofs.noted.get(number)
        if proof is not None and isinstance(fact, (FirstByte, Processing, Usage)):
            if proof is Proof.OPEN:
                self._unproven.append((fact, at, span, number))
                return
            if proof is Proof.VOID or isinstance(fact, Usage):
                return
            fact = replace(fact, interrupted=True)
        if self._is_of_two_speeches(fact, number):
            return
        if isinstance(fact, Latency):
            self._add_latency(fact, at, span, now, number, cut)
        elif not (self._cut_off and isinstance(fact, AgentInvoked)):  # an interrupted request has none
            self._outputs.record(fact, at, span)
            # It is no piece of the inference that its service runs for the conversation.
            if isinstance(fact, Companion) and not getattr(fact, "out_of_band", False):
                self._add_to_throughput(fact, at)

    def _is_of_two_speeches(self, fact: Fact, number: int) -> bool:
        match fact:
            case FirstByte(instance=str(voice)):
                return self.stopwatches.is_false(voice, number)
            case FirstAudio(instance=str(voice)):
                return self.stopwatches.was_false(voice)
        return False

    def _add_latency(
        self, fact: Latency, at: float, span: SpanIds | None, now: float | None, number: int, cut: Cut | None
    ) -> None:
        """Record, hold back or drop a latency; mark it if its request was cut off."""
        instance, leg = fact.instance or "", self._leg(fact.processor)
        if self._failing and isinstance(fact, Processing) and instance in self._failing:
            fact = replace(fact, error_type=self._failing.pop(instance))
        broke_off_at = self._broke_off_at.get(instance, 0.0)
        if is_failed := isinstance(fact, FirstByte) and at - fact.seconds < broke_off_at:
            if leg in _BREAK_OFF and at - broke_off_at <= HOLD_SECONDS:
                return
            if leg is Leg.TTS and self._is_closing and self._voice_made_at <= broke_off_at:
                self._unheard.append((fact, at, span, number))
                return
        # An interruption follows a transcript that starts the caller's turn at once, but that latency is true.
        if leg is Leg.STT and isinstance(fact, FirstByte):
            self._outputs.record(fact, at, span)
            return
        # A voice reports the processing of a finished sentence only.
        if self._cut_off and (isinstance(fact, FirstByte) or leg is Leg.LLM):
            fact = replace(fact, interrupted=True)
        if cut is not None and cut.is_before(fact, number):
            fact = replace(fact, interrupted=True)
        if now is not None and self.held.is_settled(at, now):
            self._record_latency(fact, now, span, is_failed=is_failed)
        else:
            by_order = leg is Leg.STT or isinstance(fact, TextAggregated)
            self.held.put(fact, at, number, span, is_failed=is_failed, by_order=by_order)

    def _record_latency(self, fact: Latency, at: float, span: SpanIds | None, *, is_failed: bool = False) -> None:
        if not (fact.interrupted and (is_failed or isinstance(fact, TextAggregated))):
            self._outputs.record(fact, at, span)

    def _add_to_throughput(self, fact: Companion, at: float) -> None:
        if self.held:
            self.held.put_companion(fact, at)
            self.release(at)
        else:
            self._outputs.record_throughput(fact, at)

    def proved(self, number: int, proof: Proof, now: float) -> None:
        """Record the proof of the measurements in the frame `number`, and add those that waited for it."""
        self._proofs.note(number, proof)
        if proof is Proof.OPEN:
            return
        waiting, self._unproven = self._unproven, []
        self._add_again(waiting, now)

    def voice_made_audio(self, now: float) -> None:
        """Record that a voice made audio, and add the first bytes that waited for it."""
        self._voice_made_at = now
        waiting, self._unheard = self._unheard, []
        self._add_again(waiting, now)

    def _add_again(self, waiting: Iterable[_Waiting], now: float) -> None:
        for fact, at, span, number in waiting:
            self.add(fact, at, span, now, number)

    def waiting(self) -> Iterator[Fact]:
        """Yield the measurements that wait, as they are recorded if nothing more comes."""
        yield from self.held.latencies()
        yield from (_without_proof(fact) for fact, *_ in self._unproven)

    def failed(self, instance: str, error_type: str, *, is_over: bool = False) -> None:
        """Record a failed response of the service `instance`.

        Args:
            instance: Pipecat's name of it.
            error_type: The error's type.
            is_over: True if its processing time may be held already; otherwise that is still to come.
        """
        if not (is_over and self.held.failed(instance, error_type)):
            self._failing[instance] = error_type

    def broke_off(self, processor: str, instance: str, at: float) -> None:
        """Record an error of a service, whose request under way may have failed.

        Pipecat measures a failed request on until the next interruption; several voices end its measurement just before
        or after the error. A first byte that comes in its time is true: the error was another one.
        """
        self._broke_off_at[instance] = at
        if self._leg(processor) is Leg.TTS:
            self.held.broke_off(instance)
            self._unheard = [one for one in self._unheard if one[0].instance != instance]

    def line_closed(self, *, cut_off: bool) -> None:
        """Expect services to report the time so far of the requests that they drop; all of them if `cut_off`."""
        self._is_closing = True
        self._cut_off = self._cut_off or cut_off

    def interrupted(self, at: float, number: int | None) -> None:
        """Record held measurements, because the interruption `number` came."""
        self._unheard = []
        self._record(self.held.interrupted(at, number), at)

    def release(self, at: float) -> None:
        """Record held measurements that are due."""
        self._record(self.held.due(at), at)

    def flush(self, at: float) -> None:
        """Record all measurements that wait."""
        unproven, self._unproven = self._unproven, []
        for fact, _, span, _ in unproven:
            self._outputs.record(_without_proof(fact), at, span)
        self._record(self.held.flush(), at)

    def _record(self, released: Iterable[Held], at: float) -> None:
        for one in released:
            # Companions were recorded at once; the throughput needs them in the order of the held facts.
            if isinstance(one.fact, Companion):
                self._outputs.record_throughput(one.fact, at)
            else:
                self._record_latency(one.fact, at, one.span, is_failed=one.is_failed)


def _without_proof(fact: Latency | Usage) -> Fact:
    return fact if isinstance(fact, Usage) else replace(fact, interrupted=True)
