"""The bot's own speech: pauses within an answer, lost sentences, greetings, and how it yields."""

from __future__ import annotations

import pytest

from voice_metrics.call.conversation import Conversation
from voice_metrics.call.events import (
    Backchanneled,
    BotSpeaking,
    BotStarted,
    BotStopped,
    Connected,
    Interruption,
    ReplyEnded,
    ReplyStarted,
    SpeechEnded,
    SpeechLate,
    SpeechMade,
    SpeechStarted,
    TurnHeard,
    UserStarted,
    UserStopped,
    VoiceStarted,
    VoiceStopped,
)
from voice_metrics.call.facts import (
    Backchannel,
    BotGap,
    Fact,
    FalseInterruption,
    GapCause,
    Greeted,
    Interrupted,
    TurnEnded,
    TurnOutcome,
    Yielded,
)
from voice_metrics.call.pieces import MOST_PIECES, Pieces
from voice_metrics.call.playout import GAP_SECONDS, Playout

Timed = tuple[float, object]
COMPLETED, INTERRUPTED = TurnOutcome.COMPLETED, TurnOutcome.INTERRUPTED
LATE, MISSING = GapCause.LATE, GapCause.MISSING
OF_THE_BOT = (TurnEnded, Interrupted, BotGap, FalseInterruption, Backchannel)


def _facts(events: list[Timed], kinds: tuple[type, ...] = OF_THE_BOT) -> list[Fact]:
    conversation = Conversation(started_at=0.0)
    return [fact for at, event in events for fact in conversation.observe(event, at) if isinstance(fact, kinds)]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param(
            [
                *((1.0, SpeechStarted()), (1.0, SpeechMade()), (1.0, BotStarted())),
                *((5.0, BotStopped()), (6.0, SpeechLate(1.0)), (6.0, BotStarted())),
                *((6.1, SpeechEnded(1.0)), (7.0, BotStopped())),
            ],
            [BotGap(LATE, 4.0), TurnEnded(COMPLETED, 6.0)],
            id="stopped-and-started-is-one-turn",
        ),
        pytest.param(
            [
                *((1.0, ReplyStarted()), (1.0, SpeechStarted()), (1.0, SpeechMade()), (1.0, BotStarted())),
                *((5.0, BotStopped()), (6.0, SpeechLate(1.0)), (6.0, SpeechEnded(1.0)), (6.0, ReplyEnded())),
                *((6.0, BotStarted()), (7.0, BotStopped())),
            ],
            [BotGap(LATE, 4.0), TurnEnded(COMPLETED, 6.0)],
            id="late-audio-and-its-end-before-the-transport-tells-the-start",
        ),
        pytest.param(
            [
                *((1.0, SpeechStarted()), (1.0, SpeechMade()), (1.0, BotStarted())),
                *((3.0, SpeechLate(1.0)), (3.1, SpeechEnded(1.0)), (4.0, BotStopped())),
            ],
            [BotGap(LATE, 1.0), TurnEnded(COMPLETED, 3.0)],
            id="a-pause-that-the-transport-does-not-tell",
        ),
        pytest.param(
            [
                *((1.0, SpeechStarted()), (1.0, SpeechMade()), (1.0, BotStarted())),
                *((3.0, SpeechLate(1.0, awaited=True)), (3.1, SpeechEnded(1.0)), (4.0, BotStopped())),
            ],
            [TurnEnded(COMPLETED, 3.0)],
            id="a-function-of-a-model-that-speaks",
        ),
        pytest.param(
            [
                (1.0, ReplyStarted()),
                *((1.0, SpeechStarted()), (1.0, SpeechMade()), (1.1, SpeechEnded(1.0)), (1.1, BotStarted())),
                *((1.2, SpeechStarted()), (1.2, SpeechMade(fresh=False)), (1.3, SpeechEnded(2.0)), (1.4, ReplyEnded())),
                *((2.1, BotStopped()), (2.1, BotStarted()), (3.1, BotStopped())),
            ],
            [TurnEnded(COMPLETED, 2.0)],
            id="a-reply-in-two-pieces-is-one-turn",
        ),
        pytest.param(
            [
                *((1.0, SpeechStarted()), (1.0, SpeechMade()), (1.1, SpeechEnded(1.0)), (1.1, BotStarted())),
                *((1.2, SpeechStarted()), (1.2, SpeechMade(fresh=False)), (1.3, SpeechEnded(2.0))),
                *((2.1, BotStopped()), (2.1, BotStarted()), (3.1, BotStopped())),
            ],
            [TurnEnded(COMPLETED, 1.0), TurnEnded(COMPLETED, 1.0)],
            id="two-announcements-are-two-turns",
        ),
        pytest.param(
            [
                *((1.0, SpeechStarted()), (1.0, SpeechMade()), (1.0, BotStarted()), (5.0, BotStopped())),
                *((6.0, UserStarted()), (6.0, Interruption())),
            ],
            [TurnEnded(INTERRUPTED, 4.0)],
            id="cut-off-in-a-pause-is-no-interruption-of-speech",
        ),
        *(
            pytest.param(
                [
                    *((1.0, SpeechStarted()), (1.0, SpeechMade()), (1.0, BotStarted()), (1.6, BotSpeaking())),
                    *((1.8, BotSpeaking()), (3.5, UserStarted()), *ends, (3.5, Interruption()), (3.6, BotStopped())),
                ],
                [TurnEnded(INTERRUPTED, pytest.approx(1.0))],
                id=f"cut-off-while-the-voice-stalls-{name}",
            )
            for name, ends in {"unseen": [], "which-ends-first": [(3.5, SpeechEnded(1.0))]}.items()
        ),
        pytest.param(
            [
                *((1.0, SpeechStarted()), (1.0, SpeechMade()), (1.0, BotStarted()), (5.0, BotStopped())),
                (6.0, SpeechEnded(1.0)),
            ],
            [TurnEnded(COMPLETED, 4.0)],
            id="the-voice-has-no-more-to-say-after-a-pause",
        ),
        pytest.param(
            [
                *((1.0, SpeechStarted()), (1.0, SpeechMade()), (3.0, BotStarted())),
                *((3.5, SpeechLate(1.0)), (3.6, SpeechEnded(1.0)), (5.0, BotStopped())),
            ],
            [TurnEnded(COMPLETED, 2.0)],
            id="audio-that-a-gate-held-back-leaves-no-pause",
        ),
        pytest.param(
            [
                *((1.0, SpeechStarted()), (1.0, SpeechMade()), (1.0, BotStarted())),
                *((3.0, SpeechLate(1.0, lost=True)), (3.1, SpeechEnded(1.0)), (4.0, BotStopped())),
            ],
            [BotGap(MISSING, 1.0), TurnEnded(COMPLETED, 3.0)],
            id="a-pause-in-the-place-of-a-sentence",
        ),
        pytest.param(
            [(1.0, SpeechStarted()), (2.0, SpeechEnded(None, lost=2))],
            [BotGap(MISSING, 0.0)] * 2,
            id="sentences-that-were-never-heard",
        ),
        pytest.param([(1.0, Backchanneled())], [Backchannel()], id="the-caller-hums"),
        pytest.param(
            [
                *((1.0, SpeechStarted(is_backchannel=True)), (1.0, SpeechMade()), (1.0, BotStarted())),
                *((1.1, SpeechEnded(0.5)), (1.5, BotStopped())),
                *((2.0, SpeechStarted()), (2.0, SpeechMade()), (2.0, BotStarted())),
                *((2.1, SpeechEnded(1.0)), (3.0, BotStopped())),
            ],
            [TurnEnded(COMPLETED, 1.0)],
            id="the-bot-hums-and-speaks",
        ),
        pytest.param(
            [
                *((1.0, SpeechStarted(is_backchannel=True)), (1.0, SpeechMade()), (1.0, BotStarted())),
                *((1.2, Interruption()), (1.25, BotStopped())),
                *((2.0, SpeechStarted()), (2.0, SpeechMade()), (2.0, BotStarted())),
                *((2.1, SpeechEnded(1.0)), (3.0, BotStopped())),
            ],
            [TurnEnded(COMPLETED, 1.0)],
            id="the-bot-hums-is-interrupted-and-speaks",
        ),
        pytest.param(
            [
                *((1.0, ReplyStarted()), (1.0, SpeechStarted()), (1.0, SpeechMade()), (1.0, BotStarted())),
                *((1.1, SpeechEnded(1.0)), (2.0, BotStopped())),
                *((2.1, SpeechStarted(is_backchannel=True)), (2.1, SpeechMade()), (2.1, BotStarted())),
                *((2.2, SpeechEnded(0.5)), (2.6, BotStopped())),
                *((3.0, SpeechStarted()), (3.0, SpeechMade()), (3.0, BotStarted())),
                *((3.1, SpeechEnded(1.0)), (3.2, ReplyEnded()), (4.0, BotStopped())),
            ],
            [TurnEnded(COMPLETED, 3.0)],
            id="the-bot-hums-between-two-pieces-of-a-reply",
        ),
    ],
)
def test_turns_and_pauses_of_the_bot(events: list[Timed], expected: list[Fact]) -> None:
    assert _facts(events) == expected


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param(
            [(2.0, BotStarted()), (3.0, BotStopped()), (4.0, BotStarted())], [Greeted(2.0)], id="from-the-start"
        ),
        pytest.param(
            [(1.5, Connected()), (1.8, Connected()), (2.0, BotStarted())], [Greeted(0.5)], id="from-the-connection"
        ),
        pytest.param(
            [(1.0, UserStarted()), (1.5, UserStopped()), (2.0, BotStarted())], [], id="the-caller-spoke-first"
        ),
    ],
)
def test_greeting(events: list[Timed], expected: list[Fact]) -> None:
    assert _facts(events, (Greeted,)) == expected


CUT: list[Timed] = [(1.0, BotStarted()), (3.0, UserStarted()), (3.0, Interruption()), (3.1, BotStopped())]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([(2.75, VoiceStarted(0.25)), *CUT], [Yielded(pytest.approx(0.6))], id="from-the-onset"),
        pytest.param(CUT, [Yielded(pytest.approx(0.1))], id="from-the-turn-where-nothing-detects"),
        pytest.param([(0.5, VoiceStarted(0.0)), *CUT], [Yielded(pytest.approx(2.1))], id="not-before-the-bot-spoke"),
        pytest.param(
            [(3.0, VoiceStarted(0.2)), *CUT, (4.0, UserStopped()), (4.0, TurnHeard(False))],
            [Yielded(pytest.approx(0.3)), FalseInterruption()],
            id="to-a-cough",
        ),
        pytest.param(
            [*CUT, (4.0, TurnHeard(True)), (6.0, UserStarted()), (7.0, TurnHeard(False))],
            [Yielded(pytest.approx(0.1))],
            id="a-later-cough-cut-nothing-off",
        ),
        pytest.param([(1.0, VoiceStarted(0.1)), (2.0, TurnHeard(False))], [], id="a-cough-into-silence"),
        pytest.param(
            [
                *((0.2, VoiceStarted(0.2)), (0.2, UserStarted()), (0.7, VoiceStopped(0.2)), (0.8, UserStopped())),
                *((1.0, BotStarted()), (3.0, Interruption()), (3.1, BotStopped())),
                *((6.0, VoiceStarted(0.2)), (6.0, UserStarted()), (7.0, TurnHeard(False))),
            ],
            [],
            id="to-the-application-and-not-to-the-caller",
        ),
        pytest.param(
            [(0.2, VoiceStarted(0.2)), (0.9, VoiceStopped(0.2)), *CUT, (4.0, TurnHeard(True))], [], id="to-typed-words"
        ),
        pytest.param(
            [(0.2, VoiceStarted(0.2)), (1.3, VoiceStopped(0.2)), *CUT],
            [Yielded(pytest.approx(2.1))],
            id="to-late-words-of-a-voice-that-met-the-bots",
        ),
    ],
)
def test_yielding(events: list[Timed], expected: list[Fact]) -> None:
    assert _facts(sorted(events, key=lambda event: event[0]), (Yielded, FalseInterruption)) == expected


def test_audio_runs_dry_when_less_was_made_than_time_went_by() -> None:
    playout = Playout()
    playout.reply_started()
    playout.piece_started()

    assert playout.made(1.0, 10.0) == SpeechMade(fresh=True)
    assert playout.made(1.0, 10.1) is None
    assert playout.made(0.5, 12.0 + GAP_SECONDS) is None
    assert playout.made(0.5, 14.0) == SpeechLate(pytest.approx(2.5 + GAP_SECONDS))
    assert playout.piece_ended() == SpeechEnded(0.5)


def test_another_answer_leaves_no_pause() -> None:
    playout = Playout()
    playout.piece_started()
    playout.made(1.0, 10.0)
    playout.piece_ended()
    playout.piece_started()

    assert playout.made(1.0, 20.0) == SpeechMade(fresh=True)


def test_a_later_piece_of_a_reply_leaves_one() -> None:
    playout = Playout()
    playout.reply_started()
    playout.piece_started()
    playout.made(1.0, 10.0)
    playout.piece_ended()
    playout.piece_started()

    assert playout.made(1.0, 12.0) == SpeechLate(1.0, first=True)


def test_a_sentence_without_audio_is_lost_and_the_pause_stands_for_it() -> None:
    playout = Playout(text_follows=True)
    playout.piece_started()
    playout.sentence_started(1)
    playout.made(1.0, 10.0)
    playout.sentence_ended(1)
    playout.sentence_started(2)
    playout.sentence_ended(2)
    playout.sentence_started(3)

    assert playout.made(1.0, 12.0) == SpeechLate(1.0, lost=True)
    playout.sentence_ended(3)
    assert playout.piece_ended() == SpeechEnded(1.0, lost=0)


def test_a_pause_of_a_voice_that_gives_audio_later_stands_for_no_sentence() -> None:
    playout = Playout()
    playout.piece_started()
    for sentence in (1, 2):
        playout.sentence_started(sentence)
        playout.sentence_ended(sentence)
    playout.made(1.0, 10.0)

    assert playout.made(1.0, 12.0) == SpeechLate(1.0)
    assert playout.piece_ended() == SpeechEnded(1.0)


def test_interruption_leaves_the_audio_that_it_does_not_stop() -> None:
    playout = Playout()
    playout.piece_started()
    playout.made(3.0, 10.0)
    playout.piece_started(is_kept=True)
    playout.made(1.0, 10.1)
    playout.interrupted(11.0)
    playout.piece_started()

    assert playout.made(1.0, 11.5) == SpeechMade(fresh=False)
    assert playout.made(1.0, 14.0) == SpeechLate(pytest.approx(2.0))


def test_audio_that_no_interruption_stops_is_made_on_behind_it() -> None:
    playout = Playout()
    playout.piece_started(is_kept=True)
    playout.made(1.0, 10.0)
    playout.interrupted(10.5)

    assert playout.made(1.0, 10.8) is None
    assert playout.piece_ended() == SpeechEnded(pytest.approx(2.0))


def test_a_piece_without_audio_lost_all_its_sentences() -> None:
    playout = Playout()
    playout.piece_started()
    playout.sentence_started(1)
    playout.sentence_started(2)

    assert playout.piece_ended() == SpeechEnded(None, lost=2)


def test_a_voice_that_never_ends_an_answer_costs_no_memory() -> None:
    pieces = Pieces()
    for _ in range(10 * MOST_PIECES):
        pieces.observe(SpeechStarted(), 1.0)
        pieces.observe(SpeechMade(), 1.0)

    assert len(pieces._due) == MOST_PIECES


def test_sentences_that_no_interruption_stops_are_forgotten_once_heard() -> None:
    playout = Playout()
    for sentence in range(1000):
        playout.piece_started(is_kept=True)
        playout.made(1.0, 2.0 * sentence)
        playout.piece_ended()

    assert len(playout._kept) == 1
