"""A draft computed from what is known by the rulebook in force comes to what it comes to from the beginning."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import ibis.expr.types as ir
from hypothesis import given
from hypothesis import strategies as st
from ibis.backends import BaseBackend

from haihe.city.revising import changed_indicators, revised_facts
from haihe.city.scoring import score_columns
from haihe.domain.kinds import UnbrokenMonths
from haihe.domain.rulebook import Fact, Rulebook
from tests.city.comparing import rows_of, tables, tables_in
from tests.city.imagined import CLASSES, days, indicators, lives, many_at_once, rulebooks
from tests.domain.published import rulebook


@st.composite
def revisions(draw: st.DrawFn) -> tuple[Rulebook, Rulebook]:
    """A rulebook, and a draft that leaves most of it alone: some indicators anew, some gone, another start, other grades."""
    present = draw(rulebooks())
    kept = []
    for indicator in (*present.indicators, None):
        code = indicator.code if indicator else "I99"
        fate = draw(st.sampled_from(("kept", "kept", "kept", "anew", "gone")))
        if fate == "anew":
            kept.append(draw(indicators(code, present.dimensions)))
        elif fate == "kept" and indicator:
            kept.append(indicator)
    dimensions = tuple(replace(d, base=draw(st.sampled_from((d.base, 0)))) for d in present.dimensions)
    grades = draw(st.sampled_from((present.grades, present.grades[:1])))
    draft = replace(present, version="D", indicators=tuple(kept), dimensions=dimensions, grades=grades)
    return present, draft


@many_at_once
@given(revisions(), days, st.integers(0, 2**32))
def test_what_a_draft_changes_is_enough(
    engine: BaseBackend, both: tuple[Rulebook, Rulebook], on: date, seed: int
) -> None:
    present, draft = both
    everything = replace(draft, indicators=(*present.indicators, *draft.indicators))
    people, stated = tables(lives(everything, on, seed, 120), CLASSES)
    held = tables_in(engine, people=people, stated=stated)

    def facts(book: Rulebook) -> ir.Table:
        scored = score_columns(book, held["people"], held["stated"], on)
        return scored.filter(scored["scored"]).drop("scored")

    known = engine.create_table("known", engine.to_pyarrow(facts(present)), overwrite=True)
    revised = revised_facts(present, draft, known, held["stated"], on)

    if revised is None:
        assert len(changed_indicators(present, draft)) == len(draft.indicators)
        return
    assert plain(engine, revised) == plain(engine, facts(draft))


def plain(engine: BaseBackend, table: ir.Table) -> list[dict[str, Any]]:
    return [dict(sorted(row.items())) for row in rows_of(engine, table)]


def test_a_lower_cap_is_one_indicator() -> None:
    present = rulebook()
    draft = replace(
        present,
        indicators=tuple(replace(i, cap=i.cap - 4) if i.code == "C01" else i for i in present.indicators),
    )

    assert [i.code for i in changed_indicators(present, draft)] == ["C01"]
    assert changed_indicators(present, replace(present, grades=present.grades[:3])) == ()


def test_with_what_breaks_a_clean_run_the_run_is_looked_at_anew() -> None:
    present = rulebook()
    fewer = replace(present, indicators=tuple(i for i in present.indicators if i.code != "B14"))

    changed = changed_indicators(present, fewer)

    assert [i.code for i in changed if isinstance(i.kind, UnbrokenMonths)] == ["B01"]
    assert {i.code for i in changed} == {"B01", *fewer.negative_codes}


def test_another_list_of_stated_facts_is_computed_from_the_beginning(engine: BaseBackend) -> None:
    present = rulebook()
    draft = replace(present, facts=(*present.facts, Fact("F99", "某事", "某局", "某条例")))
    people, stated = tables([], CLASSES)
    held = tables_in(engine, people=people, stated=stated)
    on = date(2026, 11, 20)

    facts = score_columns(present, held["people"], held["stated"], on)

    assert revised_facts(present, draft, facts, held["stated"], on) is None
