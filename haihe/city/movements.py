"""How the points and grades of each group move from one rulebook to another, as far as may be told."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from haihe.city.suppression import Counts

UP, DOWN, SAME = "up", "down", "same"


@dataclass(frozen=True, slots=True)
class Movement:
    """How the points of a group move. None: fewer than twenty people, or telling of such."""

    code: str
    name: str
    people: int | None
    up: int | None
    down: int | None
    same: int | None
    mean_before: float | None
    mean_after: float | None


@dataclass(frozen=True, slots=True)
class GradeChange:
    """How many people go from one grade to another, or stay."""

    before: str
    after: str
    people: int | None


def told_movements(
    rows: list[dict[str, Any]],
) -> tuple[dict[Hashable, int | None], dict[tuple[str, ...], tuple[int, int, int]]]:
    """Who goes up and down by group, as far as may be told, and the sums of points behind the means."""
    counts = Counts()
    sums: dict[tuple[str, ...], tuple[int, int, int]] = {}
    found: dict[tuple[str, ...], None] = {}
    for row in rows:
        same = row["people"] - row["up"] - row["down"]
        for group in ((), *((by, str(row[by])) for by in ("district", "band", "grade"))):
            if group:
                found[group] = None
            for what, people in ((UP, row["up"]), (DOWN, row["down"]), (SAME, same)):
                counts.add((what, *group), people)
            p, b, a = sums.get(group, (0, 0, 0))
            sums[group] = (p + row["people"], b + row["before"], a + row["after"])
    for group in ((), *found):
        counts.rank(("people", *group), 5 if group else 20)
        counts.tie(("people", *group), [(what, *group) for what in (UP, DOWN, SAME)])
        for what in (UP, DOWN, SAME):
            counts.rank((what, *group), 0 if group else 10)
    for by in ("district", "band", "grade"):
        for what in (UP, DOWN, SAME, "people"):
            counts.tie((what,), [(what, *group) for group in found if group[0] == by])
    return counts.told(), sums


def movements(
    told: Mapping[Hashable, int | None],
    sums: Mapping[tuple[str, ...], tuple[int, int, int]],
    by: str,
    names: Mapping[str, str],
) -> tuple[Movement, ...]:
    return tuple(
        movement(told, sums, (by, code), code, name) for code, name in names.items() if (by, code) in sums
    )


def movement(
    told: Mapping[Hashable, int | None],
    sums: Mapping[tuple[str, ...], tuple[int, int, int]],
    group: tuple[str, ...],
    code: str,
    name: str,
) -> Movement:
    people, before, after = sums.get(group, (0, 0, 0))
    shown = told.get(("people", *group), 0)
    # A mean beside a hidden number of people could give away the points of those left out.
    means = (round(before / people, 1), round(after / people, 1)) if shown else (None, None)
    up, down, same = (told.get((what, *group), 0) for what in (UP, DOWN, SAME))
    return Movement(code, name, shown, up, down, same, *means)


def grade_changes(rows: list[dict[str, Any]], codes: list[str]) -> tuple[GradeChange, ...]:
    counts = Counts()
    for row in rows:
        counts.add((row["grade"], row["grade_after"]), row["people"])
    for code in codes:
        counts.tie(("from", code), [(code, c) for c in codes])
        counts.tie(("to", code), [(c, code) for c in codes])
        # How many have each grade today is told elsewhere; how many will have it is not, and is the first to go.
        counts.rank(("from", code), 3)
        for other in codes:
            counts.rank((code, other), 1)
    for side in ("from", "to"):
        counts.tie(("all",), [(side, code) for code in codes])
    told = counts.told()
    return tuple(
        GradeChange(b, a, told[b, a]) for b in codes for a in codes if told[b, a] is None or told[b, a]
    )
