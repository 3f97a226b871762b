"""整份撤回: everything that a file changed is as if it had never come, whatever happens on the way."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from haihe.domain.errors import Conflict, Forbidden, InvalidInput, OutOfReach
from haihe.domain.objections import ObjectionState
from haihe.storage.audit import AuditEntry
from haihe.storage.db import db, transaction
from haihe.storage.objections import Objection
from haihe.storage.records import RecordRow, Source
from haihe.storage.residents import Resident
from haihe.storage.scores import LedgerEntry, ScoreRow
from haihe.storage.withdrawals import FileWithdrawal
from haihe.usecases import withdraw_file as deed
from haihe.usecases.answer_objection import Answer, answer_objection
from haihe.usecases.context import Context
from haihe.usecases.inbox import list_messages
from haihe.usecases.lineage import trace_record
from haihe.usecases.objections import file_objection
from haihe.usecases.quarantine import retry_file
from haihe.usecases.staff_login import Role, StaffCaller
from tests.builders import Builders, id_number
from tests.conftest import Clock
from tests.usecases.test_import_records import csv_of, line
from tests.usecases.test_quarantine import clerk, load

MANY = 5


def approver(ctx: Context) -> StaffCaller:
    return StaffCaller("shen-pi", Role.APPROVER, frozenset(), ctx.now() + timedelta(minutes=30))


@pytest.fixture
def people(ctx: Context, a: Builders) -> dict[int, tuple[str, str]]:
    """Residents who have joined, with their numbers and names, and a source."""
    a.source()
    found = {}
    for n in range(1, MANY + 1):
        resident_id, number = a.resident(), id_number(n)
        with transaction():
            held = db.session.get_one(Resident, resident_id)
            held.id_number_index = ctx.vault.index(f"RESIDENT:{number}", "id_number")
            found[resident_id] = (number, ctx.vault.open(held.key_id, held.name_sealed, "name"))
    return found


def rows(people: dict[int, tuple[str, str]], prefix: str = "R", **cells: str) -> list[str]:
    return [line(f"{prefix}{i}", number=number, name=name, **cells) for i, (number, name) in people.items()]


def totals() -> dict[int, int]:
    return {r.resident_id: r.total for r in db.session.execute(select(ScoreRow)).scalars()}


def withdraw(ctx: Context, import_id: int) -> int:
    number = deed.begin_withdrawal(clerk(ctx), import_id, "整列错位", ctx.now())
    deed.approve_withdrawal(approver(ctx), number, ctx.now())
    deed.carry_out_withdrawals(ctx, ctx.now)
    return number


def states() -> dict[str, str]:
    found = db.session.execute(select(RecordRow.record_no, RecordRow.state))
    return dict(found.all())


def test_points_are_undone_recorded_and_told(
    ctx: Context, people: dict[int, tuple[str, str]], clock: Clock
) -> None:
    before = totals()
    clock.forward(minutes=1)
    held = load(ctx, csv_of(*rows(people))).import_id
    assert totals() != before
    clock.forward(minutes=1)
    number = withdraw(ctx, held)
    assert totals() == before
    assert set(states().values()) == {"WITHDRAWN"}
    done = db.session.get_one(FileWithdrawal, number)
    assert (done.state, done.withdrawn, done.restored, done.moved) == ("DONE", MANY, 0, MANY)
    resident = next(iter(people))
    entries = db.session.execute(
        select(LedgerEntry.cause, LedgerEntry.delta)
        .where(LedgerEntry.resident_id == resident, LedgerEntry.part == "D01")
        .order_by(LedgerEntry.id)
    ).all()
    assert [cause for cause, _delta in entries] == ["NEW", "CORRECTED"]
    assert sum(delta for _cause, delta in entries) == 0
    messages, _next = list_messages(ctx, resident, None, 20)
    [told] = [m.told for m in messages if m.told.kind == "FILE_WITHDRAWN"]
    assert (told.title, told.path) == ("一份报送有误，已撤回", "/m/ledger")
    assert "11 月 20 日报送的一份文件有误" in told.text
    deeds = select(AuditEntry.deed).where(AuditEntry.subject == f"import:{held}").order_by(AuditEntry.id)
    assert db.session.execute(deeds).scalars().all()[-4:] == [
        "begin_withdrawal",
        "approve_withdrawal",
        "undo_records",
        "finish_withdrawal",
    ]


def test_what_the_file_changed_is_again_what_it_was(ctx: Context, people: dict[int, tuple[str, str]]) -> None:
    first = load(ctx, csv_of(*rows(people, quantity="10"))).import_id
    good = totals()
    bad = load(ctx, csv_of(*rows(people, quantity="300"), *rows(people, "X"))).import_id
    assert totals() != good
    withdraw(ctx, bad)
    assert totals() == good
    found = db.session.execute(select(RecordRow).where(RecordRow.record_no.like("R%"))).scalars().all()
    assert {(r.import_id, r.state, float(r.quantity), r.version) for r in found} == {
        (first, "EFFECTIVE", 10.0, 3)
    }
    traced = trace_record(clerk(ctx), found[0].id, ctx.now())
    assert [v.file.id if v.file else None for v in traced.versions] == [first, bad, first]


def test_a_file_stated_later_stands_and_two_bad_files_leave_nothing(
    ctx: Context, people: dict[int, tuple[str, str]]
) -> None:
    before = totals()
    one = load(ctx, csv_of(*rows(people, quantity="10"))).import_id
    two = load(ctx, csv_of(*rows(people, quantity="20"))).import_id
    after_two = totals()
    withdraw(ctx, one)
    assert totals() == after_two
    withdraw(ctx, two)
    assert totals() == before
    assert set(states().values()) == {"WITHDRAWN"}


def test_the_same_records_stated_anew_count_again(ctx: Context, people: dict[int, tuple[str, str]]) -> None:
    held = load(ctx, csv_of(*rows(people, quantity="20"))).import_id
    right = totals()
    withdraw(ctx, held)
    report = load(ctx, csv_of(*rows(people, quantity="20"), ""))
    assert (report.changed, report.quarantined) == (MANY, 0)
    assert totals() == right
    assert set(states().values()) == {"EFFECTIVE"}


def test_a_withdrawal_that_is_cut_off_goes_on_where_it_was(
    ctx: Context, people: dict[int, tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = totals()
    held = load(ctx, csv_of(*rows(people))).import_id
    number = deed.begin_withdrawal(clerk(ctx), held, "整列错位", ctx.now())
    deed.approve_withdrawal(approver(ctx), number, ctx.now())
    monkeypatch.setattr(deed, "AT_ONCE", 2)
    left = iter([False, False, True])
    assert deed.carry_out_withdrawals(ctx, ctx.now, lambda: next(left)) == 2
    assert db.session.get_one(FileWithdrawal, number).withdrawn == 4

    def die(*_args: object) -> None:
        raise RuntimeError("the machine stops")

    with monkeypatch.context() as broken, pytest.raises(RuntimeError):
        broken.setattr(deed, "notify_all", die)
        deed.carry_out_withdrawals(ctx, ctx.now)
    assert db.session.get_one(FileWithdrawal, number).withdrawn == 4
    deed.carry_out_withdrawals(ctx, ctx.now)
    assert deed.carry_out_withdrawals(ctx, ctx.now) == 0
    assert totals() == before
    assert db.session.get_one(FileWithdrawal, number).withdrawn == MANY


def test_nobody_approves_what_they_began_and_nothing_is_decided_twice(
    ctx: Context, people: dict[int, tuple[str, str]]
) -> None:
    held = load(ctx, csv_of(*rows(people))).import_id
    with pytest.raises(InvalidInput):
        deed.begin_withdrawal(clerk(ctx), held, "  ", ctx.now())
    number = deed.begin_withdrawal(clerk(ctx), held, "整列错位", ctx.now())
    with pytest.raises(Conflict):
        deed.begin_withdrawal(clerk(ctx, name="other"), held, "再来", ctx.now())
    with pytest.raises(Forbidden) as caught:
        deed.approve_withdrawal(clerk(ctx), number, ctx.now())
    assert caught.value.code == "OWN_WITHDRAWAL"
    with pytest.raises(OutOfReach):
        deed.approve_withdrawal(clerk(ctx, "120103", name="hexi"), number, ctx.now())
    assert [w.id for w in deed.withdrawals_waiting(approver(ctx))] == [number]
    assert deed.withdrawals_waiting(clerk(ctx)) == []
    deed.refuse_withdrawal(approver(ctx), number, "文件没有错", ctx.now())
    with pytest.raises(Conflict):
        deed.approve_withdrawal(approver(ctx), number, ctx.now())
    assert deed.carry_out_withdrawals(ctx, ctx.now) == 0
    assert set(states().values()) == {"EFFECTIVE"}
    withdraw(ctx, held)
    assert set(states().values()) == {"WITHDRAWN"}


def test_a_withdrawn_file_is_loaded_and_retried_no_more(
    ctx: Context, people: dict[int, tuple[str, str]]
) -> None:
    data = csv_of(*rows(people), line("BAD", "没有"))
    held = load(ctx, data).import_id
    withdraw(ctx, held)
    with pytest.raises(Conflict) as caught:
        load(ctx, data)
    assert caught.value.code == "FILE_WITHDRAWN"
    with pytest.raises(Conflict):
        retry_file(ctx, clerk(ctx), held, 0, ctx.now())
    assert db.session.get_one(Source, "TEST").last_import_at is None


def test_an_open_objection_to_what_is_withdrawn_is_answered_with_it(
    ctx: Context, people: dict[int, tuple[str, str]]
) -> None:
    held = load(ctx, csv_of(*rows(people))).import_id
    resident = next(iter(people))
    record = db.session.execute(select(RecordRow.id).where(RecordRow.resident_id == resident)).scalar_one()
    objection = file_objection(ctx, resident, record, "不是我", ctx.now())
    withdraw(ctx, held)
    answered = db.session.get_one(Objection, objection.id, populate_existing=True)
    assert (answered.state, answered.answered_by) == ("REMOVED", "shen-pi")
    assert set(states().values()) == {"WITHDRAWN"}


def answered(ctx: Context, resident: int, outcome: ObjectionState, **corrected: object) -> None:
    query = select(RecordRow.id).where(RecordRow.resident_id == resident)
    record = db.session.execute(query).scalar_one()
    objection = file_objection(ctx, resident, record, "不是这样", ctx.now())
    officer = StaffCaller("yi-yi", Role.OBJECTION_OFFICER, frozenset(), ctx.now() + timedelta(minutes=30))
    answer_objection(ctx, officer, objection.id, Answer(outcome, "已核实", corrected), ctx.now())


def test_what_an_officer_removed_does_not_come_back_with_the_next_file(
    ctx: Context, people: dict[int, tuple[str, str]]
) -> None:
    held = load(ctx, csv_of(*rows(people, quantity="20"))).import_id
    answered(ctx, next(iter(people)), ObjectionState.REMOVED)
    withdraw(ctx, held)
    load(ctx, csv_of(*rows(people, quantity="20"), ""))
    assert sorted(states().values()) == ["EFFECTIVE"] * (MANY - 1) + ["WITHDRAWN"]


def test_what_an_officer_answered_stays_as_it_was_answered(
    ctx: Context, people: dict[int, tuple[str, str]]
) -> None:
    load(ctx, csv_of(*rows(people, quantity="10")))
    bad = load(ctx, csv_of(*rows(people, quantity="30"))).import_id
    first, second, *_rest = people
    answered(ctx, first, ObjectionState.REMOVED)
    answered(ctx, second, ObjectionState.CORRECTED, quantity=Decimal(12))
    withdraw(ctx, bad)
    found = {r.resident_id: r for r in db.session.execute(select(RecordRow)).scalars()}
    assert (found[first].state, found[second].quantity) == ("WITHDRAWN", Decimal(12))
    assert [found[r].quantity for r in _rest] == [Decimal(10)] * (MANY - 2)
