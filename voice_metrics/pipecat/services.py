"""The services of a pipeline: which part each plays, who provides it, which model it runs; what it measures.

Reads Pipecat's processors by attribute and by the names of their base classes, so that it works on
every supported version and on services that nobody here has heard of. Changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from voice_metrics.call.facts import Leg
from voice_metrics.call.text import clean

_LEG_OF_BASE = {"STTService": Leg.STT, "LLMService": Leg.LLM, "TTSService": Leg.TTS}


@dataclass(frozen=True, slots=True)
class Service:
    """One service of the pipeline.

    Parameters:
        name: Pipecat's name of the instance, such as "OpenAILLMService#3".
        processor: Class name, the same for every call.
        leg: The part it plays.
        provider: Pipecat's name of the provider, such as "openai", or `None` for a service of one's own.
        model: Model it runs, or `None` if it names none.
    """

    name: str
    processor: str
    leg: Leg
    provider: str | None
    model: str | None


class Flags(NamedTuple):
    """What a pipeline was told to measure.

    Parameters:
        metrics: `PipelineParams.enable_metrics`.
        usage: `PipelineParams.enable_usage_metrics`.
        initial_only: `PipelineParams.report_only_initial_ttfb`.
    """

    metrics: bool
    usage: bool
    initial_only: bool

    def warnings(self) -> Iterator[str]:
        """What the call's numbers will lack, each with what to do."""
        if not self.metrics:
            yield "no latencies, since enable_metrics is off; set PipelineParams(enable_metrics=True)"
        if not self.usage:
            yield "no tokens, characters or cost, since enable_usage_metrics is off; set it in PipelineParams"
        if self.initial_only:
            yield "one TTFB per service and call, since report_only_initial_ttfb is on; percentiles mean little"


def class_name(processor: str) -> str:
    """A processor's name without the instance number, which counts up for the life of the process."""
    return processor.partition("#")[0]


@lru_cache(maxsize=256)
def leg_of_name(processor: str) -> Leg:
    """The leg that a class name tells, for services that are not in this pipeline."""
    return next((leg for base, leg in _LEG_OF_BASE.items() if base in processor), Leg.OTHER)


def worker_of(setup: Any) -> Any | None:
    """The worker that runs the pipeline, from what a processor's `setup` received."""
    return getattr(setup, "pipeline_worker", None)


def processors_of(root: Any) -> Iterator[Any]:
    """Every processor below `root`, itself included: parallel branches, switchers and nested pipelines."""
    yield root
    for child in getattr(root, "processors", ()) or ():
        yield from processors_of(child)


def services_in(processors: Iterable[Any]) -> tuple[Service, ...]:
    """The processors that measure themselves or are a speech or language service."""
    return tuple(_service(processor) for processor in processors if _is_service(processor))


class Services:
    """The services of one call, to be asked by name."""

    def __init__(self, services: Iterable[Service] = ()) -> None:
        """Index the services.

        Args:
            services: The pipeline's services.
        """
        self.by_name = {service.name: service for service in services}
        self._by_class = {service.processor: service for service in self.by_name.values()}

    def leg(self, processor: str) -> Leg:
        """The part that a processor plays, by its class name, also for one that is in another worker's pipeline."""
        service = self._by_class.get(processor)
        return service.leg if service else leg_of_name(processor)

    def provider(self, processor: str) -> str | None:
        """Pipecat's name of a processor's provider, by its class name; `None` if unknown."""
        service = self._by_class.get(processor)
        return service.provider if service else None

    def model(self, leg: Leg) -> str | None:
        """The model of the first service that plays `leg`, or `None` if there is no such service."""
        return next((s.model or s.processor for s in self.by_name.values() if s.leg is leg), None)


def _is_service(processor: Any) -> bool:
    return _leg(processor) is not Leg.OTHER or bool(processor.can_generate_metrics())


def _service(processor: Any) -> Service:
    kind = clean(type(processor).__name__)
    return Service(processor.name, kind, _leg(processor), _provider(processor), _model(processor))


def _leg(processor: Any) -> Leg:
    bases = {base.__name__ for base in type(processor).__mro__}
    return next((leg for name, leg in _LEG_OF_BASE.items() if name in bases), Leg.OTHER)


def _provider(processor: Any) -> str | None:
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
