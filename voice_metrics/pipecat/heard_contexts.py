"""Audio in the context of a language model, as with a bot whose model hears the caller itself.

Pipecat reports no share of it in the prompt, and no frame says that a context has it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pipecat.processors.aggregators.llm_context import LLMContext


class HeardContexts:
    """The contexts of a pipeline's aggregators.

    Args:
        processors: All processors of the pipeline, nested ones included.
    """

    def __init__(self, processors: Iterable[Any] = ()) -> None:
        self._keepers = [one for one in processors if isinstance(getattr(one, "context", None), LLMContext)]

    def have_audio(self) -> bool:
        """True if a message of a context has audio now."""
        contexts = {id(keeper.context): keeper.context for keeper in self._keepers}
        return any(_has_audio(message) for context in contexts.values() for message in context.messages)


def _has_audio(message: Any) -> bool:
    content = message.get("content") if isinstance(message, dict) else None
    parts = content if isinstance(content, list) else ()
    return any(isinstance(part, dict) and part.get("type") == "input_audio" for part in parts)
