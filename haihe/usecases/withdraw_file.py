"""整份撤回: one clerk begins it with a reason, another person approves, and the worker undoes the file little by little.

Every round is one transaction with its records, points, ledger, messages and the mark of how far it has come; one that is cut
off is gone on with from that mark.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import select

from haihe.domain.errors import Conflict, Forbidden, InvalidInput, NotFound
from haihe.storage.audit import write_audit
from haihe.storage.copies import lock_residents
from haihe.storage.db import db, transaction
from haihe.storage.imports import lock_import
from haihe.storage.incoming import joined_among, lock_source
from haihe.storage.notifications import notify_all
from haihe.storage.records import Import, Source
from haihe.storage.withdrawals import (
    FileWithdrawal,
    Undone,
    count_of_file,
    forget_as_latest,
    lock_withdrawal,
    next_of_file,
    undo_records,
)
from haihe.usecases.context import Context, day_of
from haihe.usecases.records_in.storing import insist, rescore_touched
from haihe.usecases.rescore import CORRECTED, Rescored, Touched
from haihe.usecases.sources import reachable_import, sources_of
from haihe.usecases.staff_login import StaffCaller

AT_ONCE = 1_000
LONGEST_REASON = 400
WORKER = "worker:files"
TOLD = "FILE_WITHDRAWN"


def begin_withdrawal(clerk: StaffCaller, import_id: int, reason: str, at: datetime) -> int:
    """Ask for a file to be undone; nothing changes before another person approves."""
    held = reachable_import(clerk, import_id)
    reason = _reason(reason)
    with transaction():
        lock_import(import_id)
        if withdrawal_of(import_id) is not None:
            raise Conflict("WITHDRAWAL_BEGUN", "这份文件已有人提出撤回，请到该撤回单查看")
        withdrawal = FileWithdrawal(
            import_id=import_id,
            reason=reason,
            begun_by=clerk.actor,
            begun_at=at,
            records=count_of_file(import_id),
        )
        db.session.add(withdrawal)
        db.session.flush()
        write_audit(
            at, clerk.actor, "begin_withdrawal", f"import:{held.id}", reason=reason, withdrawal=withdrawal.id
        )
        return withdrawal.id


def approve_withdrawal(caller: StaffCaller, withdrawal_id: int, at: datetime) -> None:
    """Let it be done. Forbidden OWN_WITHDRAWAL for whoever began it."""
    with transaction():
        withdrawal, held = _waiting(caller, withdrawal_id)
        if withdrawal.begun_by == caller.actor:
            raise Forbidden("OWN_WITHDRAWAL", "不能批准自己提出的撤回，请由另一位同事办理")
        lock_source(held.source)
        lock_import(held.id)
        withdrawal.state, withdrawal.decided_by, withdrawal.decided_at = "APPROVED", caller.actor, at
        withdrawal.records = count_of_file(held.id)
        db.session.flush()
        forget_as_latest(held.id, held.source)
        write_audit(
            at,
            caller.actor,
            "approve_withdrawal",
            f"import:{held.id}",
            withdrawal=withdrawal.id,
            records=withdrawal.records,
        )


def refuse_withdrawal(caller: StaffCaller, withdrawal_id: int, reason: str, at: datetime) -> None:
    """Leave the file as it is, and say why. Whoever began it may take it back so."""
    reason = _reason(reason)
    with transaction():
        withdrawal, held = _waiting(caller, withdrawal_id)
        withdrawal.state, withdrawal.decision = "REFUSED", reason
        withdrawal.decided_by, withdrawal.decided_at = caller.actor, at
        write_audit(
            at,
            caller.actor,
            "refuse_withdrawal",
            f"import:{held.id}",
            withdrawal=withdrawal.id,
            reason=reason,
        )


def carry_out_withdrawals(
    ctx: Context, now: Callable[[], datetime], stop: Callable[[], bool] = lambda: False
) -> int:
    """Go on with every withdrawal that has been approved; returns how many rounds were done."""
    approved = select(FileWithdrawal.id).where(FileWithdrawal.state == "APPROVED").order_by(FileWithdrawal.id)
    ids = list(db.session.execute(approved).scalars())
    db.session.rollback()
    rounds = 0
    for withdrawal_id in ids:
        while not stop() and _round(ctx, withdrawal_id, now()):
            rounds += 1
    return rounds


def find_withdrawal(caller: StaffCaller, withdrawal_id: int) -> tuple[FileWithdrawal, Import]:
    """A withdrawal with its file, where that is somebody's to see."""
    withdrawal = db.session.get(FileWithdrawal, withdrawal_id, populate_existing=True)
    if withdrawal is None:
        raise NotFound("WITHDRAWAL_NOT_FOUND", "没有这张撤回单")
    return withdrawal, reachable_import(caller, withdrawal.import_id)


def withdrawal_of(import_id: int) -> FileWithdrawal | None:
    """The withdrawal of a file that waits, goes on or is done."""
    query = select(FileWithdrawal).where(
        FileWithdrawal.import_id == import_id, FileWithdrawal.state != "REFUSED"
    )
    return db.session.execute(query).scalar_one_or_none()


def withdrawals_waiting(caller: StaffCaller) -> list[FileWithdrawal]:
    """Those that wait for this person's approval: of their sources, and not their own."""
    query = (
        select(FileWithdrawal)
        .join(Import, Import.id == FileWithdrawal.import_id)
        .where(FileWithdrawal.state == "WAITING", FileWithdrawal.begun_by != caller.actor)
        .order_by(FileWithdrawal.id)
    )
    if caller.districts:
        query = query.where(Import.source.in_([s.code for s in sources_of(caller)]))
    return list(db.session.execute(query).scalars())


def _round(ctx: Context, withdrawal_id: int, at: datetime) -> bool:
    """Undo the next records; False once there is nothing more to do."""
    more = [False]

    def deed() -> Rescored:
        held = db.session.get_one(Import, db.session.get_one(FileWithdrawal, withdrawal_id).import_id)
        lock_source(held.source)
        withdrawal = lock_withdrawal(withdrawal_id)
        assert withdrawal is not None
        more[0] = withdrawal.state == "APPROVED"
        if not more[0]:
            return Rescored()
        coming = next_of_file(held.id, withdrawal.last_record_id, AT_ONCE)
        if not coming:
            _finish(withdrawal, at)
            more[0] = False
            return Rescored()
        lock_residents({resident_id for _id, resident_id in coming})
        undone = undo_records(withdrawal, [i for i, _resident in coming], at)
        rescored = _follow(ctx, withdrawal, held, undone, at)
        withdrawal.last_record_id = coming[-1][0]
        withdrawal.restored += (restored := sum(u.restored for u in undone))
        withdrawal.withdrawn += len(undone) - restored
        withdrawal.moved += rescored.moved
        write_audit(
            at,
            WORKER,
            "undo_records",
            f"import:{held.id}",
            withdrawal=withdrawal.id,
            records=[coming[0][0], coming[-1][0]],
            restored=restored,
            moved=rescored.moved,
        )
        return rescored

    insist(ctx, deed)
    return more[0]


def _follow(
    ctx: Context, withdrawal: FileWithdrawal, held: Import, undone: list[Undone], at: datetime
) -> Rescored:
    """Points of those concerned, and a word to everybody who has joined."""
    touched: dict[int, Touched] = {}
    for u in undone:
        for indicator in {u.before, u.after}:
            touched.setdefault(u.resident_id, Touched()).add(indicator, CORRECTED, u.record_id)
    rescored = rescore_touched(ctx, touched, set(), at)
    source = db.session.get_one(Source, held.source).name
    parts = {"source": source, "sent_on": day_of(held.started_at).isoformat()}
    joined = joined_among(list(touched))
    notify_all(
        [(resident_id, f"file_withdrawn:{withdrawal.id}:{resident_id}") for resident_id in sorted(joined)],
        TOLD,
        parts,
        at,
    )
    return rescored


def _finish(withdrawal: FileWithdrawal, at: datetime) -> None:
    withdrawal.state, withdrawal.done_at = "DONE", at
    write_audit(
        at,
        WORKER,
        "finish_withdrawal",
        f"import:{withdrawal.import_id}",
        withdrawal=withdrawal.id,
        withdrawn=withdrawal.withdrawn,
        restored=withdrawal.restored,
        moved=withdrawal.moved,
    )


def _waiting(caller: StaffCaller, withdrawal_id: int) -> tuple[FileWithdrawal, Import]:
    _withdrawal, held = find_withdrawal(caller, withdrawal_id)
    withdrawal = lock_withdrawal(withdrawal_id)
    if withdrawal is None or withdrawal.state != "WAITING":
        raise Conflict("WITHDRAWAL_DECIDED", "这张撤回单已有结论，请刷新后查看")
    return withdrawal, held


def _reason(reason: str) -> str:
    said = reason.strip()
    if not 0 < len(said) <= LONGEST_REASON or "\0" in said:
        raise InvalidInput("REASON_MISSING", f"请写明理由，最多 {LONGEST_REASON} 字", "reason")
    return said
