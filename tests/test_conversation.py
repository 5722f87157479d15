"""Who speaks when: tables of what counts, and laws that hold for any interleaving."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_metrics.call.conversation import Conversation
from voice_metrics.call.events import (
    BotSpeaking,
    BotStarted,
    BotStopped,
    Event,
    Interruption,
    UserStarted,
    UserStopped,
    VoiceStarted,
    VoiceStopped,
)
from voice_metrics.call.facts import Fact, Interrupted, Responded, TurnEnded, TurnOutcome

COMPLETED, INTERRUPTED = TurnOutcome.COMPLETED, TurnOutcome.INTERRUPTED
Timed = tuple[float, Event]


def _facts(events: list[Timed]) -> list[Fact]:
    conversation = Conversation()
    return _of_turns(fact for at, event in events for fact in conversation.observe(event, at))


def _of_turns(facts: Iterable[Fact]) -> list[Fact]:
    return [fact for fact in facts if isinstance(fact, (Responded, TurnEnded, Interrupted))]


def _responses(events: list[Timed]) -> list[float]:
    return [fact.seconds for fact in _facts(events) if isinstance(fact, Responded)]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([(1.0, UserStarted()), (2.0, UserStopped()), (2.75, BotStarted())], [0.75], id="reply"),
        pytest.param(
            [
                (1.0, VoiceStarted()),
                (1.0, UserStarted()),
                (2.0, VoiceStopped(0.25)),
                (2.5, UserStopped()),
                (3.0, BotStarted()),
            ],
            [1.25],
            id="a-detector-reports-the-true-end-of-speech",
        ),
        pytest.param([(1.0, BotStarted())], [], id="greeting-is-not-a-reply"),
        pytest.param([(1.0, UserStarted()), (2.0, UserStopped()), (2.0, BotStarted())], [0.0], id="reply-at-once"),
        pytest.param(
            [
                *((1.0, BotStarted()), (2.0, UserStarted()), (2.0, Interruption()), (2.0, BotStopped())),
                *((2.0, BotStarted()), (2.0, BotSpeaking()), (3.0, UserStopped()), (3.75, BotSpeaking())),
            ],
            [0.75],
            id="a-start-that-was-reported-too-early",
        ),
        pytest.param([(3.0, UserStopped()), (2.5, BotStarted())], [], id="moments-that-go-back-are-no-wait"),
        pytest.param(
            [
                (1.0, VoiceStarted()),
                (1.0, UserStarted()),
                (2.0, VoiceStopped(0.25)),
                (2.2, BotStarted()),
                (2.4, BotStopped()),
                (2.5, UserStopped()),
                (3.0, BotStarted()),
            ],
            [1.25],
            id="a-word-of-the-bot-inside-the-callers-turn-is-no-reply",
        ),
        pytest.param(
            [
                (1.0, VoiceStarted()),
                (1.0, UserStarted()),
                (2.0, VoiceStopped(0.25)),
                (2.0, UserStopped()),
                (2.5, BotStarted()),
                (3.0, BotStopped()),
                (4.0, UserStarted()),
                (4.5, UserStopped()),
                (5.0, BotStarted()),
            ],
            [0.75, 0.5],
            id="silence-that-was-answered-is-not-the-next-turns",
        ),
        pytest.param(
            [
                (0.5, VoiceStarted()),
                (1.0, VoiceStopped(0.25)),
                (2.0, BotStarted()),
                (3.0, BotStopped()),
                (4.0, UserStopped()),
                (4.5, BotStarted()),
            ],
            [1.25, 0.5],
            id="turns-are-announced-from-the-second-on",
        ),
        pytest.param(
            [
                (0.5, VoiceStarted()),
                (1.0, VoiceStopped(0.0)),
                (6.0, UserStarted()),
                (6.0, UserStopped()),
                (6.5, BotStarted()),
            ],
            [5.5],
            id="a-transcript-that-comes-as-late-as-one-may",
        ),
        pytest.param(
            [(1.0, UserStopped()), (1.25, UserStarted()), (2.0, BotStarted())], [], id="caller-resumed-in-a-new-turn"
        ),
        pytest.param(
            [(1.0, UserStarted()), (2.0, UserStopped()), (2.2, VoiceStarted()), (3.0, BotStarted())],
            [1.0],
            id="a-voice-after-the-turn-does-not-hide-the-response",
        ),
        pytest.param(
            [
                (1.0, VoiceStarted()),
                (1.0, UserStarted()),
                (2.0, VoiceStopped(0.5)),
                (2.5, VoiceStarted()),
                (4.0, VoiceStopped(0.5)),
                (4.25, UserStopped()),
                (4.5, BotStarted()),
            ],
            [1.0],
            id="pause-inside-a-turn-does-not-start-the-wait",
        ),
        pytest.param(
            [
                (1.0, UserStarted()),
                (2.0, UserStopped()),
                (2.1, VoiceStarted()),
                (2.6, VoiceStopped(0.25)),
                (3.0, BotStarted()),
            ],
            [1.0],
            id="a-cough-after-the-turn-does-not-shorten-the-wait",
        ),
        pytest.param(
            [
                (1.0, VoiceStarted()),
                (1.0, UserStarted()),
                (1.5, UserStopped()),
                (2.0, VoiceStopped(0.25)),
                (2.5, BotStarted()),
            ],
            [0.75],
            id="turn-is-over-before-the-detector-is-sure",
        ),
        pytest.param(
            [
                (1.0, VoiceStarted()),
                (1.25, VoiceStopped(0.125)),
                (1.75, UserStarted()),
                (1.75, UserStopped()),
                (2.0, BotStarted()),
            ],
            [0.875],
            id="turn-that-starts-from-the-transcript",
        ),
        pytest.param(
            [
                (0.0, UserStarted()),
                (0.5, UserStopped()),
                (1.0, BotStarted()),
                (1.5, VoiceStarted()),
                (2.0, VoiceStopped(0.25)),
                (3.0, BotStopped()),
                (20.0, UserStarted()),
                (20.5, UserStopped()),
                (21.0, BotStarted()),
            ],
            [0.5, 0.5],
            id="noise-long-before-a-turn-is-not-its-end",
        ),
        pytest.param(
            [
                (1.0, UserStarted()),
                (2.0, UserStopped()),
                (2.5, BotStarted()),
                (3.0, VoiceStarted()),
                (3.5, VoiceStopped(0.25)),
                (4.0, BotStopped()),
                (9.0, BotStarted()),
            ],
            [0.5],
            id="speech-after-a-hum-of-the-caller-is-no-reply",
        ),
        pytest.param(
            [(1.0, VoiceStarted()), (2.0, VoiceStopped(0.5)), (2.5, BotStarted())], [1.0], id="detector-and-no-turns"
        ),
        pytest.param(
            [(1.0, UserStopped()), (2.0, BotStarted()), (3.0, BotStopped()), (4.0, BotStarted())],
            [1.0],
            id="one-reply-for-each-turn",
        ),
        pytest.param(
            [(1.0, UserStopped()), (1.0, UserStopped()), (2.0, BotStarted()), (2.0, BotStarted())],
            [1.0],
            id="both-directions-of-each-frame",
        ),
        pytest.param(
            [(1.0, BotStarted()), (2.0, UserStarted()), (3.0, UserStopped()), (4.0, BotStopped()), (4.5, BotStarted())],
            [1.5],
            id="caller-spoke-over-a-bot-that-cannot-be-interrupted",
        ),
    ],
)
def test_response_times(events: list[Timed], expected: list[float]) -> None:
    assert _responses(events) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([(1.0, BotStarted()), (3.0, BotStopped())], [TurnEnded(COMPLETED, 2.0)], id="finished"),
        pytest.param(
            [(1.0, BotStarted()), (2.0, Interruption()), (2.5, BotStopped())],
            [TurnEnded(INTERRUPTED, 1.5), Interrupted()],
            id="cut-off",
        ),
        pytest.param([(1.0, Interruption()), (2.0, Interruption())], [], id="interruptions-while-the-bot-is-silent"),
        pytest.param(
            [(1.0, Interruption()), (2.0, BotStarted()), (3.0, BotStopped()), (3.0, Interruption())],
            [TurnEnded(COMPLETED, 1.0)],
            id="interruptions-before-and-after-a-turn",
        ),
        pytest.param(
            [
                (1.0, BotStarted()),
                (2.0, Interruption()),
                (2.0, Interruption()),
                (2.0, BotStopped()),
                (2.0, BotStopped()),
            ],
            [TurnEnded(INTERRUPTED, 1.0), Interrupted()],
            id="both-directions-of-each-frame",
        ),
        pytest.param(
            [(1.0, BotStarted()), (2.0, Interruption()), (4.0, BotStopped())],
            [TurnEnded(COMPLETED, 3.0)],
            id="speech-that-no-interruption-stops",
        ),
        pytest.param(
            [(1.0, BotStarted()), (2.0, Interruption()), (3.0, BotStarted()), (4.0, BotStopped())],
            [TurnEnded(INTERRUPTED, 1.0), Interrupted(), TurnEnded(COMPLETED, 1.0)],
            id="the-stop-of-a-cut-turn-was-lost",
        ),
        pytest.param(
            [
                *((1.0, BotStarted()), (2.0, Interruption()), (2.0, BotStopped())),
                *((2.0, BotStarted()), (2.0, BotSpeaking()), (5.0, BotStopped())),
                *((6.0, BotStarted()), (7.0, BotStopped())),
            ],
            [TurnEnded(INTERRUPTED, 1.0), Interrupted(), TurnEnded(COMPLETED, 1.0)],
            id="a-chunk-that-was-in-hand-is-no-turn",
        ),
        pytest.param(
            [
                (-1.0, BotStarted()),
                (0.0, Interruption()),
                (0.0, BotStopped()),
                (0.05, BotStarted()),
                (1.0, BotStopped()),
            ],
            [TurnEnded(INTERRUPTED, 1.0), Interrupted()],
            id="a-chunk-as-late-as-one-may-be",
        ),
        pytest.param(
            [(1.0, BotStarted()), (2.0, BotStopped()), (2.0, BotStarted()), (3.0, BotStopped())],
            [TurnEnded(COMPLETED, 1.0)] * 2,
            id="a-turn-right-after-one-that-was-not-cut",
        ),
        pytest.param(
            [
                (1.0, BotStarted()),
                (1.2, BotSpeaking()),
                (1.3, Interruption()),
                (2.0, BotSpeaking()),
                (2.5, BotStopped()),
            ],
            [TurnEnded(COMPLETED, 1.5)],
            id="continued-speech-is-no-new-start",
        ),
        pytest.param([(1.0, BotStopped())], [], id="stop-without-a-start"),
    ],
)
def test_bot_turns(events: list[Timed], expected: list[Fact]) -> None:
    assert _facts(events) == expected


@pytest.mark.parametrize(
    ("events", "cut_off", "expected"),
    [
        pytest.param([(1.0, BotStarted())], False, [TurnEnded(COMPLETED, 2.0)], id="a-pipeline-that-ends-plays-it-out"),
        pytest.param([(1.0, BotStarted())], True, [TurnEnded(INTERRUPTED, 2.0)], id="a-cancelled-one-cuts-it"),
        pytest.param(
            [(1.0, BotStarted()), (2.9, Interruption())],
            True,
            [TurnEnded(INTERRUPTED, 2.0), Interrupted()],
            id="hung-up-while-barging-in",
        ),
        pytest.param([(1.0, BotStarted()), (2.0, BotStopped())], True, [], id="nothing-is-said"),
    ],
)
def test_the_end_of_the_call_ends_the_turn(events: list[Timed], cut_off: bool, expected: list[Fact]) -> None:
    conversation = Conversation()
    for at, event in events:
        conversation.observe(event, at)

    assert _of_turns(conversation.end(3.0, cut_off=cut_off)) == expected
    assert _of_turns(conversation.end(4.0, cut_off=cut_off)) == []


def test_an_event_of_another_kind_is_ignored() -> None:
    assert Conversation().observe("anything", 1.0) == ()


BOT = (BotStarted(), BotSpeaking(), BotStopped())
EVENTS = st.sampled_from([*BOT, UserStarted(), UserStopped(), VoiceStarted(), Interruption()])
STOPS = st.builds(VoiceStopped, st.floats(0, 3))
SEQUENCES = st.lists(st.tuples(st.floats(0, 2), EVENTS | STOPS, st.booleans()), max_size=60)


@given(SEQUENCES, st.booleans())
def test_any_interleaving_keeps_the_laws(steps: list[tuple[float, Event, bool]], cut_off: bool) -> None:
    conversation, at, facts = Conversation(), 0.0, list[Fact]()
    for seconds, event, twice in steps:
        at += seconds
        for _ in range(2 if twice else 1):
            facts.extend(conversation.observe(event, at))
            _check(facts, conversation.bot_speaking)
    facts.extend(conversation.end(at, cut_off=cut_off))

    _check(facts, conversation.bot_speaking)
    assert not conversation.bot_speaking
    starts = sum(isinstance(event, (BotStarted, BotSpeaking)) for _, event, _ in steps)
    assert sum(isinstance(fact, TurnEnded) for fact in facts) <= 2 * starts
    assert bool(starts) == any(isinstance(fact, TurnEnded) for fact in facts)


def _check(facts: list[Fact], speaking: bool) -> None:
    turns = [fact for fact in facts if isinstance(fact, TurnEnded)]
    interrupted = sum(turn.outcome is INTERRUPTED for turn in turns)
    assert all(fact.seconds >= 0 for fact in facts if isinstance(fact, Responded))
    assert all(turn.seconds is not None and turn.seconds >= 0 for turn in turns)
    assert sum(isinstance(fact, Interrupted) for fact in facts) <= interrupted
    assert sum(isinstance(fact, Responded) for fact in facts) <= len(turns) + speaking


def test_a_turn_is_as_long_as_the_bot_spoke_and_never_negative() -> None:
    events: list[Timed] = [(1.0, BotStarted()), (1.25, BotStopped()), (3.0, BotStarted()), (2.0, BotStopped())]
    assert _facts(events) == [TurnEnded(COMPLETED, 0.25), TurnEnded(COMPLETED, 0.0)]


def test_an_interruption_before_the_bot_speaks_does_not_cut_its_turn() -> None:
    assert _facts([(1.0, Interruption()), (1.2, BotStarted()), (1.4, BotStopped())]) == [
        TurnEnded(COMPLETED, pytest.approx(0.2))
    ]


def test_an_end_of_which_nothing_is_said_is_an_orderly_one() -> None:
    conversation = Conversation()
    conversation.observe(BotStarted(), 1.0)
    assert _of_turns(conversation.end(1.5)) == [TurnEnded(COMPLETED, 0.5)]
