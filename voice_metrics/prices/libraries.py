"""The door to genai-prices and voice-prices: writes the file of price lists from their data.

Runs when the package is built and for `voice-metrics prices --refresh`, never in a bot: importing the libraries takes
two seconds.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

from voice_metrics.prices.language import LANGUAGE_PRICES
from voice_metrics.prices.price_lists import FORMAT, GENAI, VOICE, user_lists
from voice_metrics.prices.speech import SPEECH_PRICES
from voice_metrics.settings.extras import install_line

# The library dates no price, so its release date stands for all; pypi.org/project/genai-prices, read 2026-11-22.
RELEASED_ON = {"0.2.3": "2026-11-10"}
# voice-prices counts for a provider in both libraries if it has such a price; its language models are older copies.
_SPOKEN = frozenset({"input_audio_kseconds", "input_kchars"})


def lists_text(made_on: date) -> str:
    """Return the text of the price lists, made from the installed libraries and dated `made_on`.

    Raises:
        ModuleNotFoundError: A library is not installed.
    """
    try:
        import genai_prices
        import voice_prices
        from genai_prices.data import providers as language
        from voice_prices.data import providers as speech
    except ImportError as error:
        raise ModuleNotFoundError(
            f"{error}: price lists are made from genai-prices and voice-prices: {install_line('prices')}"
        ) from error
    header = {
        "format": FORMAT,
        "made_on": made_on.isoformat(),
        GENAI: {"version": genai_prices.__version__, "released_on": RELEASED_ON.get(genai_prices.__version__)},
        VOICE: {"version": voice_prices.__version__},
    }
    known = {provider.id for provider in language}
    blocks = [
        *(_provider_block(GENAI, provider, LANGUAGE_PRICES) for provider in language),
        *(
            _provider_block(VOICE, provider, SPEECH_PRICES)
            for provider in speech
            if provider.id not in known or _sells_speech(provider)
        ),
    ]
    return "\n\n".join([_json_line(header), *blocks]) + "\n"


def refresh(environ: Mapping[str, str], made_on: date) -> Path:
    """Write the price lists into this user's data folder, atomically, and return the file.

    Args:
        environ: Environment variables, which name the data folder.
        made_on: Date of the lists.

    Raises:
        ModuleNotFoundError: A library is not installed.
        OSError: The file cannot be written.
        RuntimeError: No home directory is known.
    """
    text, path = lists_text(made_on), user_lists(environ)
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = path.with_suffix(".new")
    whole.write_text(text, "utf-8")
    whole.replace(path)
    return path


def _sells_speech(provider: Any) -> bool:
    return any(
        _SPOKEN & _stated_prices(prices).keys() for model in provider.models for _, prices in _prices_by_span(model)
    )


def _provider_block(library: str, provider: Any, wanted: frozenset[str]) -> str:
    head = [library, provider.id, provider.name, list(provider.fallback_model_providers or ())]
    return "\n".join([_json_line(head), *(_json_line(_model_row(model, wanted)) for model in provider.models)])


def _json_line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _model_row(model: Any, wanted: frozenset[str]) -> list[Any]:
    listed = [model.id, _rule_data(model.match), _prices_data(model, wanted)]
    provenance = getattr(model, "provenance", None)
    checked = provenance.last_verified if provenance else None
    estimated = sorted((provenance and provenance.estimated_fields) or ())
    return [*listed, checked.isoformat() if checked else None, estimated] if checked or estimated else listed


def _rule_data(match: Any) -> Any:
    """A matching rule as data; texts and names are compared in lower case."""
    match vars(match):
        case {"equals": text}:
            return text.lower()
        case {"starts_with": text}:
            return ["starts_with", text.lower()]
        case {"ends_with": text}:
            return ["ends_with", text.lower()]
        case {"contains": text}:
            return ["contains", text.lower()]
        case {"regex": text}:
            return ["regex", text]
        case {"or_": clauses}:
            return ["or", *map(_rule_data, clauses)]
        case {"and_": clauses}:
            return ["and", *map(_rule_data, clauses)]
        case _:
            raise ValueError(f"{match!r}: a rule of an unknown kind; expected those of genai-prices 0.2.3")


def _prices_by_span(model: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(model.prices, list):
        return [(price.constraint, price.prices) for price in model.prices]
    return [(None, model.prices)]


def _prices_data(model: Any, wanted: frozenset[str]) -> Any:
    dated = [(span, dict(_wanted_prices(prices, wanted))) for span, prices in _prices_by_span(model)]
    if not isinstance(model.prices, list):
        return dated[0][1]
    # If no span fits, both libraries take the first price.
    return [[None if number == 0 else _span_data(span), prices] for number, (span, prices) in enumerate(dated)]


def _stated_prices(prices: Any) -> Mapping[str, Any]:
    return {key: value for key, value in vars(prices).items() if value is not None}


def _wanted_prices(prices: Any, wanted: frozenset[str]) -> Iterator[tuple[str, Any]]:
    for key, value in _stated_prices(prices).items():
        if key in wanted:
            yield key, str(value) if isinstance(value, Decimal) else _steps_data(value)


def _steps_data(price: Any) -> list[Any]:
    return [str(price.base), *([tier.start, str(tier.price)] for tier in price.tiers)]


def _span_data(constraint: Any) -> Any:
    match None if constraint is None else vars(constraint):
        case None:
            return None
        case {"start_date": date() as day}:
            return ["day", day.isoformat()]
        case {"start_timestamp": datetime() as moment}:
            return ["moment", moment.astimezone(UTC).isoformat()]
        case {"start_time": time() as start, "end_time": time() as end}:
            return ["hours", _utc_time(start), _utc_time(end)]
        case _:
            raise ValueError(f"{constraint!r}: a span of an unknown kind; expected those of genai-prices 0.2.3")


def _utc_time(value: time) -> str:
    if value.tzinfo is None:
        return value.isoformat()
    return datetime.combine(date(1970, 1, 1), value).astimezone(UTC).time().isoformat()
