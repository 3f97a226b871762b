"""From a hundred million records to one row a resident: who holds what, summed by indicator, held to its cap, packed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import ibis
import ibis.expr.types as ir

from haihe.city.endings import earliest_endings, endings, watched
from haihe.city.rule_tables import NO_SEVERITY, kinds_table, levels_table, rules_table, step_on
from haihe.city.slots import (
    Breaks,
    How,
    Slot,
    fact_slots,
)
from haihe.domain.kinds import Tiered
from haihe.domain.records import RecordState
from haihe.domain.rulebook import Rulebook

# A stated fact is told by its last record: the day, then the record's number, then the answer, in one comparable number.
DAY_BITS_FROM = 41


def word(number: int) -> str:
    """The column of one word of packed points."""
    return f"word{number}"


def units(slot: Slot) -> str:
    """The column of the units that count where each month has a limit of its own."""
    return f"units{slot.number}"


def began(slot: Slot) -> str:
    """The column of the day on which a clean run began to be watched."""
    return f"began{slot.number}"


def answer(fact: str) -> str:
    """The column of the last thing stated of a fact, its lowest bit being yes or no."""
    return f"answer_{fact}"


def gather_points(
    rulebook: Rulebook, slots: Sequence[Slot], records: ir.Table, on: date, last_day: bool
) -> ir.Table:
    """One row for each resident with a record that counts now or later, `gathered_id` being the resident.

    Beside the words there are the units, beginnings and answers named above, `broke`, the last day that broke a clean
    run, and with `last_day` also what `haihe.city.endings` needs.
    """
    held = _held(rulebook, records, on)
    summed = _by_indicator(rulebook, slots, held, on, last_day)
    worth = _points(slots, summed)
    answers = {
        answer(code): worth["top"].max(where=worth["slot"] == slot)
        for code, slot in fact_slots(rulebook).items()
    }
    # Each slot has one row at most and its own bits, so that a sum puts them side by side; not every engine has bit_or.
    words = {
        word(n): worth["packed"].sum(where=worth["word"] == n).cast("int64")
        for n in sorted({s.word for s in slots})
    }
    monthly = {
        units(s): worth["units"].sum(where=worth["slot"] == s.number) for s in slots if s.how is How.MONTHLY
    }
    runs = {began(s): worth["began"].min(where=worth["slot"] == s.number) for s in slots if s.how is How.RUN}
    ends = earliest_endings(slots, worth) | watched(slots, worth) if last_day else {}
    return worth.group_by(gathered_id=worth["resident_id"]).aggregate(
        **words, **monthly, **runs, **answers, broke=worth["broke"].max(), **ends
    )


def _held(rulebook: Rulebook, records: ir.Table, on: date) -> ir.Table:
    """Effective records that are not over yet, each beside its rule."""
    not_over = records["valid_to"].isnull() | (records["valid_to"] >= on)
    effective = records.filter((records["state"] == RecordState.EFFECTIVE.value) & not_over)
    rules = rules_table(rulebook, on)
    held = effective.join(
        rules,
        [
            effective["indicator"] == rules["rule_indicator"],
            effective["severity"].fill_null(NO_SEVERITY) == rules["rule_severity"],
        ],
    )
    held = held.filter(held["occurred_on"] >= held["window_from"])
    levels = levels_table(rulebook)
    if levels is None:
        return held.mutate(level_points=ibis.literal(0, "int64"))
    return held.left_join(
        levels,
        [held["indicator"] == levels["level_indicator"], held["level"] == levels["level_name"]],
    )


def _by_indicator(
    rulebook: Rulebook, slots: Sequence[Slot], held: ir.Table, on: date, last_day: bool
) -> ir.Table:
    """What a resident has of an indicator: of one with a limit a month, what they have of it in each month."""
    how, breaks = held["how"], held["breaks"]
    first = held["valid_from"].coalesce(held["occurred_on"])
    living = first <= on
    held = held.mutate(
        month=(how == How.MONTHLY).ifelse(held["occurred_on"].year() * 12 + held["occurred_on"].month(), 0),
        amount=ibis.cases(
            (living & how.isin((How.QUANTITY, How.MONTHLY)), held["hundredths"]),
            (living & (how == How.STEPS), step_on(held, rulebook, "points")),
        ),
        top=ibis.cases(
            (living & (how == How.LEVEL), held["level_points"].fill_null(0)),
            (living & (how == How.FACT), _answer(held, first)),
        ),
        began=ibis.cases((living & (how == How.RUN), first)),
        broke=ibis.cases(
            (living & (breaks == Breaks.ON_ITS_DAY), first),
            (living & (breaks == Breaks.EVERY_DAY), ibis.literal(on)),
        ),
        **(endings(rulebook, slots, held, on) if last_day else {}),
    )
    sums = {
        "amount": held["amount"].sum().cast("int64"),
        "top": held["top"].max(),
        "began": held["began"].min(),
        "broke": held["broke"].max(),
        **(earliest_endings(slots, held) if last_day else {}),
    }
    return held.group_by("resident_id", "slot", "month").aggregate(**sums)


def _answer(held: ir.Table, first: ir.DateValue) -> ir.IntegerValue:
    said = held["record_id"] * 2 + (held["level"] == "YES").fill_null(False).cast("int64")
    return first.epoch_days().cast("int64") * (1 << DAY_BITS_FROM) + said


def _points(slots: Sequence[Slot], summed: ir.Table) -> ir.Table:
    """Each indicator's points, held to its cap and put in its place in a word."""
    kinds = kinds_table(slots)
    met = summed.left_join(kinds, summed["slot"] == kinds["kind_slot"])
    amount = met["amount"]
    points = ibis.cases(
        *((met["slot"] == s.number, _tiers(s.indicator.kind, amount)) for s in slots if _tiered(s)),
        (met["kind"] == How.QUANTITY, met["each"] * (amount // met["unit"])),
        (met["kind"] == How.STEPS, amount),
        (met["kind"] == How.LEVEL, met["top"]),
    )
    # The least and the greatest pass over nulls, and so whoever has nothing yet must not reach them.
    held_to = ibis.cases((points.notnull(), ibis.greatest(ibis.least(points, met["highest"]), met["lowest"])))
    monthly = [
        (
            amount.notnull() & (met["slot"] == s.number),
            ibis.least(amount, 100 * s.indicator.kind.most_per_month) // 100,
        )
        for s in slots
        if s.how is How.MONTHLY
    ]
    return met.mutate(
        packed=(held_to.abs() + 1) * met["factor"],
        units=ibis.cases(*monthly) if monthly else ibis.null("int64"),
    )


def _tiered(slot: Slot) -> bool:
    return slot.how is How.QUANTITY and isinstance(slot.indicator.kind, Tiered)


def _tiers(kind: Tiered, hundredths: ir.IntegerValue) -> ir.IntegerValue:
    """Each tier's own rounding down. A tier is reached only when every one before it has been gone beyond."""
    total: ir.IntegerValue = ibis.literal(0, "int64")
    lower = highest = 0
    for upper, units_a_point in kind.tiers:
        highest = max(highest, lower)
        reached = hundredths if upper is None else ibis.least(hundredths, 100 * upper)
        gives = (reached - 100 * lower) // (100 * units_a_point)
        total += (hundredths > 100 * highest).ifelse(gives, 0)
        lower = upper or 0
    return total
