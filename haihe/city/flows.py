"""Who gains, loses and keeps a benefit, group by group, and the sums by which these counts hang together."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from haihe.city.suppression import Counts

UNKNOWN = ""
GAIN, LOSE, KEEP, NEITHER = "gain", "lose", "keep", "neither"
# What would be missed most where something must be hidden: who is affected rather than who is not.
RANKS = {NEITHER: 0, KEEP: 1, "before": 1, "after": 1, "people": 2, GAIN: 3, LOSE: 3}
WHOLE = 10


@dataclass(frozen=True, slots=True)
class Flow:
    """How many people of a group have the benefit before and after. None: fewer than twenty, or telling of such."""

    people: int | None
    before: int | None
    after: int | None
    gain: int | None
    lose: int | None
    keep: int | None


@dataclass(frozen=True, slots=True)
class Group:
    """One district, age band or grade; `code` is empty where it is not known."""

    code: str
    name: str
    flow: Flow


def groups(told: Mapping[Hashable, int | None], by: str, names: Mapping[str, str]) -> tuple[Group, ...]:
    """The flows of all groups of one kind that anybody belongs to, in the order of `names`."""
    return tuple(
        Group(code, name, flow_of(told, (by, code)))
        for code, name in names.items()
        if ("people", by, code) in told
    )


def tie_flow(counts: Counts, group: tuple[str, ...]) -> None:
    """The sums among the counts of one group (none: the whole city, whose counts are the last to be hidden)."""
    for what, rank in RANKS.items():
        counts.rank((what, *group), rank if group else rank + WHOLE)
    counts.tie(("people", *group), [(what, *group) for what in (GAIN, LOSE, KEEP, NEITHER)])
    counts.tie(("before", *group), [(KEEP, *group), (LOSE, *group)])
    counts.tie(("after", *group), [(KEEP, *group), (GAIN, *group)])


def flow_of(told: Mapping[Hashable, int | None], group: tuple[str, ...]) -> Flow:
    def of(what: str) -> int | None:
        return told.get((what, *group), 0)

    return Flow(of("people"), of("before"), of("after"), of(GAIN), of(LOSE), of(KEEP))
