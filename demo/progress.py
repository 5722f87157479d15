"""Logs the events of the call, one line each."""

from loguru import logger
from pipecat.frames.frames import (
    FunctionCallInProgressFrame,
    InterruptionFrame,
    LLMContextAssistantTurnFrame,
    LLMFullResponseStartFrame,
    TranscriptionFrame,
)
from pipecat.observers.base_observer import BaseObserver, FramePushed
from pipecat.processors.frame_processor import FrameDirection


def say(who: str, what: str) -> None:
    """Log one line of the conversation: the speaker, in one short word, and the speech or action."""
    logger.info(f"{who:<9} {what}")


class Progress(BaseObserver):
    """Logs the caller's and the bot's words, function calls and interruptions."""

    def __init__(self) -> None:
        super().__init__(observe_every_push=False)
        self._interrupted = False

    async def on_push_frame(self, data: FramePushed) -> None:
        """Log one line for a frame that a listener would notice."""
        # Pipecat sends most of these frames in both directions.
        if data.direction is FrameDirection.DOWNSTREAM:
            self._log(data.frame)

    def _log(self, frame: object) -> None:
        match frame:
            case TranscriptionFrame(text=text):
                say("heard", text)
            case FunctionCallInProgressFrame(function_name=name, arguments=arguments):
                say("function", f"{name}({', '.join(f'{key}={value!r}' for key, value in arguments.items())})")
            case LLMFullResponseStartFrame():
                self._interrupted = False
            case InterruptionFrame():
                # What was heard of an answer comes behind it, also where the bot paused just then.
                self._interrupted = True
            case LLMContextAssistantTurnFrame(text=text) if text:
                say("bot", f"{text} (interrupted)" if self._interrupted else text)
                self._interrupted = False
            case _:
                pass
