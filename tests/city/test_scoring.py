"""One rulebook, two readings: everybody at once comes to what each comes to alone, line by line and to the integer."""

from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st
from ibis.backends import BaseBackend

from haihe.domain.rulebook import Rulebook
from tests.city.comparing import rows_alone, rows_together
from tests.city.imagined import CLASSES, days, lives, many_at_once, rulebooks

seeds = st.integers(0, 2**32)


@many_at_once
@given(rulebooks(), days, seeds)
def test_any_rulebook_gives_everybody_at_once_what_it_gives_each_alone(
    engine: BaseBackend, rulebook: Rulebook, on: date, seed: int
) -> None:
    residents = lives(rulebook, on, seed, 120)
    assert rows_together(engine, residents, rulebook, on, CLASSES) == rows_alone(residents, rulebook, on)
