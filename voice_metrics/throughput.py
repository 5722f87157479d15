"""How fast a language model writes: puts together what one inference reports in pieces."""

from __future__ import annotations

from voice_metrics.facts import FirstByte, Generated, Processing, TokensUsed


class Throughput:
    """Joins time to first byte, processing time and tokens of the same inference, in whatever order they come."""

    def __init__(self) -> None:
        """Start with no inference under way."""
        self._pieces: dict[str, dict[type, FirstByte | Processing | TokensUsed]] = {}
        self._cut: set[str] = set()

    def take(self, fact: FirstByte | Processing | TokensUsed) -> Generated | None:
        """Add a piece.

        Args:
            fact: A piece of an inference of a language model.

        Returns:
            The speed when this piece completes an inference, else `None`.
        """
        if isinstance(fact, (FirstByte, Processing)) and fact.interrupted:
            self._pieces.pop(fact.processor, None)
            self._cut.add(fact.processor)
            return None
        if fact.processor in self._cut:
            # Some services tell the tokens of an inference after it was cut.
            if isinstance(fact, TokensUsed):
                return None
            self._cut.discard(fact.processor)
        pieces = self._pieces.setdefault(fact.processor, {})
        if type(fact) in pieces:  # a second piece of a kind begins another inference
            pieces.clear()
        pieces[type(fact)] = fact
        if len(pieces) < 3:
            return None
        match pieces.get(FirstByte), pieces.get(Processing), pieces.get(TokensUsed):
            case FirstByte() as first, Processing() as whole, TokensUsed() as used:
                pieces.clear()
                seconds = whole.seconds - first.seconds
                if used.completion > 0 and seconds > 0:
                    return Generated(used.processor, used.model, used.completion / seconds)
        return None
