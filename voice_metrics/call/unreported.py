"""Services that worked without reporting usage: their cost is missing, and the summary says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from voice_metrics.call.facts import (
    AudioTranscribed,
    CharactersSpoken,
    Fact,
    FirstByte,
    Leg,
    Processing,
    TokensUsed,
    Unpriced,
)

REASON = "the service reported no usage"
# Bound of one call's remembered services.
_MOST = 1000


class UnreportedUsage:
    """The services of one call that answered, less those that reported usage."""

    def __init__(self, leg: Callable[[str], Leg]) -> None:
        self._leg = leg
        self._worked: dict[str, FirstByte | Processing] = {}
        self._reported: set[str] = set()

    def add(self, fact: Fact) -> None:
        """Record a service's work or usage.

        An interrupted request is ignored, because many services omit its usage; a refused one has none.
        """
        match fact:
            case TokensUsed() | AudioTranscribed() | CharactersSpoken() if len(self._reported) < _MOST:
                self._reported.add(fact.instance or fact.processor)
            case Processing() if fact.error_type is not None or self._leg(fact.processor) is Leg.TTS:
                pass  # a voice that gave audio has a first byte: Pipecat itself measures that
            case FirstByte() | Processing() if not fact.interrupted and len(self._worked) < _MOST:
                instance = fact.instance or fact.processor
                if instance not in self._reported and self._leg(fact.processor) is not Leg.OTHER:
                    self._worked[instance] = fact

    def end(self) -> Iterator[Unpriced]:
        """Yield one unpriced fact for each service without reported usage."""
        for instance, fact in self._worked.items():
            if instance not in self._reported:
                yield Unpriced(self._leg(fact.processor), fact.processor, fact.model, REASON)
