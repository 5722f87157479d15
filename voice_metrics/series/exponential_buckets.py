"""Arithmetic of exponential buckets: counts by index, where a scale sets the width (pure)."""

from __future__ import annotations

import math
from collections.abc import Mapping


def bucket_index(value: float, scale: int) -> int:
    """Return the bucket index of a positive, finite value; a bucket includes its upper bound."""
    fraction, exponent = math.frexp(value)
    if fraction == 0.5:
        # A power of two is an upper bound at every scale, but a logarithm may miss it by an ulp.
        exponent -= 2
        return ((exponent + 1) << scale) - 1 if scale > 0 else exponent >> -scale
    if scale <= 0:
        return (exponent - 1) >> -scale
    return math.floor(math.log2(fraction) * (1 << scale)) + (exponent << scale)


def coarser(buckets: Mapping[int, int], steps: int) -> dict[int, int]:
    """Return counts by index at a scale lowered by `steps`."""
    merged: dict[int, int] = {}
    for index, count in buckets.items():
        merged[index >> steps] = merged.get(index >> steps, 0) + count
    return merged


def dense(buckets: Mapping[int, int]) -> tuple[int, list[int]]:
    """Return the lowest index, 0 without any, and the counts from there on, those of empty buckets included."""
    low, high = min(buckets, default=0), max(buckets, default=-1)
    return low, [buckets.get(index, 0) for index in range(low, high + 1)]


def difference(now: Mapping[int, int], then: Mapping[int, int]) -> dict[int, int]:
    """Return the counts of `now` less those of `then`, at the same scale, without zeros."""
    left = {index: count - then.get(index, 0) for index, count in now.items()}
    return {index: count for index, count in left.items() if count}
