"""Rates per unit and the arithmetic of a usage's cost, in `Decimal` (pure).

A usage without the quantity that a rate is for, or with contradicting parts, has no price.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Any

from voice_metrics.call.facts import AudioTranscribed, CharactersSpoken, TokensUsed, Usage

# Costs are rounded to a trillionth of a dollar, so that their sums are exact.
LAST_DIGIT = Decimal("1e-12")
_WIDE = Context(prec=60)
_MILLION = Decimal(1_000_000)
_SECONDS_PER_HOUR = Decimal(3600)


class Unbillable(ValueError):
    """A usage that a rate cannot be applied to; its text is the reason, for a person."""


@dataclass(frozen=True, slots=True)
class TokenRates:
    """US dollars per million tokens; `None` means the price of the row named in its place.

    Parameters:
        input: Prompt tokens without another rate.
        output: Completion tokens without another rate.
        cached_input: Prompt tokens read from the cache; `None` for `input`.
        cache_write: Prompt tokens written to the cache; `None` for `input`.
        audio_input: Audio in the prompt; `None` for `input`.
        cached_audio_input: Audio read from the cache; `None` for `audio_input`.
        audio_output: Audio in the completion; `None` if it has no price.
        reasoning: Completion tokens spent on reasoning; `None` for `output`.
        image_input: Images or video in the prompt; `None` for `input`.
        image_output: Images or video in the completion; `None` for `output`.
        per_request: US dollars for each request, beside its tokens.
        longer: Rates for prompts longer than a number of tokens, shortest first; they hold for the whole request.
    """

    input: Decimal
    output: Decimal
    cached_input: Decimal | None = None
    cache_write: Decimal | None = None
    audio_input: Decimal | None = None
    cached_audio_input: Decimal | None = None
    audio_output: Decimal | None = None
    reasoning: Decimal | None = None
    image_input: Decimal | None = None
    image_output: Decimal | None = None
    per_request: Decimal = Decimal(0)
    longer: tuple[tuple[int, TokenRates], ...] = ()

    @property
    def is_zero(self) -> bool:
        """True if neither text, audio nor requests cost anything."""
        return not any((self.input, self.output, self.audio_input, self.audio_output, self.per_request))


@dataclass(frozen=True, slots=True)
class CharacterRate:
    """The price of spoken text: US dollars `per_million` characters."""

    per_million: Decimal

    @property
    def is_zero(self) -> bool:
        """True if it costs nothing."""
        return not self.per_million


@dataclass(frozen=True, slots=True)
class AudioRate:
    """The price of transcribed audio: US dollars `per_hour`, for `minimum_seconds` of each request at least."""

    per_hour: Decimal
    minimum_seconds: Decimal = Decimal(0)

    @property
    def is_zero(self) -> bool:
        """True if it costs nothing."""
        return not self.per_hour


Rates = TokenRates | CharacterRate | AudioRate


def bill(rates: Rates, usage: Usage) -> Decimal:
    """Return the cost of a usage in US dollars, rounded to `LAST_DIGIT`.

    Raises:
        Unbillable: The rates are for another quantity, or the usage contradicts itself.
    """
    billed, price = _BILLED[type(rates)]
    reported, kind = _REPORTED[type(usage)]
    if kind is not type(rates):
        raise Unbillable(f"billed by the {billed}, and Pipecat reports {reported}")
    return price(rates, usage).quantize(LAST_DIGIT, context=_WIDE)


def _characters_usd(rate: CharacterRate, spoken: CharactersSpoken) -> Decimal:
    return rate.per_million * (spoken.characters + spoken.markup) / _MILLION


def _audio_usd(rate: AudioRate, transcribed: AudioTranscribed) -> Decimal:
    # `Decimal(0.1)` is 0.1000000000000000055…; `repr` gives the tenth that was meant.
    seconds = max(Decimal(repr(transcribed.seconds)), rate.minimum_seconds)
    return rate.per_hour * seconds / _SECONDS_PER_HOUR


def _tokens_usd(rates: TokenRates, used: TokensUsed) -> Decimal:
    for more_than, longer in reversed(rates.longer):
        if used.prompt > more_than:
            rates = longer
            break
    usd = (_prompt_micro_usd(rates, used) + _completion_micro_usd(rates, used)) / _MILLION + rates.per_request
    _refuse_unreported(rates, used)
    return usd


def _refuse_unreported(rates: TokenRates, used: TokensUsed) -> None:
    """Raise if the prompt is not reported, or a part that has its own rate: billed as text it would be too cheap."""
    # Bedrock reports both counts at the end of its answer; of one that is cut off Pipecat estimates the completion.
    if not used.prompt and used.completion and used.processor.startswith("AWSBedrock"):
        raise Unbillable("the prompt of a request that was interrupted is not reported")
    speaks = rates.audio_output is not None
    if speaks and used.completion and used.output_audio is None:
        raise Unbillable("Pipecat does not report how much of the completion is audio")
    hears = speaks or (used.may_have_audio and rates.audio_input != rates.input)
    if hears and rates.audio_input is not None and used.prompt and used.input_audio is None:
        raise Unbillable("Pipecat does not report how much of the prompt is audio")
    if used.completion and rates.image_output not in {None, rates.output}:
        raise Unbillable("Pipecat does not report how much of the completion is images or video")
    if used.may_have_images and rates.image_input not in {None, rates.input} and used.prompt > (used.input_audio or 0):
        raise Unbillable(
            "Pipecat does not report how much of the prompt is images or video; start_video_paused=True rules them out"
        )


def _prompt_micro_usd(rates: TokenRates, used: TokensUsed) -> Decimal:
    if not (used.cache_read or used.cache_creation or used.input_audio or used.cache_read_input_audio):
        return rates.input * used.prompt
    read, written, audio = used.cache_read or 0, used.cache_creation or 0, used.input_audio or 0
    text = used.prompt - audio
    # If the provider does not report the cached audio, assume that the cheaper text was cached first.
    cached_audio = used.cache_read_input_audio
    if cached_audio is None:
        cached_audio = max(read - text, 0)
    fresh_audio = audio - cached_audio
    cached_text = read - cached_audio
    fresh_text = text - cached_text - written
    if min(fresh_audio, cached_text, fresh_text) < 0:
        raise Unbillable("the reported parts of the prompt exceed the prompt")
    audio_input = rates.input if rates.audio_input is None else rates.audio_input
    return (
        rates.input * fresh_text
        + (rates.input if rates.cached_input is None else rates.cached_input) * cached_text
        + (rates.input if rates.cache_write is None else rates.cache_write) * written
        + audio_input * fresh_audio
        + (audio_input if rates.cached_audio_input is None else rates.cached_audio_input) * cached_audio
    )


def _completion_micro_usd(rates: TokenRates, used: TokensUsed) -> Decimal:
    audio = used.output_audio or 0
    # The text rate does not do for audio, which costs several times as much at every provider that sells both.
    if audio and rates.audio_output is None:
        raise Unbillable("there is no price for its audio output")
    reasoning = 0 if rates.reasoning is None else used.reasoning or 0
    if not (audio or reasoning):
        return rates.output * used.completion
    text = used.completion - audio - reasoning
    if text < 0:
        raise Unbillable("the reported parts of the completion exceed the completion")
    return (
        rates.output * text
        + (rates.audio_output or Decimal(0)) * audio
        + (rates.output if rates.reasoning is None else rates.reasoning) * reasoning
    )


# The quantity that rates are for, and their arithmetic.
_BILLED: dict[type[Rates], tuple[str, Callable[[Any, Any], Decimal]]] = {
    TokenRates: ("token", _tokens_usd),
    CharacterRate: ("character", _characters_usd),
    AudioRate: ("length of audio", _audio_usd),
}
# The quantity that usage reports, and the rates for it.
_REPORTED: dict[type[Usage], tuple[str, type[Rates]]] = {
    TokensUsed: ("tokens", TokenRates),
    CharactersSpoken: ("characters", CharacterRate),
    AudioTranscribed: ("seconds of audio", AudioRate),
}
