"""How fast a language model writes: puts together what one inference reports in pieces."""

from __future__ import annotations

from voice_metrics.call.facts import FirstByte, Generated, Processing, TokensUsed

_Piece = FirstByte | Processing | TokensUsed


class Throughput:
    """Joins time to first byte, processing time and tokens of the same inference, in whatever order they come.

    Processors of one class may run at once; their models tell them apart. A piece without a model belongs to the
    only model of its class, and to none where there are several.
    """

    def __init__(self) -> None:
        """Start with no inference under way."""
        self._pieces: dict[str, dict[str | None, dict[type, _Piece]]] = {}
        self._cut: set[tuple[str, str | None]] = set()

    def take(self, fact: FirstByte | Processing | TokensUsed) -> Generated | None:
        """Add a piece.

        Args:
            fact: A piece of an inference of a language model.

        Returns:
            The speed when this piece completes an inference, else `None`.
        """
        model = self._model(fact)
        pieces, key = self._pieces[fact.processor][model], (fact.processor, model)
        if isinstance(fact, (FirstByte, Processing)) and fact.interrupted:
            pieces.clear()
            self._cut.add(key)
            return None
        if key in self._cut:
            # Some services tell the tokens of an inference after it was cut.
            if isinstance(fact, TokensUsed):
                return None
            self._cut.discard(key)
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
                    return Generated(used.processor, model, used.completion / seconds)
        return None

    def _model(self, fact: _Piece) -> str | None:
        """The model whose inference a piece belongs to; there is an inference of it to add to."""
        models = self._pieces.setdefault(fact.processor, {})
        if fact.model is None:
            named = [model for model in models if model is not None]
            model = named[0] if len(named) == 1 else None
        else:
            model = fact.model
            if list(models) == [None]:
                models[model] = models.pop(None)
                if (fact.processor, None) in self._cut:
                    self._cut.remove((fact.processor, None))
                    self._cut.add((fact.processor, model))
        models.setdefault(model, {})
        return model
