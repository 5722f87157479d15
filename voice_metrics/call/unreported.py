"""Services that worked without reporting usage: their cost is missing, and the summary says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from voice_metrics.call.facts import FirstByte, Leg, ModelAnswered, Processing, TokensUsed, Unpriced, Usage
from voice_metrics.call.providers import provider_of_class

Work = FirstByte | Processing | ModelAnswered
REASON = "the service reported no usage"
# Bound of one call's remembered services.
_MOST = 1000


class UnreportedUsage:
    """The services of one call that answered, less those that reported usage."""

    def __init__(self, leg: Callable[[str], Leg]) -> None:
        self._leg = leg
        self._worked: dict[str, Work] = {}
        self._reported: set[str] = set()

    def add(self, fact: Work | Usage) -> None:
        """Record a service's work or usage.

        An interrupted request is ignored, because many services omit its usage; a refused one has none.
        """
        instance = fact.instance or fact.processor
        if instance in self._reported:
            return
        match fact:
            case Processing() if fact.error_type is not None or self._leg(fact.processor) is Leg.TTS:
                pass  # a voice that gave audio has a first byte: Pipecat itself measures that
            case FirstByte(interrupted=True) | Processing(interrupted=True):
                pass
            case FirstByte() | Processing() | ModelAnswered():
                if self._is_sold(fact.processor) and len(self._worked) < _MOST:
                    self._worked[instance] = fact
            case TokensUsed(out_of_band=True):
                pass  # it tells nothing of the usage of the service's other work
            case _ if len(self._reported) < _MOST:
                self._reported.add(instance)

    def end(self) -> Iterator[Unpriced]:
        """Yield one unpriced fact for each service without reported usage."""
        for instance, fact in self._worked.items():
            if instance not in self._reported:
                leg = self._leg(fact.processor)
                # Its model may be that of a service with reported usage.
                reason = REASON if leg is not Leg.OTHER else f"{fact.processor} reported no usage"
                yield Unpriced(leg, fact.processor, fact.model, reason)

    def _is_sold(self, processor: str) -> bool:
        # Beside the three parts of a conversation Pipecat measures avatars and models that draw.
        return self._leg(processor) is not Leg.OTHER or provider_of_class(processor) is not None
