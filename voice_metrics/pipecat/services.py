"""The services of a call: part, provider, model and host, and the pipeline's measuring flags.

Reads Pipecat's processors by attribute and by the names of their base classes, which works on every supported version
and on the application's own services.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from voice_metrics.call.facts import Leg
from voice_metrics.call.providers import provider_of_class, provider_of_host
from voice_metrics.call.text import clean
from voice_metrics.pipecat.addresses import deployment_of, host_of

_LEG_OF_BASE = {"STTService": Leg.STT, "LLMService": Leg.LLM, "TTSService": Leg.TTS, "StrandsAgentsProcessor": Leg.LLM}


@dataclass(frozen=True, slots=True)
class Service:
    """One service of the call.

    Parameters:
        name: Pipecat's name of the instance, such as "OpenAILLMService#3".
        processor: Class name, the same for every call.
        leg: Its part of the bot.
        provider: Pipecat's name of the provider, such as "openai", or `None` for the user's own service.
        model: Its model, or `None` if it names none.
        family: Pipecat's name of the provider that its class is made for, if it is pointed at another one.
        host: Host of its requests, or `None` if unknown.
        found: True if the service itself was seen, and not only its name.
        source: Pipecat's processor, or `None` if only its name was seen.
        address_names_model: True if its address names the model, which its metrics may not do.
    """

    name: str
    processor: str
    leg: Leg
    provider: str | None
    model: str | None
    family: str | None = None
    host: str | None = None
    found: bool = True
    source: weakref.ref[Any] | None = field(default=None, compare=False, repr=False)
    address_names_model: bool = False

    @property
    def origin(self) -> Any:
        """Pipecat's processor while it lives, or `None` if only its name was seen."""
        return self.source() if self.source else None

    @property
    def may_have_images(self) -> bool:
        """True if prompt tokens that it reports as text may be images or video."""
        held = getattr(self.origin, "__dict__", {})
        if "_video_input_paused" not in held:
            return False
        # Gemini Live takes images of the context too; OpenAI's realtime service takes frames only, and notes the last.
        return bool(held.get("_last_sent_time")) or (self.family == "google" and not held["_video_input_paused"])

    def response_model(self) -> str | None:
        """The model that the provider reports, or `None`."""
        # Pipecat keeps what came with the latest response of OpenAI's protocol there.
        name = getattr(self.origin, "_full_model_name", None)
        return clean(name) if isinstance(name, str) and name else None

    @property
    def delegate(self) -> str | None:
        """The model whose tokens it reports in place of its own, or `None`."""
        # OpenAI's Live models are billed by the hour, and delegate work to a model that is billed by the token.
        settings = getattr(getattr(self.origin, "_delegation", None), "settings", None)
        model = getattr(settings, "model", None)
        return clean(model) if isinstance(model, str) and model else None

    @property
    def speaks_like(self) -> str | None:
        """Pipecat's name of the provider whose way of reporting usage it has, or `None` if unknown."""
        return self.family or self.provider


class ServiceNames(Protocol):
    """Services by Pipecat's names of their instances."""

    def get(self, name: str, /) -> Service | None:
        """The service of a name, or `None` if it is not known."""
        ...


class Flags(NamedTuple):
    """The pipeline's measuring flags.

    Parameters:
        metrics: `PipelineParams.enable_metrics`.
        usage: `PipelineParams.enable_usage_metrics`.
        initial_only: `PipelineParams.report_only_initial_ttfb`.
    """

    metrics: bool
    usage: bool
    initial_only: bool

    def warnings(self) -> Iterator[str]:
        """Yield numbers that the call will lack, each with the cure."""
        if not self.metrics:
            yield "no latencies, since enable_metrics is off; set PipelineParams(enable_metrics=True)"
        if not self.usage:
            yield "no tokens, characters or cost, since enable_usage_metrics is off; set it in PipelineParams"
        if self.initial_only:
            yield "one TTFB per service and call, since report_only_initial_ttfb is on; percentiles mean little"


@lru_cache(maxsize=256)
def leg_of_name(processor: str) -> Leg:
    """Return the leg for a class name, for services outside this pipeline."""
    return next((leg for base, leg in _LEG_OF_BASE.items() if base in processor), Leg.OTHER)


def services_in(processors: Iterable[Any]) -> tuple[Service, ...]:
    """Return a record of each processor that measures itself or is a speech or language service."""
    return tuple(_service(processor) for processor in processors if _is_service(processor))


class _Legs(dict[str, Leg]):
    """The parts of a call's services by class name, and of any other one by what its name says."""

    def __missing__(self, processor: str) -> Leg:
        leg = self[processor] = leg_of_name(processor)
        return leg


class Services:
    """The services of one call, by name.

    Attributes:
        by_name: Those of the pipeline, and others that were found, by Pipecat's names of their instances.
        has_siblings: True if two services are of one class.
        leg: Returns a processor's part of the bot, by its class name, even if never seen.
    """

    def __init__(
        self,
        services: Iterable[Service] = (),
        elsewhere: Callable[[], Iterable[Any]] | None = None,
        resting: Iterable[str] = (),
    ) -> None:
        """Index the services.

        Args:
            services: The services of the call's own pipeline.
            elsewhere: Returns the processors of all other accessible workers, or `None` for none.
            resting: Names of services that do not talk to the caller, as those that a switcher does not use.
        """
        resting = frozenset(resting)
        self.by_name: dict[str, Service] = {}
        self.has_siblings = False
        self._elsewhere = elsewhere
        self._by_class: dict[str, Service] = {}
        self._legs = _Legs()
        self.leg = self._legs.__getitem__
        self._by_class_and_model: dict[tuple[str, str | None], Service] = {}
        self._first: dict[Leg, Service] = {}
        for service in services:
            self.learn(service)
            if service.name not in resting:
                self._first.setdefault(service.leg, service)

    def learn(self, service: Service) -> None:
        """Add a service."""
        sibling = self._by_class.get(service.processor)
        self.has_siblings = self.has_siblings or (sibling is not None and sibling.name != service.name)
        self.by_name[service.name] = service
        self._by_class[service.processor] = service
        self._legs[service.processor] = service.leg
        self._by_class_and_model[service.processor, service.model] = service

    def get(self, name: str, /) -> Service | None:
        """Return a service by its instance's name, anywhere in the process; `None` if not found."""
        service = self.by_name.get(name)
        if service is None and self._elsewhere is not None:
            for found in services_in(processor for processor in self._elsewhere() if processor.name == name):
                self.learn(found)
                return found
        return service

    def provider(self, processor: str, model: str | None = None, instance: str | None = None) -> str | None:
        """Pipecat's name of a processor's provider, or `None` if unknown."""
        service = self._find(processor, model, instance)
        return service.provider if service else provider_of_class(processor)

    def host(self, processor: str, model: str | None = None, instance: str | None = None) -> str | None:
        """Return the host of a processor's requests, or `None` if unknown."""
        service = self._find(processor, model, instance)
        return service.host if service else None

    def response_model(self, processor: str, model: str | None = None, instance: str | None = None) -> str | None:
        """Return the model that the provider reports, by requested model, or `None` if unknown."""
        service = self._find(processor, model, instance)
        return service.response_model() if service else None

    def model(self, leg: Leg) -> str | None:
        """Model, or else class name, of the first service in use that plays `leg`; `None` if the pipeline has none."""
        service = self._first.get(leg)
        return (service.model or service.processor) if service else None

    def in_use(self, leg: Leg) -> str | None:
        """Pipecat's name of the first service in use that plays `leg`, or `None` if the pipeline has none."""
        service = self._first.get(leg)
        return service.name if service else None

    def _find(self, processor: str, model: str | None, instance: str | None) -> Service | None:
        service = self.by_name.get(instance or "")
        if service is not None and service.processor == processor:
            return service
        # A service without a model is reported under its own name.
        named = None if model == processor else model
        return self._by_class_and_model.get((processor, named)) or self._by_class.get(processor)


@lru_cache(maxsize=256)
def inferred(name: str) -> Service:
    """Return a service known by its instance's name only, such as "OpenAILLMService#3", as in another process."""
    processor = name.partition("#")[0]
    return Service(name, processor, leg_of_name(processor), provider_of_class(processor), None, found=False)


def _is_service(processor: Any) -> bool:
    return _leg(processor) is not Leg.OTHER or bool(processor.can_generate_metrics())


def _service(processor: Any) -> Service:
    family, host = _family(processor), host_of(processor)
    deployment = deployment_of(processor) if family == "azure" else None
    # Most providers speak OpenAI's protocol; an unknown host may be a gateway to any of them.
    provider = (provider_of_host(host) if family == "openai" else None) or family
    return Service(
        processor.name,
        clean(type(processor).__name__),
        _leg(processor),
        provider,
        deployment or _model(processor),
        family,
        host,
        source=weakref.ref(processor),
        address_names_model=deployment is not None,
    )


def _leg(processor: Any) -> Leg:
    bases = {base.__name__ for base in type(processor).__mro__}
    return next((leg for name, leg in _LEG_OF_BASE.items() if name in bases), Leg.OTHER)


def _family(processor: Any) -> str | None:
    for base in type(processor).__mro__:
        # `pipecat.services.openai.llm`; base classes sit one level higher, in `pipecat.services.llm_service`.
        match base.__module__.split("."):
            case ["pipecat", "services", provider, _, *_]:
                return provider
    return None


def _model(processor: Any) -> str | None:
    # The public property appeared in Pipecat 1.12.
    settings = getattr(processor, "settings", None) or getattr(processor, "_settings", None)
    # Deepgram-like voices carry the model's name and leave `model` empty.
    for value in (getattr(settings, "model", None), getattr(settings, "voice", None)):
        if isinstance(value, str) and value:
            return clean(value)
    return None
