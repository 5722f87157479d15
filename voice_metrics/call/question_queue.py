"""Questions whose answers wait behind what the bot says, or are still made, while the caller goes on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from voice_metrics.call.errors import ErrorRaised
from voice_metrics.call.events import CallerIdle, ModelEnded, ModelSpoke, TurnHeard
from voice_metrics.call.facts import Cause, Fact, Leg
from voice_metrics.call.functions import FunctionRunning
from voice_metrics.call.question import Question

# Bound of the answers that are still to be heard.
_MOST = 50


class _Queued(NamedTuple):
    """A question that waits.

    Parameters:
        question: The question.
        since: Moment at which the caller fell silent.
        until: Moment before which a voice began with the answer, or `None` if it is still made.
        is_overdue: True if the caller went on because no answer came.
    """

    question: Question
    since: float
    until: float | None
    is_overdue: bool

    @property
    def is_made(self) -> bool:
        """True if its answer only waits to be heard."""
        return self.until is not None


class QuestionQueue:
    """The questions before the latest one, in order; moments are monotonic seconds."""

    def __init__(self, leg: Callable[[str], Leg]) -> None:
        """Begin empty; `leg` maps a processor's class name to its part of the bot."""
        self._leg = leg
        self._queued: deque[_Queued] = deque(maxlen=_MOST)

    def __bool__(self) -> bool:
        return bool(self._queued)

    def put(self, question: Question, since: float, until: float | None = None, *, is_overdue: bool = False) -> None:
        """Add a question.

        Args:
            question: The question.
            since: Moment at which the caller fell silent.
            until: Moment before which a voice began with the answer, or `None` if it is still made.
            is_overdue: True if the caller went on because no answer came.
        """
        self._queued.append(_Queued(question, since, until, is_overdue))

    def worked_on(self, event: object, latest: Question) -> Question:
        """Return the question that a step is made for: none is for an open turn before, and models work in order."""
        if isinstance(event, TurnHeard | CallerIdle):
            return latest
        if latest.since is None:
            return next(self._being_made(), latest)
        if isinstance(event, FunctionRunning):
            return next((one for one in self._being_made() if one.lapses_at is not None), latest)
        is_failure = isinstance(event, ErrorRaised) and self._leg(event.processor) is Leg.LLM
        if is_failure or isinstance(event, ModelSpoke | ModelEnded):
            return next((one for one in self._being_made() if one.models), latest)
        return latest

    def answered(self, began_at: float | None) -> float | None:
        """Remove the first question if what a voice began at a moment is its answer.

        Returns:
            Moment at which its caller fell silent, or `None` if it is not.
        """
        if not self._queued or (began_at is None and self._queued[0].is_made):
            return None
        return None if self._queued[0].question.is_behind(began_at) else self._queued.popleft().since

    def left_behind(self, began_at: float | None) -> Sequence[Fact]:
        """Remove the first turns of which nothing is to be heard any more, once what a voice began at a moment is."""
        left: list[Fact] = []
        while self._queued and began_at is not None:
            until = self._queued[0].until
            if until is None or until > began_at:
                break
            left += self._queued.popleft().question.left_behind()
        while self._queued and not self._queued[0].is_made and self._queued[0].question.lapses_at is not None:
            left += self._queued.popleft().question.left_behind()
        return left

    def lapsed(self, at: float) -> Sequence[Fact]:
        """Remove the first turns whose answers were due."""
        lapsed: list[Fact] = []
        while self._queued and not self._queued[0].is_made and self._queued[0].question.has_lapsed(at):
            question = self._queued.popleft().question
            lapsed += question.unanswered(question.reason())
        return lapsed

    def dropped(self, cause: Cause) -> Sequence[Fact]:
        """Remove all turns, because their answers will not be heard: for `cause`, unless these were due before."""
        dropped = [
            fact
            for queued in self._queued
            for fact in queued.question.unanswered(queued.question.reason() if queued.is_overdue else cause)
        ]
        self._queued.clear()
        return dropped

    def step(self, at: float) -> None:
        """Record that the bot was heard to the end of something."""
        for queued in self._queued:
            queued.question.step(at)

    def await_audio(self, at: float) -> None:
        """Expect the audio of the answers that are still made, because the steps to come are those of a further one."""
        for question in self._being_made():
            question.await_audio(at)

    def _being_made(self) -> Iterator[Question]:
        return (queued.question for queued in self._queued if not queued.is_made)
