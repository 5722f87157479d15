"""Who has the floor: tables of what counts, and the law that the four holders add up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_metrics.call.conversation import Conversation
from voice_metrics.call.events import (
    BotSpeaking,
    BotStarted,
    BotStopped,
    CallerMuted,
    CallerUnmuted,
    Interruption,
    LineClosed,
    SpeechEnded,
    SpeechLate,
    SpeechMade,
    SpeechStarted,
    SpeechStreamed,
    UserStarted,
    UserStopped,
    VoiceStarted,
    VoiceStopped,
)
from voice_metrics.call.facts import Fact, FloorHeld, Holder, Silence, SilenceAfter, Spoke
from voice_metrics.call.floor import UNSETTLED_SECONDS

Timed = tuple[float, object]


def _facts(events: list[Timed], until: float) -> list[Fact]:
    conversation = Conversation()
    facts = [fact for at, event in events for fact in conversation.observe(event, at)]
    return [*facts, *conversation.end(until)]


def _held(facts: list[Fact]) -> dict[str, float]:
    held = dict.fromkeys((holder.value for holder in Holder), 0.0)
    for fact in facts:
        if isinstance(fact, FloorHeld):
            held[fact.holder.value] += fact.seconds
    return held


@pytest.mark.parametrize(
    ("events", "caller", "bot", "both"),
    [
        pytest.param([], 0.0, 0.0, 0.0, id="neither-speaks"),
        pytest.param([(1.0, BotStarted()), (3.0, BotStopped())], 0.0, 2.0, 0.0, id="the-bot"),
        pytest.param(
            [(1.2, VoiceStarted(0.2)), (3.5, VoiceStopped(0.5))], 2.0, 0.0, 0.0, id="onset-and-end-not-decisions"
        ),
        pytest.param(
            [(1.2, VoiceStarted(0.2)), (3.0, LineClosed()), (3.1, VoiceStarted(0.2))],
            2.0,
            0.0,
            0.0,
            id="until-the-line-is-closed",
        ),
        pytest.param([(1.2, VoiceStarted(0.2)), (2.0, CallerMuted())], 1.0, 0.0, 0.0, id="until-the-caller-is-muted"),
        pytest.param(
            [(1.0, CallerMuted()), (2.0, VoiceStarted()), (3.0, VoiceStopped(0.0)), (4.0, CallerUnmuted())],
            0.0,
            0.0,
            0.0,
            id="a-caller-whom-the-pipeline-does-not-hear",
        ),
        pytest.param(
            [(1.0, CallerMuted()), (2.0, CallerUnmuted()), (4.2, VoiceStopped(0.2))],
            2.0,
            0.0,
            0.0,
            id="a-caller-who-speaks-as-the-mute-ends",
        ),
        pytest.param(
            [(1.0, CallerUnmuted()), (2.0, CallerMuted()), (3.0, CallerUnmuted()), (4.0, LineClosed())],
            0.0,
            0.0,
            0.0,
            id="a-caller-who-is-silent-between-two-mutes",
        ),
        pytest.param([(1.0, UserStarted()), (3.0, UserStopped())], 2.0, 0.0, 0.0, id="turns-where-nothing-detects"),
        pytest.param(
            [(1.0, UserStarted()), (1.2, VoiceStarted(0.2)), (2.5, VoiceStopped(0.5)), (4.0, UserStopped())],
            1.0,
            0.0,
            0.0,
            id="the-detector-where-there-is-one",
        ),
        pytest.param(
            [(1.0, BotStarted()), (2.2, VoiceStarted(0.2)), (2.2, Interruption()), (2.4, BotStopped())],
            6.0 - 0.4 - 2.0 + 0.0,
            1.0,
            0.4,
            id="cut-off-audio-counts-up-to-the-cut",
        ),
        pytest.param(
            [
                (1.0, SpeechStarted()),
                (1.0, SpeechMade()),
                (1.0, BotStarted()),
                (3.0, SpeechLate(run_seconds=1.0)),
                (4.0, BotStopped()),
            ],
            0.0,
            2.0,
            0.0,
            id="a-pause-in-an-answer-has-no-holder",
        ),
        pytest.param(
            [
                (1.0, SpeechStarted()),
                (1.0, SpeechMade()),
                (1.0, BotStarted()),
                (3.0, SpeechLate(run_seconds=1.0, awaited=True)),
                (4.0, BotStopped()),
            ],
            0.0,
            2.0,
            0.0,
            id="nor-has-one-behind-a-function",
        ),
        pytest.param(
            [
                (1.0, SpeechStarted()),
                (1.0, SpeechMade()),
                (1.0, BotStarted()),
                (1.1, SpeechEnded(run_seconds=1.0)),
                (5.0, BotStopped()),
            ],
            0.0,
            1.0,
            0.0,
            id="a-transport-that-hesitates-to-say-so",
        ),
        pytest.param(
            [
                (1.0, BotStarted()),
                (1.0, BotSpeaking()),
                (1.6, BotSpeaking()),
                (1.8, BotSpeaking()),
                (5.0, BotStopped()),
            ],
            0.0,
            1.0,
            0.0,
            id="audio-whose-end-nothing-reports",
        ),
        pytest.param(
            [
                (1.0, BotStarted()),
                (1.6, BotSpeaking()),
                (1.8, BotSpeaking()),
                (4.0, BotStopped()),
            ],
            0.0,
            1.0,
            0.0,
            id="the-silence-behind-the-end-of-the-call",
        ),
        pytest.param(
            [
                (1.0, BotStarted()),
                (1.6, BotSpeaking()),
                (1.8, BotSpeaking()),
                *((4.0, VoiceStarted(0.5)), (4.0, Interruption()), (4.1, BotStopped()), (5.0, VoiceStopped(0.0))),
            ],
            1.5,
            1.0,
            0.0,
            id="a-voice-that-stalls-until-the-caller-speaks",
        ),
        pytest.param(
            [(0.0, SpeechStreamed()), (1.0, BotStarted()), (3.35, BotStopped())],
            0.0,
            2.0,
            0.0,
            id="a-stream-whose-silence-ends-the-speech",
        ),
        pytest.param(
            [(1.0, BotStarted()), (2.0, BotStarted()), (3.0, BotStopped())], 0.0, 2.0, 0.0, id="started-twice"
        ),
        pytest.param([(3.0, VoiceStopped(0.2)), (3.0, BotStopped())], 0.0, 0.0, 0.0, id="ends-without-a-start"),
    ],
)
def test_who_spoke(events: list[Timed], caller: float, bot: float, both: float) -> None:
    held = _held(_facts(events, 6.0))

    assert held == pytest.approx({"caller": caller, "bot": bot, "both": both, "none": 6.0 - caller - bot - both})


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([], [(SilenceAfter.START, 10.0, 0.0)], id="a-call-without-speech"),
        pytest.param(
            [(1.0, BotStarted()), (4.0, BotStopped()), (9.0, BotStarted())],
            [(SilenceAfter.START, 1.0, 9.0), (SilenceAfter.BOT, 5.0, 1.0)],
            id="after-the-bot",
        ),
        pytest.param(
            [(0.5, VoiceStarted(0.0)), (1.5, VoiceStopped(0.0)), (2.4, BotStarted()), (9.5, BotStopped())],
            [],
            id="shorter-ones-are-none",
        ),
        pytest.param(
            [(0.5, VoiceStarted(0.0)), (1.5, VoiceStopped(0.0)), (2.5, BotStarted())],
            [(SilenceAfter.CALLER, 1.0, 7.5)],
            id="after-the-caller",
        ),
    ],
)
def test_silences(events: list[Timed], expected: list[tuple[SilenceAfter, float, float]]) -> None:
    silences = [fact for fact in _facts(events, 10.0) if isinstance(fact, Silence)]

    assert [(fact.after, round(fact.seconds, 6), round(fact.ended_ago, 6)) for fact in silences] == expected


def test_a_call_in_course_has_a_floor_up_to_now_and_reading_it_changes_nothing() -> None:
    conversation = Conversation(started_at=100.0)
    conversation.observe(BotStarted(), 101.0)

    for _ in range(2):
        totals = conversation.floor(103.0)
        assert totals.seconds == {Holder.CALLER: 0.0, Holder.BOT: 2.0, Holder.BOTH: 0.0, Holder.NONE: 1.0}
        assert totals.longest_silence == 1.0


def test_speech_is_reported_once_it_can_no_longer_change() -> None:
    conversation = Conversation()
    conversation.observe(BotStarted(), 1.0)
    conversation.observe(BotStopped(), 2.0)
    later = conversation.observe(UserStarted(), 6.0 + UNSETTLED_SECONDS)

    assert [fact for fact in later if isinstance(fact, Spoke)] == [Spoke(Holder.BOT, 1.0, 4.0 + UNSETTLED_SECONDS)]
    assert not [fact for fact in conversation.end(20.0) if isinstance(fact, Spoke) and fact.holder is Holder.BOT]


EVENTS = st.sampled_from(
    [
        *(BotStarted(), BotStopped(), UserStarted(), UserStopped(), Interruption(), LineClosed()),
        *(VoiceStarted(0.2), VoiceStopped(0.0), VoiceStopped(0.8)),
        *(SpeechStarted(), SpeechMade(), SpeechMade(fresh=False), SpeechLate(0.3), SpeechEnded(0.5), SpeechEnded()),
    ]
)


@given(st.lists(st.tuples(st.floats(0, 3), EVENTS), max_size=80), st.floats(0, 20))
def test_the_four_holders_add_up_to_the_length_whatever_happens(steps: list[Timed], rest: float) -> None:
    conversation, at, facts = Conversation(started_at=5.0), 5.0, list[Fact]()
    for seconds, event in steps:
        at += seconds
        facts.extend(conversation.observe(event, at))
        assert sum(conversation.floor(at).seconds.values()) == pytest.approx(at - 5.0, abs=1e-6)
    facts.extend(conversation.end(at + rest))

    assert sum(_held(facts).values()) == pytest.approx(at + rest - 5.0, abs=1e-6)
    assert min(_held(facts).values()) >= 0
    assert _held(facts) == pytest.approx({h.value: s for h, s in conversation.floor(at + rest).seconds.items()})
    assert all(fact.seconds >= 1.0 for fact in facts if isinstance(fact, Silence))
