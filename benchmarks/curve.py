"""A curve as a picture (SVG)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, log10

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 640, 320, 60, 40, 20


@dataclass(frozen=True)
class Curve:
    """A curve and the range of its axes.

    Parameters:
        points: Pairs of a number of calls and milliseconds.
        limit: Height of the horizontal line, in milliseconds.
        most_calls: Right end of the x axis.
        most_ms: Upper end of the y axis.
    """

    points: Sequence[tuple[float, float]]
    limit: float
    most_calls: float
    most_ms: float

    @classmethod
    def of(cls, points: Sequence[tuple[float, float]], limit: float) -> Curve:
        """Make a curve whose axes fit its points."""
        calls, highest = max((x for x, _ in points), default=1.0), max((y for _, y in points), default=0.0)
        return cls(points, limit, calls, max(limit * 1.2, min(highest, limit * 2)))

    def at(self, calls: float, milliseconds: float) -> tuple[float, float]:
        """Return a point's place in the picture, at most at its upper end."""
        x = LEFT + (WIDTH - LEFT - 20) * calls / self.most_calls
        y = HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * min(milliseconds, self.most_ms) / self.most_ms
        return round(x, 1), round(y, 1)


def _round(number: float) -> float:
    """Return the next number of 1, 2 or 5 with zeros."""
    power = 10.0 ** floor(log10(number))
    return next(each * power for each in (1, 2, 5, 10) if each * power >= number)


def drawn(curve: Curve) -> str:
    """Draw a curve as SVG.

    Args:
        curve: The curve.
    """
    held = max((x for x, y in curve.points if y <= curve.limit), default=0)
    line = " ".join(f"{x},{y}" for x, y in (curve.at(*point) for point in curve.points))
    dots = "".join(f'<circle cx="{x}" cy="{y}" r="3"/>' for x, y in (curve.at(*point) for point in curve.points))
    (left, bottom), (right, limit) = curve.at(0, 0), curve.at(curve.most_calls, curve.limit)
    apart = _round(curve.most_calls / 5)
    steps = [number * apart for number in range(int(curve.most_calls / apart) + 1)]
    along = "".join(
        f'<text x="{curve.at(calls, 0)[0]}" y="{bottom + 18}" text-anchor="middle">{calls:g}</text>' for calls in steps
    )
    up = "".join(
        f'<text x="{LEFT - 8}" y="{curve.at(0, ms)[1] + 4}" text-anchor="end">{ms:.0f}</text>'
        for ms in (0, curve.limit / 2, curve.limit)
    )
    middle = (TOP + bottom) / 2
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"
  font-family="sans-serif" font-size="12">
<title>Lag of the event loop by calls in one process</title>
<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>
<path d="M{left} {TOP}V{bottom}H{right}" fill="none" stroke="#555"/>
<path d="M{left} {limit}H{right}" stroke="#c33" stroke-dasharray="6 4"/>
<text x="{left + 6}" y="{limit - 6}" fill="#c33">{held:g} calls within {curve.limit:g} ms</text>
<polyline points="{line}" fill="none" stroke="#2a6fb0" stroke-width="2"/>
<g fill="#2a6fb0">{dots}</g>
<g fill="#333">{along}{up}
<text x="{(left + right) / 2}" y="{HEIGHT - 4}" text-anchor="middle">calls at a time in one process</text>
<text x="14" y="{middle}" text-anchor="middle" transform="rotate(-90 14 {middle})">p95 lag, ms</text>
</g>
</svg>
"""
