"""Pipecat's MetricsFrames as facts.

Impossible values become `Refused`. Pipecat reports seconds, and milliseconds for turn detectors.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import NoneType
from typing import Any, NamedTuple

from pipecat.frames.frames import MetricsFrame
from pipecat.metrics import metrics as pipecat_metrics
from pipecat.metrics.metrics import (
    LLMTokenUsage,
    LLMUsageMetricsData,
    MetricsData,
    ProcessingMetricsData,
    TextAggregationMetricsData,
    TTFBMetricsData,
    TTSUsageMetricsData,
    TurnMetricsData,
)

from voice_metrics.call.facts import (
    AudioTranscribed,
    CharactersSpoken,
    Fact,
    FirstAnswerToken,
    FirstAudio,
    FirstByte,
    Processing,
    Refused,
    TextAggregated,
    TokensUsed,
    TurnDetected,
)
from voice_metrics.call.text import MOST_CHARACTERS, Vocabulary, clean
from voice_metrics.call.token_counts import gross
from voice_metrics.pipecat.billed_options import markup_of_text, option_of_audio, option_of_text, option_of_tokens
from voice_metrics.pipecat.heard_contexts import HeardContexts
from voice_metrics.pipecat.out_of_band import OutOfBandUsage
from voice_metrics.pipecat.services import Service, ServiceNames, inferred


class _Absent:
    """Placeholder for a class that the installed Pipecat lacks; it has no instances."""


TTFAMetricsData: Any = getattr(pipecat_metrics, "TTFAMetricsData", _Absent)  # since 1.5.0
STTUsageMetricsData: Any = getattr(pipecat_metrics, "STTUsageMetricsData", _Absent)  # since 1.7.0
TTFATMetricsData: Any = getattr(pipecat_metrics, "TTFATMetricsData", _Absent)  # since 1.8.0

# Anthropic and Bedrock report the prompt net of caches, all others gross; before Pipecat 1.7 only the name shows it.
_REPORT_NET = ("Anthropic", "AWSBedrock")
_NAME_ALL_REASONING = ("Google", "Gemini")
# They bill the model that answers: the one behind a deployment, or a fallback of the one that was asked.
_NAME_WHAT_ANSWERS = ("azure", "openrouter")
# OTLP's doubles cannot represent every count beyond this, and 2**63 breaks its encoder.
MOST = 2**53
# A word that is in use is looked up often enough to keep its place in its vocabulary.
_KIND_SECONDS = 60.0
# Bounds what a reader keeps, because a provider may report a new model name with each request.
_MOST_KINDS = 500
# Names from outside the call's pipeline: processors, and models that a service reports in place of its own.
_PROCESSORS = Vocabulary(200)
_MODELS = Vocabulary(200)


class _Untrue(ValueError):
    """An impossible value."""


class _Kind(NamedTuple):
    """How items of one class, processor and model are read.

    Parameters:
        reading: Makes the fact.
        processor: The word for the processor.
        model: The word for the model, or `None`.
        service: The service, found or inferred.
        found: The service as the pipeline has it, or `None` if it lacks it.
        until: When the words are looked up again, in monotonic seconds.
    """

    reading: _Reading
    processor: str
    model: str | None
    service: Service
    found: Service | None
    until: float


class MetricsReader:
    """Reads MetricsFrames, and keeps for a minute how the items of each service are read."""

    def __init__(self, services: ServiceNames, contexts: HeardContexts | None = None) -> None:
        """Make a reader.

        Args:
            services: What the frames leave out, by Pipecat's names of their processors.
            contexts: What the language models are asked with, or `None` if unknown.
        """
        self._services = services
        self._contexts = contexts or HeardContexts()
        self._kinds: dict[tuple[type, str, str | None], _Kind] = {}

    def facts(self, frame: MetricsFrame) -> Iterator[Fact]:
        """Yield a fact for each item; `Refused` for one that cannot be true or is of an unknown kind."""
        if _is_initial(frame):
            return
        at = time.monotonic()
        for item in frame.data:
            try:
                fact = self._fact(item, at)
            except _Untrue as untrue:
                fact = Refused("bad_value", f"{type(item).__name__} of {clean(item.processor)}: {untrue}")
            except Exception as fault:
                fact = Refused("fault", f"{type(item).__name__}: {type(fault).__name__}")
            if fact is not None:
                yield fact

    def _fact(self, item: MetricsData, at: float) -> Fact | None:
        name, model = item.processor, item.model
        kind = self._kinds.get((type(item), name, model))
        if kind is None or kind.found is not self._services.get(name) or at >= kind.until:
            if not (isinstance(name, str) and isinstance(model, (str, NoneType))):
                return Refused("bad_value", f"{type(item).__name__}: its processor or model is no text")
            kind = _kind(item, self._services.get(name), at)
            if len(self._kinds) >= _MOST_KINDS:
                self._kinds.clear()
            if len(name) + len(model or "") <= MOST_CHARACTERS:
                self._kinds[type(item), name, model] = kind
        fact = kind.reading(item, kind.processor, kind.model, kind.service)
        if isinstance(fact, TokensUsed) and not fact.out_of_band and self._contexts.have_audio():
            return replace(fact, may_have_audio=True)
        return fact


def _is_initial(frame: MetricsFrame) -> bool:
    # Pipecat sends zeros for every service when the pipeline starts, without a model.
    kinds: set[type] = set()
    for item in frame.data:
        if not isinstance(item, (TTFBMetricsData, ProcessingMetricsData)) or item.value != 0 or item.model is not None:
            return False
        kinds.add(type(item))
    return kinds == {TTFBMetricsData, ProcessingMetricsData}


def _kind(item: MetricsData, found: Service | None, at: float) -> _Kind:
    service = found or inferred(clean(item.processor))
    processor = service.processor if service.found else _PROCESSORS.word(service.processor, at)
    model = service.model or (processor if service.found else None)
    if item.model and item.model != model and not service.address_names_model:
        model = _MODELS.word(item.model, at)
    return _Kind(_reading_for(type(item)), processor, model, service, found, at + _KIND_SECONDS)


def _positive(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < MOST:
        raise _Untrue(f"{_short_repr(value)} is not a positive, finite number")
    return float(value)


def _checked_count(value: Any) -> int:
    if type(value) is not int or not 0 <= value < MOST:
        raise _Untrue(f"{_short_repr(value)} is not a count")
    return value


def _short_repr(value: Any) -> str:
    # Python refuses to write integers of thousands of digits.
    return "a huge number" if isinstance(value, int) and abs(value) > MOST else repr(value)[:80]


def _optional_count(usage: LLMTokenUsage, field: str) -> int | None:
    value = getattr(usage, field, None)  # the audio fields appeared in Pipecat 1.6.0
    return None if value is None else _checked_count(value)


def _first_byte(item: Any, processor: str, model: str | None, service: Service) -> Fact:
    return FirstByte(processor, model, _positive(item.value), instance=service.name)


def _processing(item: Any, processor: str, model: str | None, service: Service) -> Fact:
    return Processing(processor, model, _positive(item.value), instance=service.name)


def _first_audio(item: Any, processor: str, model: str | None, service: Service) -> Fact:
    return FirstAudio(processor, model, _positive(item.ttfa), instance=service.name)


def _first_answer_token(item: Any, processor: str, model: str | None, service: Service) -> Fact:
    return FirstAnswerToken(processor, model, _positive(item.ttfat), instance=service.name)


def _text_aggregated(item: Any, processor: str, model: str | None, service: Service) -> Fact:
    return TextAggregated(processor, _positive(item.value), instance=service.name)


def _turn_detected(item: Any, processor: str, model: str | None, service: Service) -> Fact:
    return TurnDetected(processor, _positive(item.e2e_processing_time_ms) / 1000, bool(item.is_complete))


def _characters_spoken(item: Any, processor: str, model: str | None, service: Service) -> Fact | None:
    # A flush of no characters is neither a measurement nor a fault.
    characters = _checked_count(item.value)
    if not characters:
        return None
    option = option_of_text(service.origin, service.provider)
    markup = markup_of_text(service.origin, service.provider)
    return CharactersSpoken(processor, model, characters, option, markup, instance=service.name)


def _audio_transcribed(item: Any, processor: str, model: str | None, service: Service) -> Fact | None:
    seconds = item.value.audio_seconds
    if seconds == 0:
        return None
    option = option_of_audio(service.origin, service.provider)
    return AudioTranscribed(processor, model, _positive(seconds), option, instance=service.name)


def _tokens_used(item: Any, processor: str, model: str | None, service: Service) -> Fact | None:
    usage: LLMTokenUsage = item.value
    read = _optional_count(usage, "cache_read_input_tokens")
    created = _optional_count(usage, "cache_creation_input_tokens")
    reasoning = _optional_count(usage, "reasoning_tokens")
    net = service.speaks_like == "anthropic" or processor.startswith(_REPORT_NET)
    prompt, completion = gross(
        (_checked_count(usage.prompt_tokens), _checked_count(usage.completion_tokens)),
        None if usage.total_tokens is None else _checked_count(usage.total_tokens),
        cached=(read or 0) + (created or 0),
        reasoning=reasoning,
        net_of_cache=net,
        # Google's own interface reports its reasoning; its total also has the results of tools, as prompt.
        hidden_is_prompt=net or processor.startswith(_NAME_ALL_REASONING),
    )
    if not prompt and not completion:  # some services report zeros for a request that failed
        return None
    delegate, out_of_band, answering = service.delegate, isinstance(item, OutOfBandUsage), None
    if service.provider in _NAME_WHAT_ANSWERS:
        answering = item.answering if out_of_band else service.response_model()
    return TokensUsed(
        processor,
        delegate or model,
        prompt,
        completion,
        cache_read=read,
        cache_creation=created,
        reasoning=reasoning,
        input_audio=_optional_count(usage, "input_audio_tokens"),
        output_audio=_optional_count(usage, "output_audio_tokens"),
        cache_read_input_audio=_optional_count(usage, "cache_read_input_audio_tokens"),
        may_have_images=service.may_have_images,
        answering=answering,
        option=option_of_tokens(service.origin, service.provider, fills_cache=bool(created) and not read),
        out_of_band=out_of_band,
        instance=None if delegate else service.name,  # the service itself has reported nothing
    )


def _unknown(item: Any, processor: str, model: str | None, service: Service) -> Fact:
    return Refused("unknown_kind", type(item).__name__)


_Reading = Callable[[Any, str, str | None, Service], Fact | None]
_READINGS: dict[type, _Reading] = {
    TTFBMetricsData: _first_byte,
    ProcessingMetricsData: _processing,
    LLMUsageMetricsData: _tokens_used,
    TTSUsageMetricsData: _characters_spoken,
    TextAggregationMetricsData: _text_aggregated,
    TurnMetricsData: _turn_detected,
    TTFAMetricsData: _first_audio,
    TTFATMetricsData: _first_answer_token,
    STTUsageMetricsData: _audio_transcribed,
}


def _reading_for(kind: type) -> _Reading:
    return next((_READINGS[base] for base in kind.__mro__ if base in _READINGS), _unknown)
