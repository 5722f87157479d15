"""The model of each part of the bot, for a call's tags and summary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from voice_metrics.call.facts import Leg

LEGS = (Leg.LLM, Leg.STT, Leg.TTS)


@dataclass(frozen=True, slots=True)
class ServiceSwitched:
    """A switcher changed the service in use.

    Parameters:
        leg: The services' part of the bot.
        previous_instance: Pipecat's name of the former service.
        instance: Pipecat's name of the current one.
        previous: The former's class, model, provider or host, the first that differs.
        now: The same of the current one.
    """

    leg: Leg
    previous_instance: str
    instance: str
    previous: str
    now: str


class Models:
    """The models of one call while it runs.

    If two services play one part, the first of the pipeline names the model; after a switch, the new one. A part that
    the pipeline lacks is named by the service that answers.
    """

    def __init__(
        self,
        given: Mapping[Leg, str | None],
        found: Mapping[Leg, str | None],
        instances: Mapping[Leg, str | None],
    ) -> None:
        """Begin with the names known before any service answers.

        Args:
            given: The user's own names, which stay.
            found: Models of the pipeline's services, or `None` for a part that it lacks.
            instances: Pipecat's names of the services in use, or `None` for a part that the pipeline lacks.
        """
        self._given = {leg: given.get(leg) or None for leg in LEGS}
        self._current = {leg: self._given[leg] or found.get(leg) for leg in LEGS}
        self._instances = dict(instances)

    @property
    def current(self) -> dict[Leg, str | None]:
        """Model of each leg, or `None` for a leg without a service."""
        return dict(self._current)

    def answered(self, leg: Leg, instance: str | None, model: str | None) -> bool:
        """Record an answer of a service; return True if the model of its part changed.

        Args:
            leg: The service's part of the bot.
            instance: Pipecat's name of it, or `None` if unknown.
            model: Its model, or `None` if it names none.
        """
        if model is None or leg not in self._current or self._given[leg] or model == self._current[leg]:
            return False
        in_use = self._instances.get(leg)
        if in_use is not None and instance != in_use:
            return False
        self._current[leg] = model
        return True

    def switched(self, switch: ServiceSwitched) -> None:
        """Record a switch; the new service's model is named once it answers."""
        if self._instances.get(switch.leg) == switch.previous_instance:
            self._instances[switch.leg] = switch.instance
