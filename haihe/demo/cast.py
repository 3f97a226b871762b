"""The residents that the demo city names: one on each side of every threshold, and one for every situation.

What each must come to is told with them; `score()` has the last word when they are stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from haihe.demo.composing import START, Piece, compose
from haihe.demo.named import MEDICAL, Named
from haihe.demo.situations import situations
from haihe.domain.criteria import All, AnyOf, Criterion, Not, PointsAtLeast
from haihe.domain.records import Severity
from haihe.domain.rulebook import Rulebook
from haihe.domain.scenarios import Scenario


def cast(rulebook: Rulebook, scenarios: Iterable[Scenario]) -> list[Named]:
    """Everybody named, in a lasting order."""
    return [*situations(), *_both_sides(rulebook, scenarios)]


def points_thresholds(criterion: Criterion | None) -> Iterator[int]:
    """Every number of points that a tree of criteria asks for."""
    match criterion:
        case PointsAtLeast():
            yield criterion.at_least
        case All() | AnyOf():
            for part in criterion.parts:
                yield from points_thresholds(part)
        case Not():
            yield from points_thresholds(criterion.part)


def thresholds(rulebook: Rulebook, scenarios: Iterable[Scenario]) -> dict[int, list[str]]:
    """Every number of points at which something opens, with what that is."""
    opens: dict[int, list[str]] = {}
    for grade in rulebook.grades:
        opens.setdefault(grade.at_least, []).append(f"等级「{grade.name}」")
    for scenario in scenarios:
        asked = set(points_thresholds(scenario.criterion))
        for offer in scenario.offers:
            asked |= set(points_thresholds(offer.criterion))
        for at_least in asked:
            opens.setdefault(at_least, []).append(scenario.code)
    return {points: opens[points] for points in sorted(opens) if points > 0}


# Whoever stands at a threshold has everything else that a scenario may ask for, so that one point makes the difference.
ALL_FACTS = tuple(Piece(code, level="YES", months=4) for code in ("F01", "F02", "F03"))


def _both_sides(rulebook: Rulebook, scenarios: Iterable[Scenario]) -> Iterator[Named]:
    sides: dict[int, list[str]] = {}
    for at_least, opens in thresholds(rulebook, scenarios).items():
        names = "、".join(opens)
        sides.setdefault(at_least, []).append(f"正好 {at_least} 分，够得着 {names}")
        sides.setdefault(at_least - 1, []).append(f"差 1 分：{at_least} 分起可享 {names}")
    for n, points in enumerate(sorted(sides)):
        yield Named(
            f"{points}",
            "；".join(sides[points]),
            points,
            _life(points, ALL_FACTS),
            born=(24 + n % 34, 40 + n),
            sensitive=(MEDICAL,),
        )


def _life(points: int, given: tuple[Piece, ...] = (), given_points: int = 0) -> tuple[Piece, ...]:
    """A life of so many points; below the starting points something must have been taken off."""
    if points >= START:
        return compose(points, given, given_points)
    fines = -(-(START - points) // 20)
    burden = tuple(Piece("B14", severity=Severity.GENERAL, days=6 + n) for n in range(fines))
    # After a fine a clean run begins anew; without a watching record there is none to begin.
    return compose(points, (*given, *burden, Piece("B01")), given_points - 20 * fines)
