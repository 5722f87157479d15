"""Tokens per second of a language model, joined from the pieces that one inference reports."""

from __future__ import annotations

from voice_metrics.call.facts import FirstByte, Generated, Processing, TokensUsed

_Piece = FirstByte | Processing | TokensUsed
_KINDS = 3


class Throughput:
    """Joins time to first byte, processing time and tokens of one inference, in any order.

    Each service runs one inference after another; services of one class and model run at once.
    """

    def __init__(self) -> None:
        self._pieces: dict[str, dict[type, _Piece]] = {}
        self._models: dict[str, str] = {}
        self._cut: set[str] = set()

    def add(self, fact: FirstByte | Processing | TokensUsed) -> Generated | None:
        """Add a piece of an inference; return the speed if it completes one, else `None`."""
        key = fact.instance or fact.processor
        pieces = self._pieces.get(key)
        if pieces is None:
            pieces = self._pieces[key] = {}
        if fact.model is not None:
            self._models[key] = fact.model
        if not isinstance(fact, TokensUsed):
            if fact.interrupted:
                pieces.clear()
                self._cut.add(key)
                return None
            if isinstance(fact, Processing) and fact.error_type is not None:
                pieces.clear()
                return None
        if key in self._cut:
            # Some services report the tokens of an inference after its interruption.
            if isinstance(fact, TokensUsed):
                return None
            self._cut.discard(key)
        if type(fact) in pieces:  # a second piece of a kind begins another inference
            pieces.clear()
        pieces[type(fact)] = fact
        if len(pieces) < _KINDS:
            return None
        match pieces[FirstByte], pieces[Processing], pieces[TokensUsed]:
            case FirstByte() as first, Processing() as whole, TokensUsed() as used:
                pieces.clear()
                seconds = whole.seconds - first.seconds
                if used.completion > 0 and seconds > 0:
                    return Generated(used.processor, self._models.get(key), used.completion / seconds)
        return None
