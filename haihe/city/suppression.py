"""小数隐去: no count of fewer than twenty people is told, nor any other from which it could be worked out.

Counts come with the sums that tie them together: a district's people are those who gain, lose, keep and have neither; all
districts' people are the city's. What is hidden must stay hidden for somebody who writes these sums down as equations.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field

import numpy as np

LEAST = 20
NEARLY_NOUGHT = 1e-9


@dataclass
class Counts:
    """Counts by name, and the sums among them that a reader knows of."""

    cells: dict[Hashable, int] = field(default_factory=dict)
    sums: list[tuple[Hashable, tuple[Hashable, ...]]] = field(default_factory=list)
    ranks: dict[Hashable, int] = field(default_factory=dict)

    def add(self, name: Hashable, people: int) -> None:
        """Count so many more people under this name."""
        self.cells[name] = self.cells.get(name, 0) + people

    def rank(self, name: Hashable, rank: int) -> None:
        """Say how much this count would be missed; where there is a choice, those of the lowest rank are hidden first."""
        self.ranks[name] = rank

    def tie(self, total: Hashable, parts: Iterable[Hashable]) -> None:
        """Tell that `total` is the sum of `parts`; the total is counted from them where nobody has counted it yet."""
        known = tuple(parts)
        for part in known:
            self.cells.setdefault(part, 0)
        self.cells.setdefault(total, sum(self.cells[p] for p in known))
        self.sums.append((total, known))

    def hidden(self, least: int = LEAST) -> frozenset[Hashable]:
        """The names of all counts that must not be told."""
        small = {name for name, people in self.cells.items() if 0 < people < least}
        hidden = set(small)
        while True:
            more = self._open_lines(hidden, least) or self._worked_out(hidden, small)
            if not more:
                return frozenset(hidden)
            hidden |= more

    def told(self, least: int = LEAST) -> dict[Hashable, int | None]:
        """Every count, None standing for what is not told."""
        hidden = self.hidden(least)
        return {name: None if name in hidden else people for name, people in self.cells.items()}

    def _open_lines(self, hidden: set[Hashable], least: int) -> set[Hashable]:
        """One more count to hide where one alone is hidden, or where all the hidden ones together are still too few."""
        for total, parts in self.sums:
            line = (total, *parts)
            now = [name for name in line if name in hidden]
            together = sum(self.cells[name] for name in parts if name in hidden)
            if now and (len(now) == 1 or (total not in hidden and together < least)):
                more = self._least_missed(line, hidden)
                if more:
                    return more
        return set()

    def _worked_out(self, hidden: set[Hashable], small: set[Hashable]) -> set[Hashable]:
        """One more count to hide where the sums, taken together as equations, leave a small one only one value."""
        names = sorted(hidden, key=repr)
        place = {name: n for n, name in enumerate(names)}
        lines = [(t, p) for t, p in self.sums if t in hidden or any(x in hidden for x in p)]
        if not lines:
            return set()
        equations = np.zeros((len(lines), len(names)))
        for row, (total, parts) in enumerate(lines):
            for name in parts:
                if name in place:
                    equations[row, place[name]] += 1
            if total in place:
                equations[row, place[total]] -= 1
        _, sizes, directions = np.linalg.svd(equations)
        free = directions[int((sizes > NEARLY_NOUGHT).sum()) :]
        for name in sorted(small, key=repr):
            if np.abs(free[:, place[name]]).max(initial=0.0) < NEARLY_NOUGHT:
                more = self._nearest(name, hidden)
                if more:
                    return more
        return set()

    def _nearest(self, name: Hashable, hidden: set[Hashable]) -> set[Hashable]:
        """The count to hide next for the sake of this one: from its own sums, else from those they lead on to."""
        reached: set[Hashable] = {name}
        while True:
            lines = [(t, *p) for t, p in self.sums if t in reached or any(x in reached for x in p)]
            names = {n for line in lines for n in line}
            somebody = [n for n in names if self.cells[n]]
            more = self._least_missed(somebody, hidden)
            further = {n for n in names if n in hidden} - reached
            if more or not further:
                return more
            reached |= further

    def _least_missed(self, names: Iterable[Hashable], hidden: set[Hashable]) -> set[Hashable]:
        """Of the counts still told, the one that would be missed least: of somebody rather than of nobody, then the smallest."""
        shown = [name for name in dict.fromkeys(names) if name not in hidden]
        choice = min(shown, key=self._missed, default=None)
        return set() if choice is None else {choice}

    def _missed(self, name: Hashable) -> tuple[bool, int, int, str]:
        return self.cells[name] == 0, self.ranks.get(name, 0), self.cells[name], repr(name)
