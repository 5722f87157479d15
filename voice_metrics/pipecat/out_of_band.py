"""Requests to language models outside the pipeline, Pipecat's `run_inference()`: their usage, of which it reports none.

Pipecat asks this way for summaries of a context and for the answers of an `LLMClassifier`, an application for what it
needs. Methods are replaced on the instance, once in its life, by one that does the same and reads the answer.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from functools import lru_cache, wraps
from types import MethodType
from typing import Any, Protocol

from pipecat.frames.frames import Frame, MetricsFrame
from pipecat.metrics.metrics import LLMUsageMetricsData

from voice_metrics.call.facts import Fact, Leg, Unpriced
from voice_metrics.call.text import clean
from voice_metrics.pipecat.current_call import CurrentCall, calls_here
from voice_metrics.pipecat.services import Services, services_in
from voice_metrics.pipecat.token_usage import token_usage
from voice_metrics.pipecat.workers import processors_of

# The method of its client by which a service of a module of Pipecat's asks without streaming (1.3.0 to 1.14.0).
_METHODS = {
    "pipecat.services.openai.base_llm": "chat.completions.create",
    "pipecat.services.openai.responses.llm": "responses.create",
    "pipecat.services.anthropic.llm": "beta.messages.create",
    "pipecat.services.google.llm": "aio.models.generate_content",
}
_MODEL, _CLASSIFIER, _SUMMARIZER = "LLMService", "LLMClassifier", "LLMContextSummarizer"
_Method = Callable[..., Any]


@lru_cache(maxsize=1024)
def _role(kind: Any) -> str | None:
    """Return the name of the class that asks language models, of which `kind` is one; `None` for any other class."""
    names = (base.__name__ for base in kind.__mro__)
    return next((name for name in names if name in {_MODEL, _CLASSIFIER, _SUMMARIZER}), None)


class OutOfBandUsage(LLMUsageMetricsData):
    """Usage of a request outside the pipeline.

    Parameters:
        answering: The model that the provider reports, or `None`.
    """

    answering: str | None = None


class Listener(Protocol):
    """Receives what is heard at processors, synchronously, on the event loop; it never raises."""

    @property
    def is_running(self) -> bool:
        """True while a call runs."""
        ...

    @property
    def current_call(self) -> CurrentCall:
        """The call, for the tasks around it."""
        ...

    def read_frame(self, frame: Frame) -> None:
        """Read a frame that passes, or one of a worker beside the pipeline's."""
        ...

    def inferred(self, fact: Fact) -> None:
        """Record a measurement of a language model's response, or a request of unknown usage."""
        ...

    def faulted(self, where: str, fault: Exception) -> None:
        """Count a fault of the plug-in."""
        ...


class OutOfBand:
    """The requests outside one recorder's pipeline.

    Args:
        listener: Receives their usage.
    """

    def __init__(self, listener: Listener) -> None:
        self.worker: Any = None
        self.listener = listener
        self._services = Services()

    def enter(self, worker: Any, services: Services) -> None:
        """Record for the calls of a worker's pipeline, with these services, from now on."""
        self.worker, self._services = worker, services

    def watch(self, holders: Iterable[Any]) -> None:
        """Watch the language models that processors and workers are or have, those that are new. Never raises."""
        for holder in holders:
            for one in (holder, *_held_by(holder)):
                # Not its `__class__`: an object that stands for another may act when it is asked for that.
                kind: Any = type(one)
                if (role := _role(kind)) is not None:
                    _contain(self, self._watch, one, role)

    def _watch(self, asked: Any, role: str) -> None:
        if role == _CLASSIFIER:
            self.watch_models(asked.llm)
        elif self not in (watchers := _all_watchers.setdefault(asked, weakref.WeakSet())):
            watchers.add(self)
            for name, replacement in _REPLACEMENTS[role].items():
                _replace(asked, name, replacement)

    def watch_models(self, llm: Any) -> None:
        """Watch a language model, or those of a switcher."""
        for each in processors_of(llm):
            kind: Any = type(each)
            if _role(kind) == _MODEL:
                self._watch(each, _MODEL)

    def record(self, model: Any, usages: list[OutOfBandUsage]) -> None:
        """Record the usage of a request; without any, that it is unknown."""
        if not self.worker.params.enable_usage_metrics:
            return
        (service,) = services_in((model,))
        if service.name not in self._services.by_name:
            self._services.learn(service)
        if usages:
            self.listener.read_frame(MetricsFrame(data=list(usages)))
        else:
            reason = "run_inference() reported no usage"
            self.listener.inferred(Unpriced(Leg.LLM, service.processor, service.model, reason))


class _Request:
    """A request under way; of its answers only the usage is kept.

    Parameters:
        usages: Usage that nobody else reports.
        is_accounted: True if another one reports usage of it.
    """

    def __init__(self) -> None:
        self.usages: list[OutOfBandUsage] = []
        self.is_accounted = False

    def add(self, model: Any, answer: Any) -> None:
        """Keep the usage in an answer of the provider."""
        used = token_usage(model, answer)
        if used is not None:
            (service,) = services_in((model,))
            named = getattr(answer, "model", None)
            answering = clean(named) if isinstance(named, str) and named else None
            item = OutOfBandUsage(processor=service.name, model=service.model, value=used, answering=answering)
            self.usages.append(item)


# Weak on both sides: a model may serve many calls, one after the other or at once.
_all_watchers: weakref.WeakKeyDictionary[Any, weakref.WeakSet[OutOfBand]] = weakref.WeakKeyDictionary()
# The model that is asked in the running task, and the request.
_under_way: ContextVar[tuple[Any, _Request] | None] = ContextVar("voice_metrics_out_of_band", default=None)


def _watchers_of(asked: Any) -> tuple[OutOfBand, ...]:
    return tuple(_all_watchers.get(asked, ()))


def _responsible(model: Any) -> tuple[OutOfBand, ...]:
    """Return the watchers of the call that asks, or none if several could."""
    watchers, here = _watchers_of(model), calls_here()
    asking = {id(each.worker) for each in watchers if each.listener.current_call in here}
    # A task that belongs to no call asks for the only one that runs.
    asking = asking or {id(each.worker) for each in watchers if each.listener.is_running}
    if len(asking) != 1:
        return ()
    return tuple(each for each in watchers if id(each.worker) in asking and each.listener.is_running)


def _replace(owner: Any, name: str, replacement: Callable[[Any, _Method], _Method]) -> None:
    method = getattr(owner, name, None)
    # One that was replaced before, here or by the application's tests, is no method.
    if isinstance(method, MethodType):
        setattr(owner, name, wraps(method)(replacement(owner, method)))


def _ask_and_record(model: Any, ask: _Method) -> _Method:
    async def replaced(*args: Any, **options: Any) -> Any:
        outer, request, answered = _under_way.get(), _Request(), False
        _under_way.set((model, request))
        _contain(model, _watch_client, model)
        try:
            text = await ask(*args, **options)
            answered = bool(text)
            return text
        finally:
            _under_way.set(outer)
            if outer is not None:
                outer[1].is_accounted = True
            # A request that failed or was refused has no usage.
            if request.usages or (answered and not request.is_accounted):
                for watcher in _responsible(model):
                    _contain(watcher, watcher.record, model, request.usages)

    return replaced


def _watch_client(model: Any) -> None:
    """Read the answers of a service's client, which an update of its settings may have replaced."""
    paths = (_METHODS.get(base.__module__) for base in type(model).__mro__)
    *way, name = next(filter(None, paths), "").split(".")
    owner = getattr(model, "_client", None)
    for step in way:
        owner = getattr(owner, step, None)
    _replace(owner, name, _answer_and_read)


def _answer_and_read(owner: Any, answer: _Method) -> _Method:
    async def replaced(*args: Any, **options: Any) -> Any:
        answered, asked = await answer(*args, **options), _under_way.get()
        if asked is not None:
            model, request = asked
            _contain(model, request.add, model, answered)
        return answered

    return replaced


def _report_and_note(model: Any, report: _Method) -> _Method:
    async def replaced(*args: Any, **options: Any) -> Any:
        asked = _under_way.get()
        # A service that reports the usage of such a request itself, which another Pipecat's or the application's may.
        if asked is not None and asked[0] is model and model.usage_metrics_enabled and model.can_generate_metrics():
            asked[1].usages.clear()
            asked[1].is_accounted = True
        return await report(*args, **options)

    return replaced


def _watch_and_summarize(summarizer: Any, summarize: _Method) -> _Method:
    def replaced(llm: Any, *args: Any, **options: Any) -> Any:
        for watcher in _watchers_of(summarizer):
            _contain(watcher, watcher.watch_models, llm)
        return summarize(llm, *args, **options)

    return replaced


_REPLACEMENTS: dict[str, dict[str, Callable[[Any, _Method], _Method]]] = {
    _MODEL: {
        "run_inference": _ask_and_record,
        "run_multimodal_inference": _ask_and_record,  # NVIDIA's Omni
        "start_llm_usage_metrics": _report_and_note,
    },
    _SUMMARIZER: {"_generate_summary_with_dedicated_llm": _watch_and_summarize},
}


def _contain(place: Any, act: Callable[..., None], *arguments: Any) -> None:
    """Act, and count a fault where it was: in one watcher's call, or in those of all watchers of a model."""
    try:
        act(*arguments)
    except Exception as fault:
        for watcher in (place,) if isinstance(place, OutOfBand) else _watchers_of(place):
            watcher.listener.faulted("run_inference", fault)


def _held_by(holder: Any) -> tuple[Any, ...]:
    held = holder.__dict__
    if type(holder).__module__.startswith("pipecat."):
        return held.get("_classifier"), held.get("_summarizer")
    return tuple(held.values())
