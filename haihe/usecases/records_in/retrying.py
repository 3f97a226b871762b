"""Lines that were set aside, tried again: as they were written, or as somebody has put them right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import delete, select, update

from haihe.domain.errors import Conflict, InvalidInput
from haihe.storage.audit import write_audit
from haihe.storage.db import db
from haihe.storage.imports import Counts, advance_import, lock_import
from haihe.storage.incoming import lock_source
from haihe.storage.records import Import, QuarantinedLine, RecordRow, Source
from haihe.storage.vault import Vault
from haihe.storage.withdrawals import withdrawn_file
from haihe.usecases.context import Context, day_of
from haihe.usecases.records_in.checking import Checked, Checker, Refused
from haihe.usecases.records_in.storing import LONGEST_KEPT, NamesHeld, Stored, insist, store_rows, withdrawn
from haihe.usecases.records_in.tables import Row, read_again
from haihe.usecases.rescore import Rescored

AT_ONCE = 1_000
PURPOSE = "quarantine"
# What was kept of such a line is not what was written.
UNREADABLE = ("ENCODING_BROKEN", "LINE_TOO_LONG")
NEWER = "RECORD_NEWER"
NEWER_WORDS = "这条记录后来又报送过，以后来的为准；本行不必再导入，可以退回来源"


@dataclass(slots=True)
class _Round:
    """What became of one round of lines."""

    last: int | None = None
    counts: Counts = field(default_factory=Counts)


def row_of(vault: Vault, held: Import, line: QuarantinedLine) -> Row:
    """A line that was set aside, opened and read again."""
    text = vault.open(line.key_id, line.line_sealed, PURPOSE)
    if line.code in UNREADABLE or len(text) >= LONGEST_KEPT:
        return Row(line.line_no, line.line_no, text, {}, InvalidInput(line.code, line.detail, line.field))
    return read_again(held.format, held.header, line.line_no, text)


def checker_of(ctx: Context, held: Import, at: datetime) -> Checker:
    """Whoever checks a line of this file today."""
    entitled = db.session.get_one(Source, held.source).indicators
    return Checker(ctx, entitled, day_of(at), penalties=held.format == "penalties")


def retry_lines(
    ctx: Context,
    import_id: int,
    at: datetime,
    actor: str,
    most: int | None = None,
    after: int = 0,
    on_progress: Callable[[int], None] | None = None,
) -> Counts:
    """Try the lines of a file again as they were written, in the order of the file; returns how many were taken now, and
    how many of those tried stay where they are. `on_progress` is told the last line that was tried.
    """
    total, last, names = Counts(), after, NamesHeld(ctx.vault)
    left = most
    while left is None or left > 0:
        round_ = _Round()
        size = AT_ONCE if left is None else min(left, AT_ONCE)

        def deed(round_: _Round = round_, after: int = last, size: int = size) -> Rescored:
            return _retry_round(ctx, import_id, after, size, at, actor, names, round_)

        insist(ctx, deed)
        if round_.last is None:
            break
        last = round_.last
        total = _sum(total, round_.counts)
        left = None if left is None else left - size
        if on_progress is not None:
            on_progress(last)
    return total


def take_corrected(ctx: Context, held: Import, row: Checked, at: datetime) -> Stored:
    """Store one line that was put right, and forget what was set aside of it; InvalidInput where something known already
    stands against it. In the caller's transaction, source and import being locked."""
    if _newer(held, [row]):
        raise InvalidInput(NEWER, NEWER_WORDS, "record_no")
    stored = store_rows(ctx, held.source, held.id, [row], at, NamesHeld(ctx.vault))
    if stored.refused:
        refused = stored.refused[0]
        raise InvalidInput(refused.code, refused.detail, refused.field)
    _forget(held.id, [row.no])
    advance_import(held.id, held.lines_done, Counts(stored.added, stored.changed, stored.unchanged, -1))
    return stored


def lock_file(import_id: int) -> Import:
    """The import, with its source and itself locked; Conflict while it is still being loaded."""
    held = db.session.get_one(Import, import_id)
    lock_source(held.source)
    lock_import(import_id)
    db.session.refresh(held)
    if withdrawn_file(import_id) is not None:
        raise withdrawn()
    if held.finished_at is None:
        raise Conflict("IMPORT_UNFINISHED", "这个文件还没有导完；请原样再送一次，导完后再处理退回的行")
    return held


def _retry_round(
    ctx: Context,
    import_id: int,
    after: int,
    size: int,
    at: datetime,
    actor: str,
    names: NamesHeld,
    round_: _Round,
) -> Rescored:
    held = lock_file(import_id)
    lines = _lines(import_id, after, size)
    if not lines:
        return Rescored()
    checker = checker_of(ctx, held, at)
    outcomes = [checker.check(row_of(ctx.vault, held, line)) for line in lines]
    good = [o for o in outcomes if isinstance(o, Checked)]
    newer = _newer(held, good)
    checked = [c for c in good if c.candidate.record_no not in newer]
    stored = store_rows(ctx, held.source, import_id, checked, at, names)
    refused = [o for o in outcomes if isinstance(o, Refused)] + stored.refused
    refused += [_superseded(c) for c in good if c.candidate.record_no in newer]
    still = {r.no for r in refused}
    _forget(import_id, [c.no for c in checked if c.no not in still])
    _say_why(import_id, refused)
    taken = Counts(stored.added, stored.changed, stored.unchanged, len(still) - len(lines))
    advance_import(import_id, held.lines_done, taken)
    round_.last = lines[-1].line_no
    round_.counts = Counts(stored.added, stored.changed, stored.unchanged, len(still))
    write_audit(
        at,
        actor,
        "retry_quarantined",
        f"import:{import_id}",
        lines=[lines[0].line_no, round_.last],
        taken=len(lines) - len(still),
        left=len(still),
    )
    return stored.rescored


def _newer(held: Import, rows: Sequence[Checked]) -> set[str]:
    """Records among these that have been stated since: what was set aside is not to be put over them."""
    nos = {row.candidate.record_no: row.no for row in rows}
    found = db.session.execute(
        select(RecordRow.record_no, RecordRow.import_id, RecordRow.line_no).where(
            RecordRow.source == held.source, RecordRow.record_no.in_(nos)
        )
    )
    return {
        record_no
        for record_no, import_id, line_no in found
        if import_id is not None and (import_id, line_no or 0) > (held.id, nos[record_no])
    }


def _superseded(row: Checked) -> Refused:
    return Refused(row.no, row.text, row.candidate.record_no, "record_no", NEWER, NEWER_WORDS)


def _lines(import_id: int, after: int, size: int) -> Sequence[QuarantinedLine]:
    query = (
        select(QuarantinedLine)
        .where(QuarantinedLine.import_id == import_id, QuarantinedLine.line_no > after)
        .order_by(QuarantinedLine.line_no)
        .limit(size)
        .with_for_update()
    )
    return db.session.execute(query).scalars().all()


def _forget(import_id: int, line_nos: Sequence[int]) -> None:
    if line_nos:
        db.session.execute(
            delete(QuarantinedLine)
            .where(QuarantinedLine.import_id == import_id, QuarantinedLine.line_no.in_(line_nos))
            .execution_options(synchronize_session=False)
        )


def _say_why(import_id: int, refused: Sequence[Refused]) -> None:
    """The reason of today, where it is another than the one on record."""
    for r in refused:
        db.session.execute(
            update(QuarantinedLine)
            .where(QuarantinedLine.import_id == import_id, QuarantinedLine.line_no == r.no)
            .where(QuarantinedLine.detail != r.detail[:255])
            .values(field=r.field[:32], code=r.code, detail=r.detail[:255])
            .execution_options(synchronize_session=False)
        )


def _sum(one: Counts, other: Counts) -> Counts:
    return Counts(
        one.added + other.added,
        one.changed + other.changed,
        one.unchanged + other.unchanged,
        one.quarantined + other.quarantined,
    )
