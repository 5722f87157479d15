"""Voices that give the audio long after they are sent the text, as over a WebSocket, or know the words before it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import pytest
from pipecat.frames import frames
from pipecat.frames.frames import EndFrame, Frame, TTSAudioRawFrame, TTSSpeakFrame, TTSStoppedFrame
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.services.settings import TTSSettings
from pipecat.services.tts_service import TextAggregationMode, TTSService
from pipecat.turns.user_start import VADUserTurnStartStrategy
from pipecat.turns.user_stop import SpeechTimeoutUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies

from tests.every_place import PLACES, stories
from tests.scripted import Script, ScriptedCall, Turn
from tests.scripted_providers import CHUNK, CHUNK_SECONDS, SAMPLE_RATE, Bench, Mouth, take_sentences
from voice_metrics.pipecat.workers import processors_of

SENTENCES = ("Nine is free.", "Ten is free.", "Eleven is free.")
BROKEN = "How can I help."
TURN = Turn("what is free", reply=SENTENCES, think_seconds=2.0)
QUICK = Turn("and tomorrow", reply=("All day.",))
SCRIPT = Script(turns=(TURN,), sentence_seconds=1.0, late={SENTENCES[2]: 2.8})
LONG = Script(turns=(TURN, QUICK), sentence_seconds=2.0, late={SENTENCES[2]: 2.8})
IN_TIME = Script(turns=(TURN,), sentence_seconds=1.0)


class Remote(Mouth):
    """Gives the audio of each sentence 0.1 s, or as late as the script says, after its last word was sent.

    Its connection breaks behind what is `BROKEN`.
    """

    def __init__(self, bench: Bench, mode: TextAggregationMode, *, waits: bool) -> None:
        TTSService.__init__(
            self,
            push_start_frame=True,
            pause_frame_processing=waits,
            sample_rate=SAMPLE_RATE,
            text_aggregation_mode=mode,
            settings=TTSSettings(model="mouth-1", voice="anna", language=None),
        )
        self._bench = bench
        self._unmade: Counter[str] = Counter()
        self._sent: dict[str, str] = {}
        if mode is TextAggregationMode.SENTENCE:
            take_sentences(self)

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        self._sent[context_id] = self._sent.get(context_id, "") + text
        if text.strip().endswith("."):
            self._unmade[context_id] += 1
            self.create_task(self._make(self._sent.pop(context_id).strip(), context_id))
        yield None

    async def _make(self, sentence: str, context_id: str) -> None:
        script = self._bench.script
        await asyncio.sleep(script.late.get(sentence, 0.1))
        for _ in range(round(script.sentence_seconds / CHUNK_SECONDS)):
            audio = TTSAudioRawFrame(CHUNK, SAMPLE_RATE, 1, context_id=context_id)
            await self.append_to_audio_context(context_id, audio)
        self._unmade[context_id] -= 1
        if not self._unmade[context_id] and sentence != BROKEN:
            await self.append_to_audio_context(context_id, TTSStoppedFrame(context_id=context_id))
            await self.remove_audio_context(context_id)


def _remote(mode: TextAggregationMode, *, waits: bool = False) -> dict[str, Any]:
    def replace(voice: list[FrameProcessor]) -> list[FrameProcessor]:
        mind, mouth = voice
        assert isinstance(mouth, Mouth)
        return [mind, Remote(mouth._bench, mode, waits=waits)]

    return {"around": replace}


@pytest.mark.parametrize("mode", TextAggregationMode)
@pytest.mark.parametrize(
    ("script", "gaps", "seconds"),
    [pytest.param(IN_TIME, 0, 0.0, id="in-time"), pytest.param(SCRIPT, 1, 0.7, id="a-late-one")],
)
def test_sentence_whose_audio_is_given_later_is_not_lost(
    mode: TextAggregationMode, script: Script, gaps: int, seconds: float
) -> None:
    async def converse(call: ScriptedCall) -> None:
        await call.line.say(TURN)
        await asyncio.sleep(9.0)
        await call.worker.queue_frame(EndFrame())

    told = stories(script, converse, **_remote(mode))

    for place in PLACES:
        story = told[place]
        assert story["turns"] == {"completed": 1, "interrupted": 0, "unanswered": 0}, place
        assert story["bot_gaps"] == {"count": gaps, "seconds": pytest.approx(seconds, abs=0.05)}, place
        assert story["floor"]["bot"] == pytest.approx(3.0, abs=0.05), place


@pytest.mark.parametrize("seconds", [5.0, 9.0])
def test_bot_is_not_heard_behind_the_audio_of_a_voice_that_stalls(seconds: float) -> None:
    async def converse(call: ScriptedCall) -> None:
        await call.line.say(TURN)
        await asyncio.sleep(20.0)
        await call.worker.queue_frame(EndFrame())

    stalls = Script(turns=(TURN,), sentence_seconds=1.0, late={SENTENCES[2]: seconds})
    told = stories(stalls, converse, **_remote(TextAggregationMode.SENTENCE))

    for place in PLACES:
        assert told[place]["floor"]["bot"] == pytest.approx(2.0, abs=0.05), place


class Wordy(Mouth):
    """Tells the words of a sentence before it gives the audio."""

    def __init__(self, bench: Bench) -> None:
        TTSService.__init__(
            self,
            push_start_frame=True,
            push_stop_frames=True,
            push_text_frames=False,
            sample_rate=SAMPLE_RATE,
            settings=TTSSettings(model="mouth-1", voice="anna", language=None),
        )
        self._bench = bench
        take_sentences(self)

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        await asyncio.sleep(0.1)
        await self.add_word_timestamps([(word, 0.0) for word in text.split()], context_id)
        for _ in range(round(self._bench.script.sentence_seconds / CHUNK_SECONDS)):
            yield TTSAudioRawFrame(CHUNK, SAMPLE_RATE, 1, context_id=context_id)


def test_sentence_of_a_single_word_that_is_known_before_its_audio_is_not_lost() -> None:
    script = Script(turns=(Turn("is nine free", reply=("Yes.", "Nine is free.", "Bye.")),))

    def replace(voice: list[FrameProcessor]) -> list[FrameProcessor]:
        mind, mouth = voice
        assert isinstance(mouth, Mouth)
        return [mind, Wordy(mouth._bench)]

    async def converse(call: ScriptedCall) -> None:
        await call.line.say(script.turns[0])
        await asyncio.sleep(4.0)
        await call.worker.queue_frame(EndFrame())

    for place, story in stories(script, converse, around=replace).items():
        assert story["turns"]["completed"] == 1, place
        assert story["bot_gaps"]["count"] == 0, place


async def _then_a_question(call: ScriptedCall) -> None:
    await call.line.say(TURN)


async def _then_another_sentence(call: ScriptedCall) -> None:
    await call.worker.queue_frame(TTSSpeakFrame("Are you there."))


@pytest.mark.parametrize(
    ("proceed", "responses"),
    [
        pytest.param(_then_a_question, 1, id="before-a-question"),
        pytest.param(_then_another_sentence, 0, id="before-another-sentence"),
    ],
)
def test_sentence_whose_end_is_never_told_is_whole(
    proceed: Callable[[ScriptedCall], Awaitable[None]], responses: int
) -> None:
    async def converse(call: ScriptedCall) -> None:
        await call.worker.queue_frame(TTSSpeakFrame(BROKEN))
        await asyncio.sleep(6.0)
        await proceed(call)
        await asyncio.sleep(9.0)
        await call.worker.queue_frame(EndFrame())

    told = stories(IN_TIME, converse, **_remote(TextAggregationMode.SENTENCE))

    for place in PLACES:
        story = told[place]
        assert story["turns"] == {"completed": 2, "interrupted": 0, "unanswered": 0}, place
        assert story["response"]["count"] == responses, place


@pytest.mark.parametrize("waits", [pytest.param(False, id="at-once"), pytest.param(True, id="one-after-the-other")])
def test_answer_behind_one_that_is_still_being_made_is_a_response(waits: bool) -> None:
    async def converse(call: ScriptedCall) -> None:
        await call.line.say(TURN)
        await call.bench.bot_speaks.wait()
        await asyncio.sleep(0.5)
        await call.line.say(QUICK)
        await asyncio.sleep(12.0)
        await call.worker.queue_frame(EndFrame())

    turns = UserTurnStrategies(
        start=[VADUserTurnStartStrategy(enable_interruptions=False)],
        stop=[SpeechTimeoutUserTurnStopStrategy(user_speech_timeout=0.2)],
    )
    told = stories(
        LONG,
        converse,
        **_remote(TextAggregationMode.SENTENCE, waits=waits),
        user_params={"user_turn_strategies": turns},
    )

    for place in PLACES:
        story = told[place]
        assert story["turns"] == {"completed": 2, "interrupted": 0, "unanswered": 0}, place
        # It waits for 6 s of the first one, of which 0.54 s have passed.
        assert story["response"]["count"] == 2, place
        assert story["response"]["max_ms"] == pytest.approx(5500, abs=150), place


@pytest.mark.skipif(not hasattr(frames, "BotBackchannelFrame"), reason="this Pipecat's bots acknowledge nothing")
@pytest.mark.parametrize("mode", TextAggregationMode)
def test_acknowledgement_is_no_response(mode: TextAggregationMode) -> None:
    async def converse(call: ScriptedCall) -> None:
        await call.line.say(TURN)
        await asyncio.sleep(0.6)
        voice = next(one for one in processors_of(call.worker.pipeline) if isinstance(one, Remote))
        await voice.queue_frame(frames.BotBackchannelFrame("Mm-hmm."))
        await asyncio.sleep(9.0)
        await call.worker.queue_frame(EndFrame())

    told = stories(IN_TIME, converse, **_remote(mode))

    for place in PLACES:
        story = told[place]
        assert story["turns"] == {"completed": 1, "interrupted": 0, "unanswered": 0}, place
        # The detector's 0.05 s, 2 s of the model, 0.1 s of the voice.
        assert story["response"]["max_ms"] == pytest.approx(2150, abs=40), place
        assert story["bot_gaps"]["count"] == 0, place
