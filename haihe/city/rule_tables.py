"""The rules of one day as small tables: what each record meets by its indicator, its severity and its level."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from haihe.city.slots import Breaks, How, Slot, breaks_of, fact_slots, slots_of, steps_of
from haihe.domain.dates import earliest_start
from haihe.domain.kinds import LevelMap, SteppedDecay
from haihe.domain.records import Severity
from haihe.domain.rulebook import Rulebook

NO_SEVERITY = ""
SEVERITIES = (None, *Severity)


def rules_table(rulebook: Rulebook, on: date) -> ibis.Table:
    """What a record is on this day by its indicator and severity: which days are within its window, and on which step."""
    most = steps_of(rulebook)
    rows = [_rule(slot, severity, most, on) for slot in slots_of(rulebook) for severity in SEVERITIES]
    for code, number in fact_slots(rulebook).items():
        for severity in SEVERITIES:
            rows.append(_row(code, severity, number, How.FACT, Breaks.NEVER, None, (), most, on))
    steps = [
        field
        for n in range(most)
        for field in (
            (f"step{n}_from", pa.date32()),
            (f"step{n}_points", pa.int64()),
            (f"step{n}_months", pa.int32()),
        )
    ]
    schema = pa.schema(
        [
            ("rule_indicator", pa.string()),
            ("rule_severity", pa.string()),
            ("slot", pa.int32()),
            ("how", pa.int32()),
            ("breaks", pa.int32()),
            ("window_from", pa.date32()),
            ("window_months", pa.int32()),
            *steps,
        ]
    )
    return ibis.memtable(pa.Table.from_pylist(rows, schema=schema))


def levels_table(rulebook: Rulebook) -> ibis.Table | None:
    """What a level is worth; None where no indicator goes by levels."""
    rows = [
        {"level_indicator": i.code, "level_name": level, "level_points": points}
        for i in rulebook.indicators
        if isinstance(i.kind, LevelMap)
        for level, points in i.kind.levels.items()
    ]
    schema = pa.schema(
        [("level_indicator", pa.string()), ("level_name", pa.string()), ("level_points", pa.int64())]
    )
    return ibis.memtable(pa.Table.from_pylist(rows, schema=schema)) if rows else None


def kinds_table(slots: Sequence[Slot]) -> ibis.Table:
    """What a sum of hundredths gives in each slot, within which bounds, and where in the words it is kept."""
    rows = [
        {
            "kind_slot": s.number,
            "kind": s.how,
            "each": getattr(s.indicator.kind, "each", 0),
            "unit": 100 * getattr(s.indicator.kind, "per", 1),
            "lowest": min(s.indicator.cap, 0),
            "highest": max(s.indicator.cap, 0),
            "word": s.word,
            "factor": 1 << s.shift,
        }
        for s in slots
    ]
    wide = dict.fromkeys(("each", "unit", "lowest", "highest", "factor"), pa.int64())
    schema = pa.schema([(name, wide.get(name, pa.int32())) for name in rows[0]])
    return ibis.memtable(pa.Table.from_pylist(rows, schema=schema))


def step_on(held: ir.Table, rulebook: Rulebook, what: str) -> ir.Value:
    """`points` or `months` of the step on which each record stands: the first whose end has not passed."""
    branches = [
        (held["occurred_on"] >= held[f"step{n}_from"], held[f"step{n}_{what}"])
        for n in range(steps_of(rulebook))
    ]
    return ibis.cases(*branches) if branches else ibis.null("int64")


def _rule(slot: Slot, severity: Severity | None, most: int, on: date) -> dict[str, object]:
    kind = slot.indicator.kind
    steps: tuple[tuple[int, int], ...] = ()
    window = kind.window_months
    if isinstance(kind, SteppedDecay):
        steps = kind.steps_by_severity.get(severity, kind.steps) if severity else kind.steps
        window = steps[-1][0]
    breaks = breaks_of(slot.indicator, severity)
    return _row(slot.indicator.code, severity, slot.number, slot.how, breaks, window, steps, most, on)


def _row(
    code: str,
    severity: Severity | None,
    number: int,
    how: How,
    breaks: Breaks,
    window: int | None,
    steps: tuple[tuple[int, int], ...],
    most: int,
    on: date,
) -> dict[str, object]:
    row: dict[str, object] = {
        "rule_indicator": code,
        "rule_severity": severity.value if severity else NO_SEVERITY,
        "slot": number,
        "how": how,
        "breaks": breaks,
        "window_from": date.min if window is None else earliest_start(window, on),
        "window_months": window,
    }
    for n in range(most):
        months, points = steps[n] if n < len(steps) else (None, None)
        row |= {
            f"step{n}_from": None if months is None else earliest_start(months, on),
            f"step{n}_points": points,
            f"step{n}_months": months,
        }
    return row
