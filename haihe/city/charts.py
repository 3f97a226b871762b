"""Charts as SVG that needs no script: a few plain shapes, as wide as a phone, growing with the screen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from markupsafe import Markup

WIDTH = 360
HIDDEN = "—"
# Names stand to the left of their bars, figures to the right.
NAME, FIGURE = 88, 62
ROW, BAR, TEXT_DOWN = 22, 12, 4


def columns_chart(title: str, bars: Sequence[tuple[str, float | None]]) -> Markup:
    """Upright bars side by side, each with what it is called below it (every other name where there are many)."""
    height, low = 190, 160
    highest = max((size for _, size in bars if size is not None), default=0) or 1
    step = (WIDTH - 10) / max(len(bars), 1)
    every = 1 if len(bars) <= 7 else 1 + len(bars) // 7
    shapes = [_line(0, low, WIDTH, low)]
    for n, (name, size) in enumerate(bars):
        left = 5 + n * step
        if size is None:
            shapes.append(_text(HIDDEN, left + step / 2, low - 4, "middle soft"))
        else:
            tall = size / highest * (low - 16)
            shapes.append(_box("bar", left + 1, low - tall, step - 2, tall))
        if n % every == 0:
            shapes.append(_text(name, left, low + 16, "soft"))
    return _svg(title, height, shapes)


def bars_chart(title: str, bars: Sequence[tuple[str, float | None, str]], whole: float = 1.0) -> Markup:
    """One bar to a row on a track as long as `whole`: its name, its size, and the figure to write beside it."""
    room = WIDTH - NAME - FIGURE
    shapes = []
    for n, (name, size, figure) in enumerate(bars):
        top = n * ROW + 4
        shapes.append(_text(name, NAME - 6, top + BAR / 2 + TEXT_DOWN, "end"))
        shapes.append(_box("track", NAME, top, room, BAR))
        if size:
            shapes.append(_box("bar", NAME, top, max(size / (whole or 1) * room, 1), BAR))
        shapes.append(_text(figure, WIDTH, top + BAR / 2 + TEXT_DOWN, "end soft"))
    return _svg(title, len(bars) * ROW + 6, shapes)


def named_bars_chart(title: str, bars: Sequence[tuple[str, float | None, str]]) -> Markup:
    """The same for long names, which stand above their bars."""
    tall = 36
    shapes = []
    for n, (name, size, figure) in enumerate(bars):
        top = n * tall
        shapes.append(_text(name, 0, top + 14, ""))
        shapes.append(_text(figure, WIDTH, top + 14, "end soft"))
        shapes.append(_box("track", 0, top + 20, WIDTH, 8))
        if size:
            shapes.append(_box("bar", 0, top + 20, max(size * WIDTH, 1), 8))
    return _svg(title, len(bars) * tall, shapes)


def pairs_chart(title: str, pairs: Sequence[tuple[str, float | None, float | None]], whole: float) -> Markup:
    """Two thin bars to a row: what it was, and what it is."""
    room, tall = WIDTH - NAME - 10, 30
    shapes = []
    for n, (name, was, now) in enumerate(pairs):
        top = n * tall
        shapes.append(_text(name, NAME - 6, top + 17, "end"))
        for css, size, down in (("was", was, 3), ("bar", now, 13)):
            if size is None:
                shapes.append(_text(HIDDEN, NAME + 2, top + down + 9, "soft"))
            else:
                shapes.append(_box(css, NAME, top + down, max(size / (whole or 1) * room, 1), 8))
    return _svg(title, len(pairs) * tall + 4, shapes)


def spans_chart(
    title: str, spans: Sequence[tuple[str, tuple[int, int, int] | None]], ends: tuple[int, int]
) -> Markup:
    """A line from the lower to the upper quarter with a mark at the middle, on a common scale written below."""
    first, last = ends
    room = WIDTH - NAME - 36
    low = len(spans) * ROW + 4

    def across(points: int) -> float:
        return NAME + (points - first) / max(last - first, 1) * room

    shapes = []
    for points in range(first, last + 1, 50 if last - first <= 250 else 100):
        shapes.append(_line(across(points), 0, across(points), low))
        shapes.append(_text(str(points), across(points), low + 14, "middle soft"))
    for n, (name, span) in enumerate(spans):
        middle = n * ROW + ROW / 2
        shapes.append(_text(name, NAME - 8, middle + TEXT_DOWN, "end"))
        if span is None:
            shapes.append(_text(HIDDEN, NAME, middle + TEXT_DOWN, "soft"))
            continue
        a, b, c = (across(points) for points in span)
        shapes.append(_line(a, middle, c, middle, "span"))
        shapes.append(_dot(b, middle))
        shapes.append(_text(str(span[1]), WIDTH, middle + TEXT_DOWN, "end soft"))
    return _svg(title, low + 20, shapes)


def stacks_chart(title: str, stacks: Sequence[tuple[str, Sequence[float | None]]]) -> Markup:
    """One bar to a row, as long for every group, in the parts that make it up; what is not told leaves a gap."""
    room = WIDTH - NAME - 4
    shapes = []
    for n, (name, parts) in enumerate(stacks):
        top = n * ROW + 3
        shapes.append(_text(name, NAME - 6, top + 12, "end"))
        shapes.append(_box("track", NAME, top, room, 16))
        left = float(NAME)
        for place, part in enumerate(parts):
            if part:
                shapes.append(_box(f"g{min(place, 5)}", left, top, max(part * room - 1, 0.5), 16))
                left += part * room
    return _svg(title, len(stacks) * ROW + 4, shapes)


def _svg(title: str, height: float, shapes: Iterable[Markup]) -> Markup:
    inside = Markup("").join(shapes)
    return Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        WIDTH, round(height), title, inside
    )


def _box(css: str, x: float, y: float, wide: float, tall: float) -> Markup:
    shape = Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="1.5"/>')
    return shape.format(css, x, y, wide, tall)


def _line(x1: float, y1: float, x2: float, y2: float, css: str = "axis") -> Markup:
    shape = Markup('<line class="{}" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>')
    return shape.format(css, x1, y1, x2, y2)


def _dot(x: float, y: float) -> Markup:
    return Markup('<circle class="bar" cx="{:.1f}" cy="{:.1f}" r="5"/>').format(x, y)


def _text(said: str, x: float, y: float, css: str) -> Markup:
    return Markup('<text class="{}" x="{:.1f}" y="{:.1f}">{}</text>').format(css, x, y, said)
