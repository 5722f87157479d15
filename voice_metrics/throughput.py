"""How fast a language model writes: puts together what one inference reports in pieces."""

from __future__ import annotations

from voice_metrics.facts import FirstByte, Generated, Processing, TokensUsed

# A latency comes this much later than it was measured: it is held back until no interruption can have cut it.
HELD_SECONDS = 0.02


class Throughput:
    """Joins time to first byte, processing time and tokens of the same inference, in whatever order they come."""

    def __init__(self) -> None:
        """Start with no inference under way."""
        self._pieces: dict[str, dict[type, tuple[FirstByte | Processing | TokensUsed, float]]] = {}

    def take(self, fact: FirstByte | Processing | TokensUsed, at: float) -> Generated | None:
        """Add a piece.

        Args:
            fact: A piece of an inference of a language model.
            at: When it came, in monotonic seconds.

        Returns:
            The speed when this piece completes an inference, else `None`.
        """
        if isinstance(fact, (FirstByte, Processing)) and fact.interrupted:
            self._pieces.pop(fact.processor, None)
            return None
        pieces = self._pieces.setdefault(fact.processor, {})
        if type(fact) in pieces or (isinstance(fact, FirstByte) and _older(pieces, at - HELD_SECONDS)):
            pieces.clear()  # of another inference: one that was cut may tell its tokens after all
        pieces[type(fact)] = fact, at
        match [pieces.get(kind, (None,))[0] for kind in (FirstByte, Processing, TokensUsed)]:
            case [FirstByte() as first, Processing() as whole, TokensUsed() as used]:
                pieces.clear()
                seconds = whole.seconds - first.seconds
                if used.completion > 0 and seconds > 0:
                    return Generated(used.processor, used.model, used.completion / seconds)
        return None


def _older(pieces: dict[type, tuple[FirstByte | Processing | TokensUsed, float]], moment: float) -> bool:
    return any(at < moment for _, at in pieces.values())
