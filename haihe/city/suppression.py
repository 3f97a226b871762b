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

    def add(self, name: Hashable, people: int) -> None:
        """Count so many more people under this name."""
        self.cells[name] = self.cells.get(name, 0) + people

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
                more = self._smallest(line, hidden)
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
                for total, parts in lines:
                    if name == total or name in parts:
                        more = self._smallest((total, *parts), hidden)
                        if more:
                            return more
        return set()

    def _smallest(self, line: tuple[Hashable, ...], hidden: set[Hashable]) -> set[Hashable]:
        """The smallest count of a line that is still told: of somebody rather than of nobody, a part rather than the total."""
        total, *parts = line
        shown = [n for n in dict.fromkeys(parts) if n not in hidden]
        choice = min(
            (n for n in shown if self.cells[n]), key=lambda n: (self.cells[n], repr(n)), default=None
        )
        if choice is None and total not in hidden:
            choice = total
        if choice is None and shown:
            choice = shown[0]
        return set() if choice is None else {choice}
