"""Audio in the context of a language model, as with a bot whose model hears the caller itself.

Pipecat reports no share of it in the prompt, and no frame says that a context has it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from weakref import WeakKeyDictionary

from pipecat.processors.aggregators.llm_context import LLMContext


class HeardContexts:
    """The contexts of a pipeline's aggregators.

    Args:
        processors: All processors of the pipeline, nested ones included.
    """

    def __init__(self, processors: Iterable[Any] = ()) -> None:
        self._keepers = [one for one in processors if isinstance(getattr(one, "context", None), LLMContext)]
        # Number of the messages of a context that were looked at and have no audio, and the last of them.
        self._silent: WeakKeyDictionary[LLMContext, tuple[int, Any]] = WeakKeyDictionary()

    def have_audio(self) -> bool:
        """True if a message of a context has audio now."""
        contexts = {id(keeper.context): keeper.context for keeper in self._keepers}
        return any(self._has_audio(context) for context in contexts.values())

    def _has_audio(self, context: LLMContext) -> bool:
        """True if a message has audio; those that had none before are not looked at again, as contexts grow long."""
        messages = context.messages
        number, last = self._silent.get(context, (0, None))
        if number and (number > len(messages) or messages[number - 1] is not last):
            number = 0  # they were replaced
        if any(_has_audio(message) for message in messages[number:]):
            return True
        if messages:
            self._silent[context] = len(messages), messages[-1]
        return False


def _has_audio(message: Any) -> bool:
    content = message.get("content") if isinstance(message, dict) else None
    parts = content if isinstance(content, list) else ()
    return any(isinstance(part, dict) and part.get("type") == "input_audio" for part in parts)
