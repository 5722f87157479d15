"""Counts in exponential buckets, scaled and added up.

Owns the arithmetic of indices; refuses to know what was measured.
"""

from __future__ import annotations

from opentelemetry.sdk.metrics.export import Buckets

# The SDK's default; a larger histogram is scaled down until it fits.
MAX_BUCKETS = 160


def coarser(buckets: Buckets, steps: int) -> Buckets:
    """Scale buckets down.

    Args:
        buckets: Counts from an offset.
        steps: By how much the scale falls; each step merges neighbours in pairs.

    Returns:
        The same counts at the coarser scale, without empty edges.
    """
    buckets = _trimmed(buckets)
    if not steps or not buckets.bucket_counts:
        return buckets
    offset = buckets.offset >> steps
    last = (buckets.offset + len(buckets.bucket_counts) - 1) >> steps
    counts = [0] * (last - offset + 1)
    for index, count in enumerate(buckets.bucket_counts, buckets.offset):
        counts[(index >> steps) - offset] += count
    return Buckets(offset, counts)


def merged(ours: Buckets, theirs: Buckets) -> Buckets:
    """Add up the counts of two sets of buckets of one scale."""
    if not ours.bucket_counts:
        return theirs
    if not theirs.bucket_counts:
        return ours
    offset = min(ours.offset, theirs.offset)
    end = max(side.offset + len(side.bucket_counts) for side in (ours, theirs))
    counts = [0] * (end - offset)
    for side in (ours, theirs):
        for index, count in enumerate(side.bucket_counts, side.offset - offset):
            counts[index] += count
    return Buckets(offset, counts)


def excess(ours: Buckets, theirs: Buckets) -> int:
    """By how much two sets of buckets of one scale must be scaled down for their sum to fit.

    Returns:
        Steps of `coarser`.
    """
    sides = [side for side in (ours, theirs) if side.bucket_counts]
    if not sides:
        return 0
    low = min(side.offset for side in sides)
    high = max(side.offset + len(side.bucket_counts) - 1 for side in sides)
    steps = 0
    while (high >> steps) - (low >> steps) >= MAX_BUCKETS:
        steps += 1
    return steps


def _trimmed(buckets: Buckets) -> Buckets:
    counts = list(buckets.bucket_counts)
    first = next((index for index, count in enumerate(counts) if count), None)
    if first is None:
        return Buckets(0, [])
    last = next(index for index in range(len(counts) - 1, -1, -1) if counts[index])
    return Buckets(buckets.offset + first, counts[first : last + 1])
