"""Tokens per second of a language model, joined from the pieces that one inference reports."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from voice_metrics.call.facts import FirstAnswerToken, FirstByte, Generated, Processing, TokensUsed

Piece = FirstByte | FirstAnswerToken | Processing | TokensUsed
_NEEDED = {FirstByte, Processing, TokensUsed}


class Throughput:
    """Joins time to first byte, processing time and tokens of one inference, in any order.

    Each service runs one inference after another; services of one class and model run at once. If a model reasoned, and
    the first token of its answer is known, the speed is that of the answer: whether the time before belongs to the
    reasoning depends on whether the provider streams it.
    """

    def __init__(self) -> None:
        self._pieces: defaultdict[str, dict[type, Piece]] = defaultdict(dict)
        self._models: dict[str, str] = {}
        self._cut: set[str] = set()

    def add(self, fact: Piece) -> Generated | None:
        """Add a piece of an inference; return the speed if it completes one, else `None`."""
        key, kind = fact.instance or fact.processor, type(fact)
        pieces = self._pieces[key]
        if fact.model is not None:
            self._models[key] = fact.model
        if isinstance(fact, (FirstByte, Processing)):
            if fact.interrupted:
                pieces.clear()
                self._cut.add(key)
                return None
            if isinstance(fact, Processing) and fact.error_type is not None:
                pieces.clear()
                return None
            self._cut.discard(key)
        elif key in self._cut:
            return None  # some services report the tokens of an inference after its interruption
        if kind in pieces:  # a second piece of a kind begins another inference
            pieces.clear()
        pieces[kind] = fact
        if not pieces.keys() >= _NEEDED:
            return None
        del self._pieces[key]
        speed = _tokens_per_second(pieces)
        return None if speed is None else Generated(fact.processor, self._models.get(key), speed)


def _tokens_per_second(pieces: dict[type, Any]) -> float | None:
    began: FirstByte | FirstAnswerToken = pieces[FirstByte]
    used: TokensUsed = pieces[TokensUsed]
    tokens = used.completion
    if used.reasoning and FirstAnswerToken in pieces:
        began, tokens = pieces[FirstAnswerToken], tokens - used.reasoning
    seconds = pieces[Processing].seconds - began.seconds
    return tokens / seconds if tokens > 0 and seconds > 0 else None
