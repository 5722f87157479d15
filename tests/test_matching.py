"""Speech and the turn that it answers: tables of work on an answer, and of turns without one."""

from __future__ import annotations

import pytest

from voice_metrics.call.conversation import Conversation
from voice_metrics.call.errors import ErrorRaised
from voice_metrics.call.events import (
    BotStarted,
    BotStopped,
    CallerIdle,
    CallerKeyed,
    CallerMuted,
    Interruption,
    KeyPressed,
    ModelEnded,
    ModelSpoke,
    ModelStarted,
    ModelWaits,
    ModelWrote,
    SpeechEnded,
    SpeechMade,
    SpeechStarted,
    TurnHeard,
    TurnsAnnounced,
    UserStarted,
    UserStopped,
    VoiceStarted,
    VoiceStopped,
)
from voice_metrics.call.facts import Cause, Fact, Responded, Unanswered
from voice_metrics.call.functions import FunctionAnswered, FunctionDropped, FunctionRaised, FunctionRunning
from voice_metrics.call.matching import FAILED_VOICE_SECONDS, Answers
from voice_metrics.call.question import DEAD_AIR_SECONDS, NEXT_STEP_SECONDS, PATIENCE_SECONDS
from voice_metrics.pipecat.services import leg_of_name

Timed = tuple[float, object]
ASKED: list[Timed] = [(0.0, TurnsAnnounced()), (1.0, UserStarted()), (2.0, UserStopped()), (2.0, TurnHeard(True))]
COUGHED: list[Timed] = [(0.0, TurnsAnnounced()), (1.0, UserStarted()), (2.0, UserStopped()), (2.0, TurnHeard(False))]
SILENT: list[Timed] = [(3.0, SpeechStarted()), (3.5, SpeechEnded())]
THINKS: list[Timed] = [(2.1, ModelStarted()), (2.5, ModelSpoke()), (2.6, ModelEnded())]
WRITES: list[Timed] = [(2.1, ModelStarted()), (2.5, ModelWrote()), (2.6, ModelEnded())]
SPOKEN: list[Timed] = [(2.9, ModelSpoke()), (3.0, ModelEnded()), (3.2, BotStarted())]
RUNS = FunctionRunning(1, "call_1", "book")
CONTINUES = FunctionAnswered(2, "call_1", "book")
# A function that asks for no further inference.
HELD: list[Timed] = [
    *ASKED,
    (2.1, ModelStarted()),
    (2.2, RUNS),
    (2.3, ModelEnded()),
    (2.4, FunctionAnswered(2, "call_1", "book", asks_model=False)),
]
LLM_FAILS = ErrorRaised(97, "OpenAILLMService", "unknown")
STT_FAILS = ErrorRaised(98, "DeepgramSTTService", "unknown")
TTS_FAILS = ErrorRaised(99, "CartesiaTTSService", "unknown")


# The answer to a second turn was made when the third begins, and waits behind the first answer.
QUEUED: list[Timed] = [
    *(*ASKED, *THINKS, (2.7, SpeechStarted()), (2.8, SpeechMade()), (2.9, SpeechEnded()), (3.0, BotStarted())),
    *((4.0, UserStarted()), (5.0, UserStopped()), (5.0, TurnHeard(True)), (5.1, ModelStarted()), (5.2, ModelSpoke())),
    *((5.3, ModelEnded()), (5.4, SpeechStarted()), (5.5, SpeechMade()), (5.6, SpeechEnded())),
    (6.0, UserStarted()),
]


@pytest.mark.parametrize(
    ("events", "then"),
    [
        pytest.param([(8.0, BotStopped()), (8.5, BotStarted())], [Responded(3.5)], id="heard"),
        pytest.param([(6.1, Interruption())], [Unanswered(Cause.CALLER_RESUMED)], id="interrupted"),
    ],
)
def test_answer_that_waits_is_heard_although_the_caller_goes_on(events: list[Timed], then: list[Fact]) -> None:
    assert _facts([*QUEUED, *events]) == [Responded(1.0), *then]


# A second turn ends while the model works on the first, and the caller goes on.
BESIDE: list[Timed] = [
    *(*ASKED, (2.1, ModelStarted()), (3.0, UserStarted()), (4.0, UserStopped()), (4.0, TurnHeard(True))),
]
SECOND: list[Timed] = [(5.0, ModelStarted()), (5.1, ModelSpoke()), (5.2, ModelEnded()), (5.3, SpeechStarted())]
SECOND = [*SECOND, (5.4, SpeechMade()), (5.5, SpeechEnded()), (5.5, BotStarted()), (5.9, BotStopped())]
THIRD: list[Timed] = [(7.0, UserStarted()), (8.0, UserStopped()), (8.0, TurnHeard(True)), (8.1, ModelStarted())]
THIRD = [*THIRD, (8.2, ModelSpoke()), (8.3, ModelEnded()), (8.4, SpeechStarted()), (8.5, SpeechMade())]
THIRD = [*THIRD, (8.6, SpeechEnded()), (8.75, BotStarted())]


@pytest.mark.parametrize(
    ("events", "then"),
    [
        pytest.param([(4.5, ModelEnded())], [Unanswered(Cause.NO_ANSWER), Responded(1.5)], id="nothing-to-say"),
        pytest.param(
            [(4.5, LLM_FAILS), (4.5, ModelEnded())],
            [Unanswered(Cause.ERROR), Responded(1.5)],
            id="a-model-that-failed",
        ),
        # A model whose end is not seen.
        pytest.param([], [Responded(3.5), Unanswered(Cause.CALLER_RESUMED)], id="nothing-seen"),
    ],
)
def test_turn_whose_answer_is_never_heard_shifts_no_later_one(events: list[Timed], then: list[Fact]) -> None:
    assert _facts([*BESIDE, *events, *SECOND, *THIRD]) == [*then, Responded(0.75)]


def test_answer_that_waits_at_the_end_of_the_call_is_not_heard() -> None:
    conversation = Conversation(leg_of_name)
    for at, event in QUEUED:
        conversation.observe(event, at)
    assert [fact for fact in conversation.end(7.0) if isinstance(fact, Unanswered)] == [Unanswered(Cause.CALL_ENDED)]


def test_speech_that_began_after_the_caller_went_on_is_not_the_answer_that_waits() -> None:
    answers = Answers(leg_of_name)
    for at, event in QUEUED:
        if isinstance(event, BotStarted):
            answers.bot_started(at)
        else:
            answers.observe(event, at)
    assert answers.bot_started(8.5, 7.0) == (Unanswered(Cause.CALLER_RESUMED),)


def _facts(events: list[Timed]) -> list[Fact]:
    conversation = Conversation(leg_of_name)
    return [
        fact
        for at, event in events
        for fact in conversation.observe(event, at)
        if isinstance(fact, (Responded, Unanswered))
    ]


@pytest.mark.parametrize(
    ("events", "seconds"),
    [
        pytest.param([*ASKED, *THINKS, (3.0, BotStarted())], 1.0, id="the-models-answer"),
        pytest.param([*ASKED, (2.1, ModelStarted()), (60.0, BotStarted())], 58.0, id="a-model-at-work-is-waited-for"),
        pytest.param([*HELD, (3.3, SpeechStarted()), (5.0, BotStarted())], 3.0, id="what-a-function-says-itself"),
        pytest.param(
            [*ASKED, (2.1, ModelStarted()), (2.2, ModelEnded()), (2.3, RUNS), (40.0, BotStarted())],
            38.0,
            id="words-while-a-function-runs",
        ),
        pytest.param(
            [
                *ASKED,
                *((2.1, ModelStarted()), (2.2, RUNS), (2.3, ModelEnded()), (20.0, CONTINUES)),
                *((20.1, ModelStarted()), (20.5, ModelSpoke()), (20.6, ModelEnded()), (21.0, BotStarted())),
            ],
            19.0,
            id="the-model-goes-on-with-a-result",
        ),
        pytest.param(
            [*ASKED, *THINKS, (2.7, SpeechStarted()), (2.6 + PATIENCE_SECONDS, BotStarted())],
            0.6 + PATIENCE_SECONDS,
            id="a-slow-voice",
        ),
        pytest.param(
            [
                *(*ASKED, *THINKS, (2.7, SpeechStarted()), (5.7, SpeechEnded()), (5.7, TTS_FAILS)),
                *((7.5, SpeechMade()), (7.6, BotStarted())),
            ],
            5.6,
            id="a-voice-slower-than-pipecat-awaits",
        ),
        pytest.param(
            [
                *((0.0, TurnsAnnounced()), (1.0, VoiceStarted()), (1.0, UserStarted()), (2.2, VoiceStopped(0.2))),
                *((2.4, UserStopped()), (2.4, TurnHeard(True)), (2.5, ModelStarted())),
                *((3.5, UserStarted()), (3.5, ModelEnded()), (3.6, UserStopped()), (3.6, TurnHeard(True))),
                *((3.7, ModelStarted()), (4.0, ModelSpoke()), (4.1, ModelEnded()), (5.0, BotStarted())),
            ],
            3.0,
            id="late-words-of-a-turn-that-the-model-answers-already",
        ),
        pytest.param(
            [
                *((0.4, CallerKeyed()), (0.5, CallerKeyed()), (2.5, UserStarted()), (2.8, UserStopped())),
                *((2.9, ModelStarted()), (3.5, BotStarted())),
            ],
            3.0,
            id="keys",
        ),
        pytest.param(
            [
                (0.5, CallerKeyed()),
                (1.0, UserStarted()),
                (3.0, UserStopped()),
                (3.1, ModelStarted()),
                (4.0, BotStarted()),
            ],
            1.0,
            id="speech-behind-a-key-that-nothing-answers",
        ),
        pytest.param([*ASKED, *WRITES, (2.8, ModelStarted()), *SPOKEN], 1.2, id="a-part-that-is-read-before"),
        pytest.param([*ASKED, (2.3, SpeechStarted()), (2.5, BotStarted())], 0.5, id="the-application-answers-itself"),
        pytest.param([*COUGHED, (2.2, ModelStarted()), (3.0, BotStarted())], 1.0, id="the-bot-asks-what-was-said"),
        pytest.param(
            [
                (0.9, ModelStarted()),
                (1.0, UserStarted()),
                (1.5, ModelStarted()),
                (2.0, UserStopped()),
                (2.2, BotStarted()),
            ],
            0.2,
            id="a-model-that-began-before-the-turn-was-certain-to-end",
        ),
        pytest.param(
            [
                *ASKED,
                *((2.1, ModelStarted()), (2.2, LLM_FAILS), (2.3, ModelEnded())),
                *((2.4, ModelStarted()), (2.5, ModelSpoke()), (3.0, BotStarted())),
            ],
            1.0,
            id="a-second-model-takes-over",
        ),
        pytest.param(
            [
                *ASKED,
                *THINKS,
                (3.0, SpeechStarted()),
                (3.5, SpeechEnded()),
                (3.6, SpeechStarted()),
                (4.0, BotStarted()),
            ],
            2.0,
            id="a-silent-sentence-before-the-first-audible-one",
        ),
        pytest.param(
            [*ASKED, *THINKS, (2.7, VoiceStarted(0.1)), (2.8, VoiceStopped(0.1)), (3.0, BotStarted())],
            1.0,
            id="noise-while-the-caller-waits",
        ),
        pytest.param(
            [*ASKED, *THINKS, (2.7, SpeechStarted()), (2.8, CallerIdle()), (3.0, BotStarted())],
            1.0,
            id="the-caller-was-called-idle-too-early",
        ),
        pytest.param(
            [*ASKED, *THINKS, (2.7, Interruption()), (2.8, ModelStarted()), (5.0, ModelSpoke()), (6.0, BotStarted())],
            4.0,
            id="a-typed-message-takes-the-place-of-the-answer",
        ),
        pytest.param(
            [*ASKED, *THINKS, (2.7, Interruption()), (2.9, SpeechStarted()), (4.0, BotStarted())],
            2.0,
            id="the-application-speaks-in-place-of-the-answer",
        ),
        pytest.param(
            [*ASKED, *THINKS, (2.7, SpeechStarted()), (2.8, Interruption()), (3.0, BotStarted())],
            1.0,
            id="and-the-interruption-passes-late",
        ),
        pytest.param(
            [
                *ASKED,
                *THINKS,
                (2.7, SpeechStarted()),
                (2.8, Interruption()),
                (4.5, SpeechStarted()),
                (4.8, BotStarted()),
            ],
            2.8,
            id="a-sentence-in-place-of-a-dropped-answer",
        ),
        pytest.param(
            [
                *(*ASKED, (2.1, ModelStarted()), (2.5, ModelSpoke()), (2.6, Interruption()), (2.6, ModelEnded())),
                *((4.5, SpeechStarted()), (4.8, BotStarted())),
            ],
            2.8,
            id="a-sentence-in-place-of-one-dropped-in-the-making",
        ),
    ],
)
def test_what_is_a_response(events: list[Timed], seconds: float) -> None:
    assert _facts(events) == [Responded(pytest.approx(seconds))]


LATER = (12.0, BotStarted())
# What the bot says at once for another reason.
ELSE: list[Timed] = [(3.0, BotStarted()), (5.0, BotStopped())]


@pytest.mark.parametrize(
    ("events", "cause"),
    [
        pytest.param([*COUGHED, LATER], Cause.NO_TRANSCRIPT, id="a-cough-and-an-idle-prompt"),
        pytest.param(
            [*COUGHED, (9.0, CallerIdle()), (9.1, ModelStarted()), (9.2, ModelSpoke()), (9.3, BotStarted())],
            Cause.NO_TRANSCRIPT,
            id="an-idle-prompt-that-the-model-writes",
        ),
        pytest.param(
            [(1.0, UserStarted()), (1.9, TurnHeard(False)), (2.0, UserStopped()), (2.1, SpeechStarted()), LATER],
            Cause.NO_TRANSCRIPT,
            id="known-to-be-wordless-before-the-end-passes",
        ),
        pytest.param(
            [
                (1.0, UserStarted()),
                (1.5, STT_FAILS),
                (2.0, UserStopped()),
                (2.0, TurnHeard(False)),
                LATER,
            ],
            Cause.ERROR,
            id="recognition-failed",
        ),
        pytest.param(
            [*ASKED, (2.1, ModelStarted()), (2.2, LLM_FAILS), (2.3, ModelEnded()), *ELSE],
            Cause.ERROR,
            id="the-model-failed",
        ),
        pytest.param([*ASKED, (2.2, LLM_FAILS), LATER], Cause.ERROR, id="the-model-failed-unseen"),
        pytest.param(
            [*ASKED[:2], (2.0, ModelStarted()), (2.0, ModelEnded()), (2.0, LLM_FAILS), (2.0, UserStopped()), LATER],
            Cause.ERROR,
            id="the-model-failed-before-the-end-of-the-turn-passed",
        ),
        pytest.param(
            [*ASKED, (2.1, ModelStarted()), (2.3, ModelEnded()), *ELSE],
            Cause.NO_ANSWER,
            id="the-model-said-nothing",
        ),
        pytest.param([*HELD, LATER], Cause.NO_ANSWER, id="a-function-that-asks-for-no-words"),
        pytest.param(
            [*HELD, (3.5, SpeechStarted()), (3.6, BotStarted())],
            Cause.NO_ANSWER,
            id="speech-that-begins-long-after-a-function",
        ),
        pytest.param(
            [*HELD, (3.0, SpeechStarted()), (3.5, SpeechEnded()), LATER],
            Cause.NO_AUDIO,
            id="words-of-a-function-that-are-never-heard",
        ),
        pytest.param(
            [*ASKED, (2.2, RUNS), (2.4, FunctionDropped(3, "call_1", "book")), *ELSE],
            Cause.NO_ANSWER,
            id="a-function-that-was-cancelled",
        ),
        pytest.param(
            [*ASKED, (2.2, RUNS), (2.4, FunctionRaised(3, "book")), (2.5, RUNS), LATER],
            Cause.NO_ANSWER,
            id="a-function-that-raised-and-is-seen-again-where-it-passes",
        ),
        pytest.param(
            [
                *(*ASKED, (2.2, RUNS), (2.4, LLM_FAILS), (2.4, FunctionRaised(97, "book")), (2.5, LLM_FAILS)),
                *((2.6, SpeechStarted()), (2.8, BotStarted()), (4.0, BotStopped()), (20.0, BotStarted())),
            ],
            Cause.ERROR,
            id="a-function-that-raised-and-whose-error-is-seen-again-where-it-passes",
        ),
        pytest.param(
            [*ASKED, *THINKS, (2.7, SpeechStarted()), (2.9, SpeechEnded()), (4.5, BotStarted())],
            Cause.NO_AUDIO,
            id="the-voice-gave-no-audio",
        ),
        pytest.param(
            [
                *(*ASKED, *THINKS, (2.7, SpeechStarted()), (2.9, SpeechEnded())),
                *((4.5, SpeechStarted()), (4.6, SpeechMade()), (4.7, BotStarted())),
            ],
            Cause.NO_AUDIO,
            id="other-speech-after-a-voice-without-audio",
        ),
        pytest.param([*ASKED, *THINKS, (13.0, BotStarted())], Cause.NO_AUDIO, id="the-voice-never-began"),
        pytest.param(
            [*ASKED, *THINKS, (2.7, TTS_FAILS), (2.8 + FAILED_VOICE_SECONDS, BotStarted())],
            Cause.ERROR,
            id="the-voice-failed",
        ),
        pytest.param([*ASKED, (2.1 + PATIENCE_SECONDS, BotStarted())], Cause.NO_ANSWER, id="nothing-worked-on-it"),
        pytest.param(
            [*ASKED, (2.1, ModelStarted()), (3.0, UserStarted()), (3.0, Interruption())],
            Cause.CALLER_RESUMED,
            id="the-caller-went-on",
        ),
        pytest.param(
            [
                *(*ASKED, *THINKS, (2.7, SpeechStarted()), (2.8, Interruption())),
                *((2.9 + PATIENCE_SECONDS, SpeechStarted()), (3.2 + PATIENCE_SECONDS, BotStarted())),
            ],
            Cause.NO_ANSWER,
            id="the-answer-was-dropped-and-nothing-took-its-place",
        ),
        pytest.param([*COUGHED, (2.5, UserStarted())], Cause.NO_TRANSCRIPT, id="a-cough-and-then-a-turn"),
        pytest.param(
            [*ASKED, (2.1, ModelStarted()), (3.0, ModelEnded()), (3.0, UserStarted()), (3.0, Interruption())],
            Cause.CALLER_RESUMED,
            id="the-caller-went-on-and-the-model-s-end-came-first",
        ),
        pytest.param(
            [*ASKED, (2.1, ModelStarted()), (2.7, ModelEnded()), (3.0, UserStarted())],
            Cause.NO_ANSWER,
            id="the-model-had-nothing-to-say-and-then-the-caller-went-on",
        ),
        pytest.param(
            [*ASKED, (2.1, ModelStarted()), (2.0 + DEAD_AIR_SECONDS, UserStarted()), (5.0, Interruption())],
            Cause.NO_ANSWER,
            id="the-caller-waited-long-and-went-on",
        ),
    ],
)
def test_what_leaves_a_turn_unanswered(events: list[Timed], cause: Cause) -> None:
    assert _facts(events) == [Unanswered(cause)]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([*ASKED, (2.1, ModelStarted())], [Unanswered(Cause.CALL_ENDED)], id="while-the-model-works"),
        pytest.param(
            HELD,
            [Unanswered(Cause.CALL_ENDED)],
            id="a-function-hangs-up",
        ),
        pytest.param([*ASKED, (2.2, LLM_FAILS)], [Unanswered(Cause.ERROR)], id="right-after-an-error"),
        pytest.param(COUGHED, [Unanswered(Cause.NO_TRANSCRIPT)], id="right-after-a-cough"),
        pytest.param([*ASKED, *THINKS, (2.8, BotStarted()), (2.9, BotStopped())], [], id="after-the-answer"),
        pytest.param([(1.0, UserStarted())], [], id="in-the-middle-of-the-callers-turn"),
        pytest.param([(1.0, VoiceStarted()), (2.0, VoiceStopped(0.2))], [], id="after-a-pause-that-no-turn-confirms"),
    ],
)
def test_what_the_end_of_the_call_leaves_unanswered(events: list[Timed], expected: list[Fact]) -> None:
    conversation = Conversation(leg_of_name)
    for at, event in events:
        conversation.observe(event, at)

    assert [fact for fact in conversation.end(3.0) if isinstance(fact, Unanswered)] == expected


@pytest.mark.parametrize(
    ("events", "cause"),
    [
        pytest.param([*ASKED, (2.1, ModelStarted())], Cause.NO_ANSWER, id="the-model-gave-nothing"),
        pytest.param([*ASKED, *THINKS, (2.7, SpeechStarted())], Cause.NO_AUDIO, id="the-voice-gave-nothing"),
        pytest.param([*ASKED, (2.1, ModelStarted()), (2.2, RUNS)], Cause.CALL_ENDED, id="a-function-ran"),
        pytest.param([*ASKED, (2.1, ModelStarted()), (2.2, ModelWaits())], Cause.CALL_ENDED, id="the-bot-waited"),
    ],
)
def test_call_that_ends_after_a_long_silence_ends_for_want_of_an_answer(events: list[Timed], cause: Cause) -> None:
    conversation = Conversation(leg_of_name)
    for at, event in events:
        conversation.observe(event, at)

    ended = conversation.end(2.0 + DEAD_AIR_SECONDS)

    assert [fact for fact in ended if isinstance(fact, Unanswered)] == [Unanswered(cause)]


@pytest.mark.parametrize(("ends_at", "cause"), [(10.0, Cause.CALL_ENDED), (8.0 + DEAD_AIR_SECONDS, Cause.NO_ANSWER)])
def test_caller_waits_in_silence_once_the_bot_has_said_what_it_says_before(ends_at: float, cause: Cause) -> None:
    conversation = Conversation(leg_of_name)
    for at, event in [*QUEUED[:15], (8.0, BotStopped())]:
        conversation.observe(event, at)

    assert [fact for fact in conversation.end(ends_at) if isinstance(fact, Unanswered)] == [Unanswered(cause)]


def test_one_question_lapses_once_and_the_next_is_answered_as_itself() -> None:
    again: list[Timed] = [(20.0, UserStarted()), (21.0, UserStopped()), (21.5, ModelStarted()), (22.0, BotStarted())]

    assert _facts([*COUGHED, LATER, (13.0, BotStopped()), *again]) == [Unanswered(Cause.NO_TRANSCRIPT), Responded(1.0)]


def test_a_turn_that_is_announced_before_its_voice_is_heard_leaves_the_question_behind() -> None:
    asked: list[Timed] = [
        *((0.0, TurnsAnnounced()), (1.0, VoiceStarted()), (1.0, UserStarted()), (2.2, VoiceStopped(0.2))),
        *((2.4, UserStopped()), (2.4, TurnHeard(True)), (2.5, ModelStarted())),
    ]
    resumed: list[Timed] = [(3.0, UserStarted()), (3.2, VoiceStarted()), (4.0, VoiceStopped(0.2)), (4.2, UserStopped())]

    facts = _facts([*asked, *resumed, (4.3, ModelStarted()), (5.0, BotStarted())])

    assert facts == [Unanswered(Cause.CALLER_RESUMED), Responded(pytest.approx(1.2))]


@pytest.mark.parametrize("later", [[], [(5.0, UserStarted())], [(30.0, BotStarted())]], ids=str)
@pytest.mark.parametrize("answer", [WRITES, [*THINKS, (2.6, KeyPressed())]], ids=["text", "key"])
def test_silent_answer_is_no_response_and_leaves_no_turn_unanswered(answer: list[Timed], later: list[Timed]) -> None:
    conversation = Conversation(leg_of_name)
    facts = [fact for at, event in [*ASKED, *answer, *later] for fact in conversation.observe(event, at)]

    assert not any(isinstance(fact, (Responded, Unanswered)) for fact in [*facts, *conversation.end(40.0)])


def test_turn_of_a_muted_caller_asks_nothing_and_an_open_turn_still_ends() -> None:
    muted = [(0.0, TurnsAnnounced()), (0.5, CallerMuted()), (1.0, UserStarted()), (2.0, UserStopped())]
    opened = [(0.0, TurnsAnnounced()), (1.0, UserStarted()), (1.5, CallerMuted()), (2.0, UserStopped())]

    assert _facts([*muted, (2.5, BotStarted())]) == []
    assert _facts([*opened, (2.5, BotStarted())]) == [Responded(0.5)]


def test_model_that_answers_before_the_turn_ends_leaves_it_answered_where_nothing_detects_the_voice() -> None:
    turn: list[Timed] = [(0.0, TurnsAnnounced()), (1.0, UserStarted())]
    answer: list[Timed] = [(2.5, ModelStarted()), (2.5, ModelSpoke()), (4.0, ModelEnded())]
    heard_first = [*turn, (2.4, BotStarted()), *answer[:2], (2.8, UserStopped()), answer[2], (20.0, BotStarted())]
    made_first = [*turn, *answer[:2], (2.6, BotStarted()), (2.8, UserStopped()), answer[2], (20.0, BotStarted())]
    another: list[Timed] = [(1.5, BotStarted()), (1.9, BotStopped()), (2.0, UserStopped()), (2.1, ModelStarted())]

    assert _facts(heard_first) == _facts(made_first) == []
    assert _facts([*turn, *another, (3.0, BotStarted())]) == [Responded(1.0)]


SPEAKS_HALF: list[Timed] = [
    *((0.0, TurnsAnnounced()), (1.0, VoiceStarted()), (1.0, UserStarted()), (2.2, VoiceStopped(0.2))),
    *((2.5, ModelStarted()), (3.0, ModelWaits()), (3.0, ModelEnded())),
]


def test_reminder_of_an_unfinished_turn_is_no_response_and_leaves_it_not_unanswered() -> None:
    reminds: list[Timed] = [(8.0, ModelStarted()), (8.5, UserStopped()), (8.5, ModelSpoke()), (9.0, BotStarted())]

    assert _facts([*SPEAKS_HALF, *reminds, (10.0, BotStopped()), (30.0, UserStarted())]) == []


@pytest.mark.parametrize(
    "went_on",
    [
        pytest.param([(4.0, VoiceStarted()), (5.0, VoiceStopped(0.2))], id="after-the-verdict"),
        pytest.param([(2.7, VoiceStarted()), (5.0, VoiceStopped(0.2))], id="before-the-verdict"),
    ],
)
def test_answer_to_a_turn_that_went_on_is_its_response(went_on: list[Timed]) -> None:
    answers: list[Timed] = [(5.2, ModelStarted()), (5.5, UserStopped()), (5.5, ModelSpoke()), (6.0, BotStarted())]

    assert _facts(sorted([*SPEAKS_HALF, *went_on, *answers], key=lambda timed: timed[0])) == [
        Responded(pytest.approx(1.2))
    ]


def test_noise_that_no_turn_confirms_asks_nothing_where_turns_are_announced() -> None:
    noise: list[Timed] = [(0.0, TurnsAnnounced()), (1.0, VoiceStarted()), (1.5, VoiceStopped(0.2))]

    assert _facts([*noise, (3.0, SpeechStarted()), (3.1, BotStarted())]) == []


def test_words_that_come_after_their_turn_ended_empty_are_answered_from_the_callers_silence() -> None:
    events: list[Timed] = [
        *((1.0, VoiceStarted()), (1.0, UserStarted()), (2.0, VoiceStopped(0.25)), (2.2, UserStopped())),
        *(
            (2.2, TurnHeard(False)),
            (4.0, UserStarted()),
            (4.0, UserStopped()),
            (4.1, ModelStarted()),
            (4.75, BotStarted()),
        ),
    ]

    assert _facts(events) == [Responded(3.0)]


NOISE: list[Timed] = [
    *((1.0, VoiceStarted()), (1.0, UserStarted()), (2.0, VoiceStopped(0.25)), (2.2, UserStopped())),
    (2.2, TurnHeard(False)),
]


@pytest.mark.parametrize(
    "later",
    [
        pytest.param([(8.0, UserStarted())], id="a-turn-too-late-for-the-words"),
        pytest.param([(4.0, VoiceStarted()), (4.0, UserStarted())], id="the-caller-speaks-again"),
        pytest.param([(4.0, BotStarted())], id="an-idle-prompt"),
    ],
)
def test_words_that_do_not_come_late_either_are_one_unanswered_turn(later: list[Timed]) -> None:
    assert _facts([*NOISE, *later]) == [Unanswered(Cause.NO_TRANSCRIPT)]


def test_words_that_do_not_come_before_the_call_ends_are_one_unanswered_turn() -> None:
    conversation = Conversation(leg_of_name)
    facts = [fact for at, event in NOISE for fact in conversation.observe(event, at)]
    facts += [*conversation.observe(BotStopped(), 4.0), *conversation.end(4.5)]
    assert [fact for fact in facts if isinstance(fact, Unanswered)] == [Unanswered(Cause.NO_TRANSCRIPT)]


AHEAD: list[Timed] = [
    *((1.0, VoiceStarted()), (1.0, UserStarted()), (2.2, VoiceStopped(0.2)), (2.5, ModelStarted())),
    *((2.5, SpeechStarted()), (2.6, BotStarted())),
]
TOLD_TWICE: list[Timed] = [(2.8, UserStopped()), (2.8, UserStopped())]


def test_a_model_that_answers_before_the_turns_end_is_announced_answers_from_the_callers_silence() -> None:
    assert _facts([*AHEAD, *TOLD_TWICE, LATER]) == [Responded(pytest.approx(0.6))]


def test_a_model_may_answer_before_the_detector_tells_the_callers_silence() -> None:
    speaks: list[Timed] = [(1.0, VoiceStarted()), (1.0, UserStarted())]
    early: list[Timed] = [(1.8, ModelStarted()), (1.8, SpeechStarted()), (1.9, BotStarted())]
    makes: list[Timed] = [(2.3, ModelStarted()), (2.3, SpeechStarted())]
    silence: list[Timed] = [(2.8, VoiceStopped(0.8)), (2.8, VoiceStopped(0.8))]
    ended: list[Timed] = [(2.9, UserStopped()), LATER]
    whole: list[Timed] = [(2.5, SpeechEnded()), (2.5, ModelEnded()), (2.7, BotStopped())]

    for answer in ([(2.4, BotStarted())], [(2.4, BotStarted()), *whole], [(2.4, BotStarted()), (2.5, Interruption())]):
        assert _facts([*speaks, *makes, *answer, *silence, *ended]) == [Responded(pytest.approx(0.4))]
    # What the bot says before the caller falls silent is no response, nor what a model began with before.
    begun = [(1.8, ModelStarted()), (1.8, SpeechStarted()), (2.4, BotStarted())]
    for other in (early, begun):
        assert _facts([*speaks, *other, *silence, *ended[:1]]) == []


def test_a_caller_continuing_after_an_early_answer_asks_again() -> None:
    goes_on: list[Timed] = [(3.0, VoiceStarted()), (4.2, VoiceStopped(0.2)), (4.5, UserStopped())]
    answer: list[Timed] = [
        (4.55, SpeechEnded()),
        (4.6, BotStopped()),
        (4.7, ModelStarted()),
        (4.75, SpeechStarted()),
        (5.0, BotStarted()),
    ]
    assert _facts([*AHEAD, *goes_on, *answer]) == [Responded(pytest.approx(0.6)), Responded(pytest.approx(1.0))]


def test_speech_that_no_model_makes_answers_no_open_turn() -> None:
    scheduled: list[Timed] = [*AHEAD[:3], (2.5, SpeechStarted()), (2.6, BotStarted()), (2.8, UserStopped())]
    assert _facts(scheduled) == []


def test_a_step_may_follow_as_late_as_the_next_step_may() -> None:
    failed: list[Timed] = [*ASKED, (2.1, ModelStarted()), (2.2, ModelEnded())]
    second: list[Timed] = [(2.2 + NEXT_STEP_SECONDS, ModelStarted()), (4.0, BotStarted())]

    assert _facts([*failed, *second]) == [Responded(2.0)]


def test_functions_of_an_earlier_turn_keep_no_later_question_open() -> None:
    background: list[Timed] = [*ASKED, (2.1, RUNS), (2.5, BotStarted()), (3.0, BotStopped())]
    cough: list[Timed] = [(5.0, UserStarted()), (6.0, UserStopped()), (6.0, TurnHeard(False)), LATER]

    assert _facts([*background, *cough]) == [Responded(0.5), Unanswered(Cause.NO_TRANSCRIPT)]
