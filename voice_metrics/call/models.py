"""Which model answers for each part of the bot: the one that a call's tags and summary name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from voice_metrics.call.facts import Leg

LEGS = (Leg.LLM, Leg.STT, Leg.TTS)


@dataclass(frozen=True, slots=True)
class ServiceSwitched:
    """A switcher changed the service in use.

    Parameters:
        leg: The part that they play.
        previous_instance: Pipecat's name of the service that was in use.
        instance: Pipecat's name of the one that is in use now.
        previous: What tells the former from the latter, for people and labels: its class, or its model.
        now: The same of the latter.
    """

    leg: Leg
    previous_instance: str
    instance: str
    previous: str
    now: str


class Models:
    """The models of one call, as long as it runs.

    Where two services play one part at once, the first of the pipeline names the model; after a switch it is the one
    that was switched to. A part that the pipeline itself lacks is named by whichever service answers.
    """

    def __init__(
        self,
        given: Mapping[Leg, str | None],
        found: Mapping[Leg, str | None],
        instances: Mapping[Leg, str | None],
    ) -> None:
        """Begin with what is known before any service answers.

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
        """Model of each leg, or `None` for a leg that nothing plays."""
        return dict(self._current)

    def answered(self, leg: Leg, instance: str | None, model: str | None) -> bool:
        """Note that a service answered.

        Args:
            leg: The part that it plays.
            instance: Pipecat's name of it, or `None` if not known.
            model: The model that it ran, or `None` if it names none.

        Returns:
            Whether another model answers now.
        """
        if model is None or leg not in self._current or self._given[leg] or model == self._current[leg]:
            return False
        in_use = self._instances.get(leg)
        if in_use is not None and instance != in_use:
            return False
        self._current[leg] = model
        return True

    def switched(self, switch: ServiceSwitched) -> None:
        """Note that a switcher changed the service in use; its model is named once it answers.

        Args:
            switch: The switch.
        """
        if self._instances.get(switch.leg) == switch.previous_instance:
            self._instances[switch.leg] = switch.instance
