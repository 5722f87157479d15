"""The application's own metrics by name: kind, unit, description and buckets, declared once for the process.

Owns the rules for names and units. A declaration that cannot work raises at once, in the words of what is right;
nothing is recorded here.
"""

from __future__ import annotations

import itertools
import math
import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from voice_metrics.series.table import LATENCY_MS, Kind, Series

OwnKind = Literal["histogram", "counter", "gauge"]

_KINDS = (Kind.HISTOGRAM, Kind.COUNTER, Kind.GAUGE)
# OpenTelemetry specification, metrics API, "Instrument name syntax", read 2026-11-22.
_NAME = re.compile(r"[A-Za-z][-_./A-Za-z0-9]{0,254}")
_WORD = re.compile(r"\{[A-Za-z0-9_. -]+\}")
_RESERVED = ("voice_", "gen_ai_")
# Those of UCUM that have a word in Prometheus; any other is a word in braces.
_TIMES = ("ns", "us", "ms", "s", "min", "h", "d")
_SIZES = ("bit", "By", "KiBy", "MiBy", "GiBy", "TiBy", "kBy", "MBy", "GBy", "TBy")
_UNITS = frozenset((*_TIMES, *_SIZES, "%", "1", "m", "g", "V", "A", "J", "W", "Cel", "Hz"))
_MISSPELT = {
    "millisecond": "ms",
    "milliseconds": "ms",
    "msec": "ms",
    "second": "s",
    "seconds": "s",
    "sec": "s",
    "minutes": "min",
    "hours": "h",
    "bytes": "By",
    "byte": "By",
    "b": "By",
    "percent": "%",
    "usd": "{USD}",
}


@dataclass(frozen=True, slots=True)
class Metric:
    """What one of the application's own metrics is.

    Parameters:
        kind: "histogram" for what is distributed, "counter" for what adds up, "gauge" for what is now.
        unit: UCUM unit, such as "ms", "s", "By" or "1", or a word in braces, such as "{item}"; empty for none.
        description: What it measures, in one sentence.
        buckets: Upper bounds of a histogram's buckets in `unit`, increasing; empty for those that suit the unit.
    """

    kind: OwnKind | Kind
    unit: str = ""
    description: str = ""
    buckets: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Check everything that can be wrong.

        Raises:
            ValueError: If a value cannot be used.
            TypeError: If a value is of the wrong type.
        """
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
        """The row that this metric has under a name.

        Args:
            name: Its OTLP name.
        """
        buckets = self.buckets or (_buckets_for(self.unit) if self.kind is Kind.HISTOGRAM else ())
        return Series(name, Kind(self.kind), self.unit, self.description, buckets=buckets)


class Declarations:
    """Metrics by name."""

    def __init__(self) -> None:
        """Begin without any."""
        self._metrics: dict[str, Metric] = {}
        self._lock = threading.Lock()

    def add(self, key: Enum | str, metric: Metric) -> None:
        """Declare a metric; to do so twice is fine if both say the same.

        Args:
            key: Its name, or an enum member whose value is its name.
            metric: What it is.

        Raises:
            ValueError: If the name cannot be used, or stands for another metric.
            TypeError: If the key holds no text, or `metric` is no `Metric`.
        """
        name = name_of(key)
        check_name(name)
        if not isinstance(metric, Metric):
            raise TypeError(f"{name}: expected a Metric, such as Metric('histogram', 'ms'), not {metric!r}")
        with self._lock:
            earlier = self._metrics.setdefault(name.lower(), metric)
        if earlier != metric:
            raise ValueError(f"{name}: already declared as {earlier!r}; choose another name")

    def get(self, name: str) -> Metric | None:
        """The metric of a name, or `None` if it was not declared.

        Args:
            name: An OTLP name.
        """
        return self._metrics.get(name.lower())


DECLARED = Declarations()


def register_metric(key: Enum | str, metric: Metric) -> None:
    """Declare one of the application's own metrics for the whole process.

    Args:
        key: Its name, such as "retrieval.time.milliseconds", or an enum member whose value is its name.
        metric: What it is.

    Raises:
        ValueError: If the name cannot be used, or stands for another metric.
        TypeError: If the key holds no text, or `metric` is no `Metric`.
    """
    DECLARED.add(key, metric)


def name_of(key: Enum | str) -> str:
    """The OTLP name that a key stands for.

    Args:
        key: A name, or an enum member whose value is one.

    Raises:
        TypeError: If it holds no text.
    """
    name = key.value if isinstance(key, Enum) else key
    if not isinstance(name, str):
        raise TypeError(f"{key!r}: expected a name, or an enum member whose value is one")
    return name


def check_name(name: str) -> None:
    """Check that a name can be used.

    Args:
        name: An OTLP name.

    Raises:
        ValueError: If OpenTelemetry does not allow it, or it could become one of the plug-in's own in Prometheus.
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
    better = _MISSPELT.get(unit.lower())
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


def _buckets_for(unit: str) -> tuple[float, ...]:
    if unit == "ms":
        return LATENCY_MS
    return tuple(bound / 1000 for bound in LATENCY_MS) if unit == "s" else ()
