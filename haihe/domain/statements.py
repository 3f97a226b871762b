"""对账单: what happened to a merchant's orders in a day, line by line, as a file for people and a file for machines."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

# An order that came to nothing comes to nothing, whatever had been agreed.
CAME_TO_NOTHING = frozenset({"REVOKED", "EXPIRED"})
# With these a spreadsheet takes the cell for a formula (OWASP, CSV injection).
FORMULA = ("=", "+", "-", "@", "\t", "\r")
BOM = "\ufeff"


class LineKind(StrEnum):
    """行的种类."""

    ORDINARY = "ORDINARY"
    CORRECTION = "CORRECTION"


@dataclass(frozen=True, slots=True)
class Happened:
    """One event of an order; `total_fen` is what the order came to after it, None where that was not settled yet."""

    order_id: int
    sequence: int
    out_order_no: str
    scenario: str
    what: str
    state: str
    total_fen: int | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Stated:
    """What earlier statements say of an order: what it comes to in all, and the day that first said an amount."""

    total_fen: int = 0
    first_day: date | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One line. The changes of all lines of an order, over all statements, add up to what it came to."""

    happened: Happened
    total_fen: int
    change_fen: int
    kind: LineKind
    original_day: date | None
    late: bool


def statement_lines(
    day: date, day_begins: datetime, events: Iterable[Happened], stated: Mapping[int, Stated]
) -> list[Line]:
    """The lines of a day, in the order in which things happened.

    A line is a CORRECTION where an earlier statement had already said what the order came to and this changes it; it
    names that day. One is late where it happened on an earlier day but became known only after that day's statement.
    """
    lines, totals = [], dict(stated)
    for event in sorted(events, key=lambda e: (e.at, e.order_id, e.sequence)):
        before = totals.get(event.order_id, Stated())
        total = 0 if event.total_fen is None or event.state in CAME_TO_NOTHING else event.total_fen
        change = total - before.total_fen
        corrects = change != 0 and before.first_day is not None and before.first_day < day
        lines.append(
            Line(
                happened=event,
                total_fen=total,
                change_fen=change,
                kind=LineKind.CORRECTION if corrects else LineKind.ORDINARY,
                original_day=before.first_day if corrects else None,
                late=event.at < day_begins,
            )
        )
        first = before.first_day if before.first_day is not None else (day if change else None)
        totals[event.order_id] = Stated(total, first)
    return lines


COLUMNS = {
    "line": "行号",
    "out_order_no": "商户订单号",
    "scenario": "场景",
    "what": "事项",
    "state": "事后状态",
    "at": "时间",
    "total_fen": "订单金额（分）",
    "total_yuan": "订单金额（元）",
    "change_fen": "本行变动（分）",
    "change_yuan": "本行变动（元）",
    "kind": "种类",
    "original_day": "原对账日",
    "late": "迟到",
}


def as_cells(number: int, line: Line) -> dict[str, Any]:
    """One line as a machine reads it; the times are handed in as they are to be shown."""
    return {
        "line": number,
        "out_order_no": line.happened.out_order_no,
        "scenario": line.happened.scenario,
        "what": line.happened.what,
        "state": line.happened.state,
        "at": line.happened.at.isoformat(timespec="seconds"),
        "total_fen": line.total_fen,
        "total_yuan": yuan(line.total_fen),
        "change_fen": line.change_fen,
        "change_yuan": yuan(line.change_fen),
        "kind": line.kind.value,
        "original_day": line.original_day.isoformat() if line.original_day else None,
        "late": line.late,
    }


def to_json(merchant: str, day: date, lines: Sequence[Line]) -> bytes:
    """The statement for machines."""
    body = {
        "merchant": merchant,
        "day": day.isoformat(),
        "totals": {
            "lines": len(lines),
            "corrections": sum(line.kind is LineKind.CORRECTION for line in lines),
            "change_fen": sum(line.change_fen for line in lines),
        },
        "lines": [as_cells(n, line) for n, line in enumerate(lines, 1)],
    }
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def to_csv(lines: Sequence[Line]) -> bytes:
    """The statement for people: UTF-8 with the mark by which Excel knows it; nothing in it can act as a formula."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(COLUMNS.values())
    for number, line in enumerate(lines, 1):
        writer.writerow([_cell(value) for value in as_cells(number, line).values()])
    return (BOM + file.getvalue()).encode()


def yuan(fen: int) -> str:
    """Fen as yuan with two places, exactly."""
    whole, rest = divmod(abs(fen), 100)
    return f"{'-' if fen < 0 else ''}{whole}.{rest:02d}"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "是" if value else ""
    text = str(value)
    if isinstance(value, str) and text.startswith(FORMULA) and not _number(text):
        return "'" + text
    return text


def _number(text: str) -> bool:
    whole, _, rest = text.removeprefix("-").partition(".")
    return whole.isascii() and whole.isdigit() and len(rest) == 2 and rest.isascii() and rest.isdigit()
