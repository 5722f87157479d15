"""A processor that logs Pipecat's measurements line by line, with running totals."""

from __future__ import annotations

from loguru import logger
from pipecat.frames.frames import Frame, MetricsFrame, StartFrame
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from voice_metrics.call.facts import (
    AudioTranscribed,
    CharactersSpoken,
    Fact,
    FirstAnswerToken,
    FirstAudio,
    FirstByte,
    Processing,
    Refused,
    TextAggregated,
    TokensUsed,
    TurnDetected,
)
from voice_metrics.call.seen import Seen
from voice_metrics.pipecat.metrics_frames import MetricsReader


class MetricsLogger(FrameProcessor):
    """Logs each measurement of a MetricsFrame in readable units, with running totals. Frames pass unchanged.

    pipeline = Pipeline([..., tts, MetricsLogger(), VoiceMetricsProcessor(), transport.output(), ...])
    """

    def __init__(self, *, level: str = "INFO", name: str | None = None) -> None:
        """Make a logger.

        Args:
            level: Log level of its lines.
            name: Pipecat's name of the processor, or `None` for its class and a number.

        Raises:
            ValueError: There is no such level.
        """
        # Direct mode has no queue in which system frames overtake the others.
        super().__init__(name=name, enable_direct_mode=True)
        try:
            logger.level(level)
        except (TypeError, ValueError):
            raise ValueError(f"level={level!r}: expected a level of loguru, such as 'INFO'") from None
        self._level = level
        self._reader = MetricsReader({})
        self._reset_totals()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Log a MetricsFrame and pass every frame on."""
        await super().process_frame(frame, direction)
        try:
            self._log_measurements(frame)
        except Exception as fault:
            logger.warning("Metrics of {} could not be logged: {!r}", frame.name, fault)
        await self.push_frame(frame, direction)

    def _reset_totals(self) -> None:
        self._seen = Seen()
        self._tokens = self._characters = 0
        self._audio_seconds = 0.0

    def _log_measurements(self, frame: Frame) -> None:
        match frame:
            case StartFrame():
                self._reset_totals()
            case MetricsFrame() if self._seen.first(frame.id):
                for fact in self._reader.facts(frame):
                    if line := self._count_and_describe(fact):
                        logger.log(self._level, "{}", line)

    def _count_and_describe(self, fact: Fact) -> str:
        match fact:
            case TokensUsed():
                self._tokens += fact.total
                cached = f", {fact.cache_read} cached" if fact.cache_read else ""
                return (
                    f"{_service_name(fact)} tokens: {fact.prompt} prompt{cached} + {fact.completion} completion"
                    f" ({self._tokens} in this call)"
                )
            case CharactersSpoken():
                self._characters += fact.characters
                return f"{_service_name(fact)} characters: {fact.characters} ({self._characters} in this call)"
            case AudioTranscribed():
                self._audio_seconds += fact.seconds
                return f"{_service_name(fact)} audio: {fact.seconds:.1f} s ({self._audio_seconds:.1f} s in this call)"
            case TurnDetected():
                verdict = "complete" if fact.complete else "incomplete"
                return f"{fact.processor} turn {verdict}: {_ms(fact.seconds)}"
            case TextAggregated():
                return f"{fact.processor} text aggregation: {_ms(fact.seconds)}"
            case Refused():
                return f"refused: {fact.detail}"
            case FirstByte() | Processing() | FirstAudio() | FirstAnswerToken():
                return f"{_service_name(fact)} {_LATENCY[type(fact)]}: {_ms(fact.seconds)}"
        return ""


_LATENCY = {FirstByte: "TTFB", Processing: "processing", FirstAudio: "TTFA", FirstAnswerToken: "TTFAT"}
_Measured = TokensUsed | CharactersSpoken | AudioTranscribed | FirstByte | Processing | FirstAudio | FirstAnswerToken


def _service_name(fact: _Measured) -> str:
    return f"{fact.processor} ({fact.model})" if fact.model else fact.processor


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"
