"""Residents as Hypothesis imagines them: any records the published rulebook knows, in any state, on any day."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from haihe.domain.kinds import LevelMap
from haihe.domain.records import Record, RecordState, Severity
from haihe.domain.rulebook import Indicator
from tests.domain.published import rulebook

TODAY = date(2026, 6, 15)
EFFECTIVE = st.just(RecordState.EFFECTIVE)
days = st.dates(date(2020, 1, 1), date(2028, 12, 31))
near_days = st.dates(date(2025, 1, 1), date(2027, 12, 31))
consents = st.frozensets(st.sampled_from(rulebook().sensitive_classes))


@st.composite
def records_of(
    draw: st.DrawFn, indicator: Indicator, states: st.SearchStrategy[RecordState] = EFFECTIVE
) -> Record:
    """A record of this indicator, as a department might send it."""
    occurred_on = draw(days)
    level = (
        draw(st.sampled_from(sorted(indicator.kind.levels))) if isinstance(indicator.kind, LevelMap) else None
    )
    # A day's delay, or a life that ends early, is what departments really send.
    valid_from = draw(st.none() | st.integers(0, 400).map(lambda n: occurred_on + timedelta(n)))
    valid_to = draw(st.none() | st.integers(0, 900).map(lambda n: (valid_from or occurred_on) + timedelta(n)))
    return Record(
        record_id=draw(st.integers(1, 10**9)),
        indicator=indicator.code,
        occurred_on=occurred_on,
        quantity=Decimal(draw(st.integers(1, 120))) / draw(st.sampled_from((1, 2))),
        level=level,
        severity=draw(st.none() | st.sampled_from(Severity)) if indicator.is_negative else None,
        valid_from=valid_from,
        valid_to=valid_to,
        state=draw(states),
    )


any_record = st.sampled_from(rulebook().indicators).flatmap(records_of)
negative_record = st.sampled_from([i for i in rulebook().indicators if i.is_negative]).flatmap(records_of)
record_in_any_state = st.sampled_from(rulebook().indicators).flatmap(
    lambda i: records_of(i, st.sampled_from(RecordState))
)
# The clean run and what breaks it meet rarely by chance, so they are mixed in on purpose.
watching = records_of(rulebook().by_code["B01"])
histories = st.lists(
    st.one_of(record_in_any_state, watching, negative_record), max_size=12, unique_by=lambda r: r.record_id
)
