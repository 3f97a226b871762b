"""No count of a few people is told, and none can be worked out from those that are."""

from __future__ import annotations

from collections.abc import Hashable
from random import Random

import numpy as np
import pytest

from haihe.city.histogram import BIN, histogram
from haihe.city.suppression import LEAST, Counts


def table(rows: list[list[int]]) -> Counts:
    """A table with the totals of its rows and columns, and of everything."""
    counts = Counts()
    across, down = range(len(rows[0])), range(len(rows))
    for r in down:
        for c in across:
            counts.add((r, c), rows[r][c])
    for r in down:
        counts.tie(("row", r), [(r, c) for c in across])
    for c in across:
        counts.tie(("column", c), [(r, c) for r in down])
    counts.tie("all", [("row", r) for r in down])
    counts.tie("all", [("column", c) for c in across])
    return counts


def worked_out(counts: Counts, told: dict[Hashable, int | None]) -> set[Hashable]:
    """What somebody finds who writes down every sum as an equation: each hidden count that has but one solution."""
    hidden = [name for name, people in told.items() if people is None]
    equations = np.array(
        [
            [(name in parts) - (name == total) for name in hidden]
            for total, parts in counts.sums
            if any(name == total or name in parts for name in hidden)
        ]
        or np.zeros((1, max(len(hidden), 1)))
    )
    rank = np.linalg.matrix_rank(equations)
    one = np.eye(len(hidden))
    return {
        name for n, name in enumerate(hidden) if np.linalg.matrix_rank(np.vstack([equations, one[n]])) == rank
    }


def test_a_count_of_nobody_and_of_twenty_is_told_and_one_of_nineteen_is_not() -> None:
    counts = Counts()
    for name, people in (("nobody", 0), ("nineteen", 19), ("twenty", 20), ("many", 500)):
        counts.add(name, people)
    told = counts.told()
    assert (told["nobody"], told["nineteen"], told["twenty"], told["many"]) == (0, None, 20, 500)


def test_the_smallest_other_group_is_hidden_with_a_small_one() -> None:
    counts = Counts({"a": 5, "b": 300, "c": 40})
    counts.tie("all", "abc")
    assert counts.told() == {"a": None, "b": 300, "c": None, "all": 345}


def test_two_small_groups_that_are_few_together_hide_a_third() -> None:
    counts = Counts({"a": 5, "b": 300, "c": 4})
    counts.tie("all", "abc")
    counts.rank("all", 1)
    assert counts.told() == {"a": None, "b": None, "c": None, "all": 309}


def test_what_would_be_missed_more_is_hidden_later() -> None:
    counts = Counts({"a": 5, "b": 300, "c": 40})
    counts.tie("all", "abc")
    counts.rank("c", 1)
    assert counts.told()["c"] == 40


@pytest.mark.parametrize("seed", range(40))
def test_no_small_count_can_be_worked_out_from_any_table(seed: int) -> None:
    chance = Random(seed)
    sizes = (0, 0, 1, 3, 12, 19, 20, 33, 70, 500)
    rows = [[chance.choice(sizes) for _ in range(chance.randint(2, 5))]]
    rows += [[chance.choice(sizes) for _ in rows[0]] for _ in range(chance.randint(1, 6))]
    counts = table(rows)
    told = counts.told()
    small = {name for name, people in counts.cells.items() if 0 < people < LEAST}
    assert all(told[name] is None for name in small)
    assert not worked_out(counts, told) & small


def test_bins_are_joined_until_nobody_stands_out() -> None:
    rows = [{"before": b, "after": b, "people": n} for b, n in enumerate((3, 9, 40, 200, 2))]
    bins = histogram(rows)
    assert [(b.at_least, b.below, b.before) for b in bins] == [
        (0, 3 * BIN, 52),
        (3 * BIN, 5 * BIN, 202),
    ]


def test_a_bound_that_only_a_few_have_crossed_is_not_drawn() -> None:
    stayed = [{"before": b, "after": b, "people": 100} for b in range(4)]
    crossed = [{"before": 1, "after": 2, "people": 3}]
    bounds = [b.at_least for b in histogram([*stayed, *crossed])]
    assert bounds == [0, 1 * BIN, 3 * BIN]


def test_of_too_few_people_there_is_no_histogram() -> None:
    assert histogram([{"before": 3, "after": 4, "people": 19}]) == ()
    assert histogram([]) == ()
