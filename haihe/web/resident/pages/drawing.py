"""Pictures of points, worked out here and drawn as SVG by the templates: the ring, the radar of five dimensions, the curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from math import cos, pi, sin

from haihe.domain.explaining import DimensionExplanation
from haihe.usecases.points_over_time import PointsOn

HIGHEST = 1000
RING_RADIUS = 84
RADAR_RADIUS = 82
LABEL_RADIUS = 104
CURVE_WIDTH, CURVE_HEIGHT = 320, 120
# A curve that hardly moves is drawn flat, not as a mountain.
LEAST_SPAN = 40


@dataclass(frozen=True, slots=True)
class Spoke:
    """One dimension on the radar: where its label stands, how far it reaches, and on which side its words begin."""

    name: str
    points: int
    cap: int
    x: float
    y: float
    label_x: float
    label_y: float
    anchor: str


@dataclass(frozen=True, slots=True)
class Curve:
    """The curve's path, the last point, and the numbers at its edges."""

    path: str
    last_x: float
    last_y: float
    lowest: int
    highest: int
    first_on: date
    last_on: date


def ring(total: int) -> str:
    """How much of the ring is drawn, as `stroke-dasharray`."""
    around = 2 * pi * RING_RADIUS
    return f"{around * min(total, HIGHEST) / HIGHEST:.1f} {around:.1f}"


def radar(dimensions: Sequence[DimensionExplanation]) -> list[Spoke]:
    """Each dimension as a share of what it can reach, the first on top, clockwise."""
    spokes = []
    for n, d in enumerate(dimensions):
        angle = 2 * pi * n / len(dimensions)
        x, y = sin(angle), -cos(angle)
        reach = RADAR_RADIUS * d.points / d.cap
        anchor = "middle" if abs(x) < 1e-6 else "start" if x > 0 else "end"
        spokes.append(
            Spoke(
                d.name,
                d.points,
                d.cap,
                round(x * reach, 1),
                round(y * reach, 1),
                round(x * LABEL_RADIUS, 1),
                round(y * LABEL_RADIUS, 1),
                anchor,
            )
        )
    return spokes


def radar_grid(count: int) -> list[str]:
    """The rings of the radar, as polygons."""
    return [
        " ".join(
            f"{sin(2 * pi * n / count) * RADAR_RADIUS * share:.1f},{-cos(2 * pi * n / count) * RADAR_RADIUS * share:.1f}"
            for n in range(count)
        )
        for share in (0.25, 0.5, 0.75, 1)
    ]


def curve(points: Sequence[PointsOn], today: date) -> Curve | None:
    """The points over time as steps, for a total holds until it changes; None where there is nothing to draw yet."""
    if not points:
        return None
    totals = [p.total for p in points]
    low, high = min(totals), max(totals)
    middle, span = (low + high) / 2, max(high - low, LEAST_SPAN)
    days = max((today - points[0].on).days, 1)

    def x(on: date) -> float:
        return round(CURVE_WIDTH * (on - points[0].on).days / days, 1)

    def y(total: int) -> float:
        return round(CURVE_HEIGHT * (0.5 - (total - middle) / span * 0.86), 1)

    path = [f"M{x(points[0].on)},{y(totals[0])}"]
    for p in points[1:]:
        path.append(f"H{x(p.on)}V{y(p.total)}")
    path.append(f"H{CURVE_WIDTH}")
    return Curve("".join(path), CURVE_WIDTH, y(totals[-1]), low, high, points[0].on, today)
