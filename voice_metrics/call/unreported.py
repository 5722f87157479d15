"""Services that worked and reported no usage: their cost is missing, and that must be said."""

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
# As many services of one call are remembered.
_MOST = 1000


class UnreportedUsage:
    """The services of one call that answered, less those that reported what they used."""

    def __init__(self, leg: Callable[[str], Leg]) -> None:
        """Begin with none.

        Args:
            leg: Tells the part that a processor plays, by its class name.
        """
        self._leg = leg
        self._worked: dict[str, FirstByte | Processing] = {}
        self._reported: set[str] = set()

    def take(self, fact: Fact) -> None:
        """Note that a service worked, or what it used.

        Args:
            fact: What happened. A request that was cut off tells nothing: many services report its usage or leave it.
        """
        match fact:
            case TokensUsed() | AudioTranscribed() | CharactersSpoken() if len(self._reported) < _MOST:
                self._reported.add(fact.instance or fact.processor)
            case FirstByte() | Processing() if not fact.interrupted and len(self._worked) < _MOST:
                if self._leg(fact.processor) is not Leg.OTHER:
                    self._worked[fact.instance or fact.processor] = fact

    def end(self) -> Iterator[Unpriced]:
        """What has no price because nothing tells how much was used.

        Yields:
            One fact for each service.
        """
        for instance, fact in self._worked.items():
            if instance not in self._reported:
                yield Unpriced(self._leg(fact.processor), fact.processor, fact.model, REASON)
