"""退回行的处理: a clerk looks at a line that could not be taken, has it tried again, puts it right, or sends it back.

Nobody at the console sees whose line it is: name and number stay covered, and are typed in anew where they were wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from haihe.domain.errors import InvalidInput, NotFound
from haihe.domain.identity import hide_identity_numbers, holds_identity_number
from haihe.storage.audit import write_audit
from haihe.storage.db import db, transaction
from haihe.storage.imports import Counts
from haihe.storage.records import Import, QuarantinedLine
from haihe.usecases.context import Context
from haihe.usecases.records_in.checking import Refused
from haihe.usecases.records_in.retrying import checker_of, lock_file, retry_lines, row_of, take_corrected
from haihe.usecases.records_in.storing import insist
from haihe.usecases.records_in.tables import Row, columns_of
from haihe.usecases.rescore import Rescored
from haihe.usecases.sources import reachable_import
from haihe.usecases.staff_login import StaffCaller

RETRIED_AT_ONCE = 10_000
LONGEST_NOTE = 200
LONGEST_CELL = 4_000
NUMBERS = ("id_number", "CF_XDR_ZJHM")
NAMES = ("name", "CF_XDR_MC")


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a line. What would tell who it is, is covered: `value` is then empty and `covered` says what may be said."""

    column: str
    value: str
    covered: str | None


@dataclass(frozen=True, slots=True)
class ShownLine:
    """A line that was set aside, as a clerk sees it; `readable` says whether its cells could be told apart."""

    line_no: int
    record_no: str | None
    field: str
    code: str
    detail: str
    sent_back_at: datetime | None
    sent_back_by: str | None
    note: str | None
    readable: bool
    cells: tuple[Cell, ...]


def quarantined(import_id: int, after: int, most: int, sought: str = "") -> list[QuarantinedLine]:
    """Lines of a file that were set aside, in its order; the sealed text stays sealed."""
    query = select(QuarantinedLine).where(
        QuarantinedLine.import_id == import_id, QuarantinedLine.line_no > after
    )
    if sought:
        like = f"%{sought.replace('%', '').replace('_', '')}%"
        query = query.where(
            QuarantinedLine.record_no.ilike(like)
            | QuarantinedLine.code.ilike(like)
            | QuarantinedLine.detail.ilike(like)
        )
    return list(db.session.execute(query.order_by(QuarantinedLine.line_no).limit(most)).scalars())


def reasons_of(import_id: int) -> list[tuple[str, str, int]]:
    """Why lines of a file were set aside: code, one of the reasons in words, and how many; the most frequent first."""
    number = func.count()
    query = (
        select(QuarantinedLine.code, func.min(QuarantinedLine.detail), number)
        .where(QuarantinedLine.import_id == import_id)
        .group_by(QuarantinedLine.code)
        .order_by(number.desc(), QuarantinedLine.code)
    )
    return [(code, detail, count) for code, detail, count in db.session.execute(query)]


def look_at_line(ctx: Context, clerk: StaffCaller, import_id: int, line_no: int, at: datetime) -> ShownLine:
    """One line with its cells, identity covered: a look at a person's data, so it leaves a trace."""
    held = reachable_import(clerk, import_id)
    with transaction():
        line = _line(held, line_no)
        write_audit(at, clerk.actor, "look_at_quarantined", f"import:{import_id}", line=line_no)
        row = row_of(ctx.vault, held, line)
        return _shown(held, line, row)


def retry_file(
    ctx: Context, clerk: StaffCaller, import_id: int, after: int, at: datetime
) -> tuple[Counts, int | None]:
    """Try the lines after this one again as they were written, so many at a time; returns what became of them, and the
    line after which to go on (None where that was all)."""
    reachable_import(clerk, import_id)
    reached = [after]
    counts = retry_lines(
        ctx, import_id, at, clerk.actor, RETRIED_AT_ONCE, after, lambda line: reached.append(line)
    )
    more = quarantined(import_id, reached[-1], 1)
    return counts, reached[-1] if more else None


def correct_line(
    ctx: Context,
    clerk: StaffCaller,
    import_id: int,
    line_no: int,
    typed: Mapping[str, str],
    basis: str,
    at: datetime,
) -> None:
    """Take a line as it is put right; InvalidInput names the column that is still wrong.

    Covered cells that are left empty stay as they were written. Whatever is changed needs its `basis`: what the source
    confirmed, and how.
    """
    reachable_import(clerk, import_id)
    basis = _note(basis, "basis", "依据")

    def deed() -> Rescored:
        held = lock_file(import_id)
        line = _line(held, line_no, lock=True)
        row = row_of(ctx.vault, held, line)
        cells, changed = _corrected(held, row, typed)
        if changed and not basis:
            raise InvalidInput("BASIS_MISSING", "改动了内容，请写明依据，如来源部门的复函编号", "basis")
        fault = None if changed or not row.fault else row.fault
        outcome = checker_of(ctx, held, at).check(Row(line_no, line_no, row.text, cells, fault))
        if isinstance(outcome, Refused):
            raise InvalidInput(outcome.code, outcome.detail, outcome.field)
        stored = take_corrected(ctx, held, outcome, at)
        write_audit(
            at,
            clerk.actor,
            "correct_quarantined",
            f"import:{import_id}",
            line=line_no,
            record_no=outcome.candidate.record_no,
            changed=changed,
            basis=basis,
        )
        return stored.rescored

    insist(ctx, deed)


def send_back(clerk: StaffCaller, import_id: int, line_no: int, note: str, at: datetime) -> None:
    """Leave a line to its source, with a word on what to do; the source reads it in the report of the file."""
    held = reachable_import(clerk, import_id)
    note = _note(note, "note", "说明")
    if not note:
        raise InvalidInput("NOTE_MISSING", "请写明要来源部门做什么", "note")
    with transaction():
        line = _line(held, line_no, lock=True)
        line.sent_back_at, line.sent_back_by, line.note = at, clerk.actor, note
        write_audit(at, clerk.actor, "send_back_quarantined", f"import:{import_id}", line=line_no, note=note)


def _line(held: Import, line_no: int, lock: bool = False) -> QuarantinedLine:
    line = db.session.get(
        QuarantinedLine, (held.id, line_no), with_for_update=lock or None, populate_existing=True
    )
    if line is None:
        raise NotFound("LINE_NOT_QUARANTINED", "这一行没有退回，或已经处理完")
    return line


def _shown(held: Import, line: QuarantinedLine, row: Row) -> ShownLine:
    columns: Sequence[str] = held.header or columns_of(held.format)
    return ShownLine(
        line_no=line.line_no,
        record_no=line.record_no,
        field=line.field,
        code=line.code,
        detail=line.detail,
        sent_back_at=line.sent_back_at,
        sent_back_by=line.sent_back_by,
        note=line.note,
        readable=bool(row.cells),
        cells=tuple(_cell(column, row.cells.get(column, "").strip()) for column in columns),
    )


def _cell(column: str, value: str) -> Cell:
    if column in NUMBERS:
        return Cell(column, "", f"尾号 {value[-4:]}，共 {len(value)} 位" if len(value) > 8 else "已遮盖")
    if column in NAMES:
        return Cell(column, "", f"{value[:1]}{'*' * max(len(value) - 1, 0)}" if value else "空")
    if holds_identity_number(value):
        return Cell(column, "", hide_identity_numbers(value))
    return Cell(column, value, None)


def _corrected(held: Import, row: Row, typed: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """The cells as they are to be read, and the columns that differ from what was written."""
    columns: Sequence[str] = held.header or columns_of(held.format)
    cells = {column: row.cells.get(column, "") for column in columns}
    changed = []
    for column in columns:
        if column not in typed:
            continue
        said = typed[column].strip()[:LONGEST_CELL]
        covered = _cell(column, cells[column].strip()).covered is not None
        if said == cells[column].strip() or (covered and not said):
            continue
        cells[column] = said
        changed.append(column)
    return cells, changed


def _note(text: str, field: str, name: str) -> str:
    said = text.strip()
    if len(said) > LONGEST_NOTE or not said.isprintable():
        raise InvalidInput("NOTE_INVALID", f"{name}最多 {LONGEST_NOTE} 字，不换行", field)
    if holds_identity_number(said):
        raise InvalidInput("NOTE_HAS_IDENTITY", f"{name}不加密保存，请不要写证件号码", field)
    return said
