"""Declarations of the application's own metrics: kind, unit, description and buckets, once per process.

An unusable declaration raises at once, and the message says the right form.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from voice_metrics.series.prometheus_names import UNIT_WORDS
from voice_metrics.series.table import LATENCY_MS, Kind, Series

OwnKind = Literal["histogram", "counter", "gauge"]

_KINDS = (Kind.HISTOGRAM, Kind.COUNTER, Kind.GAUGE)
# OpenTelemetry specification, metrics API, "Instrument name syntax", read 2026-11-22.
_NAME = re.compile(r"[A-Za-z][-_./A-Za-z0-9]{0,254}")
_WORD = re.compile(r"\{[A-Za-z0-9_. -]+\}")
_RESERVED = ("voice_", "gen_ai_")
# Any other unit is a word in braces.
_UNITS = frozenset((*UNIT_WORDS, "bit", "kBy"))
_MISSPELT = {word: unit for unit, word in UNIT_WORDS.items()} | {"msec": "ms", "sec": "s", "b": "By", "usd": "{USD}"}


@dataclass(frozen=True, slots=True)
class Metric:
    """Declaration of one of the application's own metrics.

    Parameters:
        kind: "histogram" for a distribution, "counter" for a growing sum, "gauge" for a current value.
        unit: UCUM unit, such as "ms", "s", "By" or "1", or a word in braces, such as "{item}"; empty for none.
        description: Its meaning in one sentence.
        buckets: Upper bounds of a histogram's buckets in `unit`, increasing; empty for defaults by unit.
        read_as_average: True if the series of a call go without buckets, because only sum over count is read: 3 series
            in Prometheus and not 18.
    """

    kind: OwnKind | Kind
    unit: str = ""
    description: str = ""
    buckets: tuple[float, ...] = ()
    read_as_average: bool = False

    def __post_init__(self) -> None:
        """Raise `ValueError` for an unusable value, `TypeError` for a wrong type."""
        if self.kind not in _KINDS:
            raise ValueError(f"kind={self.kind!r}: expected 'histogram', 'counter' or 'gauge'")
        if not isinstance(self.description, str):
            raise TypeError(f"description={self.description!r}: expected text")
        _check_unit(self.unit)
        if self.buckets and self.kind != Kind.HISTOGRAM:
            raise ValueError(f"buckets={self.buckets!r}: only a histogram has buckets, this is a {self.kind}")
        object.__setattr__(self, "kind", Kind(self.kind))
        object.__setattr__(self, "buckets", _checked_buckets(self.buckets))

    def series(self, name: str) -> Series:
        """Return the metric's row under an OTLP name."""
        buckets = self.buckets or (_default_buckets(self.unit) if self.kind is Kind.HISTOGRAM else ())
        averaged = self.read_as_average
        return Series(name, Kind(self.kind), self.unit, self.description, buckets=buckets, read_as_average=averaged)


_declared: dict[str, Metric] = {}


def register_metric(key: Enum | str, metric: Metric) -> None:
    """Declare one of the application's own metrics for the process; a second, equal declaration has no effect.

        register_metric("retrieval.time.milliseconds", Metric("histogram", "ms", "Question to documents."))

    Args:
        key: Its OTLP name, or an enum member with the name as value.
        metric: Its declaration.

    Raises:
        ValueError: The name cannot be used, or belongs to another metric.
        TypeError: The key is no text, or `metric` is no `Metric`.
    """
    name = name_of(key)
    check_name(name)
    if not isinstance(metric, Metric):
        raise TypeError(f"{name}: expected a Metric, such as Metric('histogram', 'ms'), not {metric!r}")
    earlier = _declared.setdefault(name.lower(), metric)
    if earlier != metric:
        raise ValueError(f"{name}: already declared as {earlier!r}; choose another name")


def declared(name: str) -> Metric | None:
    """Return the metric declared under an OTLP name, or `None`."""
    return _declared.get(name.lower())


def name_of(key: Enum | str) -> str:
    """Return the OTLP name of a key: a name, or an enum member with the name as value.

    Raises:
        TypeError: It is no text.
    """
    name = key.value if isinstance(key, Enum) else key
    if not isinstance(name, str):
        raise TypeError(f"{key!r}: expected a name, or an enum member whose value is one")
    return name


def check_name(name: str) -> None:
    """Check an OTLP name.

    Raises:
        ValueError: OpenTelemetry does not allow it, or in Prometheus it could equal one of the plug-in's names.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{name[:80]!r}: expected a letter and then up to 254 letters, digits, '.', '_', '-' or '/', "
            "such as 'retrieval.time.milliseconds'"
        )
    if re.sub("[^a-z0-9]+", "_", name.lower()).startswith(_RESERVED):
        raise ValueError(f"{name!r}: names with 'voice.' and 'gen_ai.' are taken, choose another beginning")


def _check_unit(unit: str) -> None:
    if not isinstance(unit, str):
        raise TypeError(f"unit={unit!r}: expected text, such as 'ms'")
    parts = unit.split("/") if unit else []
    if len(parts) <= 2 and all(part in _UNITS or _WORD.fullmatch(part) for part in parts):
        return
    better = _MISSPELT.get(unit.lower()) or _MISSPELT.get(f"{unit.lower()}s")
    right = f"expected {better!r}" if better else "expected a UCUM unit, such as 'ms', 's', 'By', '%' or '1'"
    raise ValueError(f"unit={unit[:80]!r}: {right}, or a word in braces, such as '{{item}}'")


def _checked_buckets(buckets: Iterable[float]) -> tuple[float, ...]:
    try:
        bounds = tuple(float(bound) for bound in buckets)
    except (TypeError, ValueError):
        raise TypeError(f"buckets={buckets!r}: expected numbers, such as (10, 50, 100)") from None
    rising = all(low < high for low, high in itertools.pairwise(bounds))
    if not rising or not all(math.isfinite(bound) for bound in bounds):
        raise ValueError(f"buckets={bounds!r}: expected finite numbers that increase, such as (10, 50, 100)")
    return bounds


def _default_buckets(unit: str) -> tuple[float, ...]:
    if unit == "ms":
        return LATENCY_MS
    return tuple(bound / 1000 for bound in LATENCY_MS) if unit == "s" else ()
