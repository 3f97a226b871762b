"""A whole small city by both readings: every resident, every line, every published benefit."""

from __future__ import annotations

from datetime import date

import pytest
from ibis.backends import BaseBackend

from haihe.city.decisions import decide_columns, facts_columns
from haihe.city.generating import CLASSES, blocks
from haihe.city.scoring import score_columns
from haihe.demo.plan import Plan
from haihe.domain.eligibility import decide
from haihe.domain.scenarios import Scenario
from tests.city.comparing import facts_alone, rows_alone, rows_of, rows_together, tables, tables_in
from tests.city.demo_columns import lives_of
from tests.city.imagined import Life, lives
from tests.city.test_criteria import told
from tests.domain.published import rulebook, scenarios

RESIDENTS = 6_000
TODAY = date(2026, 11, 20)
DAYS = (TODAY, date(2027, 2, 28), date(2028, 2, 29))


@pytest.fixture(scope="module")
def city() -> list[Life]:
    """The residents of a demo city, as the generator makes it."""
    return [life for pair in blocks(Plan(RESIDENTS, 20261120, TODAY)) for life in lives_of(*pair)]


@pytest.mark.parametrize("on", DAYS, ids=str)
def test_every_resident_of_the_demo_city_comes_to_the_same_points_line_by_line(
    engine: BaseBackend, city: list[Life], on: date
) -> None:
    alone = rows_alone(city, rulebook(), on)
    assert rows_together(engine, city, rulebook(), on, CLASSES) == alone
    assert sum(row["scored"] for row in alone) > RESIDENTS // 2


def test_the_published_rulebook_holds_for_lives_on_the_edges_of_its_windows(engine: BaseBackend) -> None:
    for seed, on in enumerate((*DAYS, date(2026, 3, 31), date(2026, 4, 30))):
        residents = lives(rulebook(), on, seed, 500)
        assert rows_together(engine, residents, rulebook(), on, CLASSES) == rows_alone(
            residents, rulebook(), on
        )


def test_every_published_benefit_is_decided_alike_for_the_whole_demo_city(
    engine: BaseBackend, city: list[Life]
) -> None:
    people, records = tables(city, CLASSES)
    found = tables_in(engine, residents=people, records=records)
    scored = engine.create_table(
        "scored", score_columns(rulebook(), found["residents"], found["records"], TODAY), overwrite=True
    )
    facts = facts_columns(scored)
    alone = [facts_alone(life, rulebook(), TODAY) for life in city]

    def decided(scenario: Scenario) -> list[tuple[str, str, int | None]]:
        rows = rows_of(engine, decide_columns(scenario, facts, TODAY))
        return [(r["outcome"], r["code"], r["offer"]) for r in rows]

    for scenario in scenarios().values():
        assert decided(scenario) == [told(decide(f, scenario, TODAY), scenario) for f in alone], scenario.code
