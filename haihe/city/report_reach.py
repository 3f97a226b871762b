"""How far one benefit reaches into each district and each age band, and how far apart the groups are."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from haihe.city.suppression import Counts
from haihe.domain.scenarios import Scenario

# What is never told anyway is hidden first.
UNTOLD, TOTAL = -5, 9


@dataclass(frozen=True, slots=True)
class GroupReach:
    """How many of the people of one group may have the benefit, and how many of them there are."""

    code: str
    name: str
    reached: int | None
    people: int | None

    @property
    def share(self) -> float | None:
        """The part of the group that is reached; None where either number is not told, or nobody is there."""
        return None if self.reached is None or not self.people else self.reached / self.people


@dataclass(frozen=True, slots=True)
class Gap:
    """The group reached most and the one reached least, as shares of their people."""

    most: str
    most_share: float
    least: str
    least_share: float


@dataclass(frozen=True, slots=True)
class ScenarioReach:
    """One published scenario on the day of the report."""

    scenario: str
    name: str
    whole: GroupReach
    districts: tuple[GroupReach, ...]
    ages: tuple[GroupReach, ...]
    district_gap: Gap | None
    age_gap: Gap | None


def scenario_reach(
    scenario: Scenario,
    place: int,
    rows: Sequence[Mapping[str, Any]],
    told: Mapping[Hashable, int | None],
    names: Mapping[str, Mapping[str, str]],
) -> ScenarioReach:
    """What may be told of one scenario beside what has been told of the groups themselves (`told`)."""
    counts = Counts()
    kinds: dict[str, set[str]] = {"segment": set(), **{by: set() for by in names}}
    for row in rows:
        reached = row[f"reach{place}"]
        counts.add(("reached",), reached)
        counts.add(("others",), row["people"] - reached)
        for by, codes in kinds.items():
            code = str(row[by])
            codes.add(code)
            counts.add(("reached", by, code), reached)
            counts.add(("others", by, code), row["people"] - reached)
    _tie(counts, told, kinds)
    now = counts.told()
    grouped = {
        by: tuple(
            GroupReach(code, name, now["reached", by, code], told["people", by, code])
            for code, name in by_code.items()
            if ("reached", by, code) in now
        )
        for by, by_code in names.items()
    }
    return ScenarioReach(
        scenario=scenario.code,
        name=scenario.name,
        whole=GroupReach("", "全市", now.get(("reached",), 0), told["people",]),
        districts=grouped["district"],
        ages=grouped["band"],
        district_gap=_gap(grouped["district"]),
        age_gap=_gap(grouped["band"]),
    )


def _tie(counts: Counts, told: Mapping[Hashable, int | None], kinds: Mapping[str, set[str]]) -> None:
    """Those reached and the others are the group, wherever the group has been told; a benefit that only asks for points
    reaches whole segments of the distribution, so these are in the sums too."""
    counts.rank(("reached",), TOTAL)
    counts.rank(("others",), UNTOLD)
    for by, codes in kinds.items():
        for what in ("reached", "others"):
            counts.tie((what,), [(what, by, code) for code in sorted(codes)])
        for code in sorted(codes):
            counts.rank(("others", by, code), UNTOLD)
            if by == "segment":
                counts.rank(("reached", by, code), UNTOLD)
            name = (by, int(code)) if by == "segment" else ("people", by, code)
            if told[name] is not None:
                counts.rank(("group", by, code), TOTAL)
                counts.tie(("group", by, code), [("reached", by, code), ("others", by, code)])
    if told.get(("people",)) is not None:
        counts.rank(("group",), TOTAL)
        counts.tie(("group",), [("reached",), ("others",)])


def _gap(groups: Iterable[GroupReach]) -> Gap | None:
    known = [(g.share, g.name) for g in groups if g.share is not None]
    if len(known) < 2:
        return None
    most, least = max(known, key=lambda k: k[0]), min(known, key=lambda k: k[0])
    return Gap(most[1], most[0], least[1], least[0])
