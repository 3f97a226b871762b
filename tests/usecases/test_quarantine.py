"""退回行: tried again as it was written, put right by a clerk, or sent back; and never put over what came later."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from sqlalchemy import select

from haihe.domain.errors import InvalidInput, NotFound, OutOfReach
from haihe.storage.audit import AuditEntry
from haihe.storage.db import db, transaction
from haihe.storage.records import Import, QuarantinedLine, RecordRow, Source
from haihe.storage.residents import Resident
from haihe.storage.scores import LedgerEntry
from haihe.usecases import quarantine as deed
from haihe.usecases.context import Context
from haihe.usecases.import_records import ImportReport, import_records
from haihe.usecases.import_reports import report_csv
from haihe.usecases.lineage import trace_record
from haihe.usecases.sources import waiting_lines
from haihe.usecases.staff_login import Role, StaffCaller
from tests.builders import Builders, id_number
from tests.usecases.test_import_records import LI, WANG, csv_of, line

WRONG = WANG[:-1] + ("0" if WANG[-1] != "0" else "1")


def load(ctx: Context, data: bytes, source: str = "TEST") -> ImportReport:
    return import_records(ctx, source, "名单.csv", io.BytesIO(data), ctx.now(), "source:TEST")


def clerk(ctx: Context, *districts: str, name: str = "shu-ju") -> StaffCaller:
    return StaffCaller(name, Role.DATA_CLERK, frozenset(districts), ctx.now() + timedelta(minutes=30))


@pytest.fixture
def wrong_number(ctx: Context, a: Builders) -> int:
    """A file whose second line has a number that cannot be."""
    a.source()
    return load(ctx, csv_of(line("R1", number=LI), line("R2", number=WRONG))).import_id


def records() -> dict[str, tuple[int | None, int | None]]:
    rows = db.session.execute(select(RecordRow)).scalars()
    return {r.record_no: (r.import_id, r.line_no) for r in rows}


def test_whose_line_it_is_stays_covered_and_the_look_is_on_the_record(
    ctx: Context, wrong_number: int
) -> None:
    shown = deed.look_at_line(ctx, clerk(ctx), wrong_number, 3, ctx.now())
    assert (shown.code, shown.field, shown.readable) == ("ID_INVALID", "id_number", True)
    cells = {c.column: (c.value, c.covered) for c in shown.cells}
    assert cells["id_number"] == ("", f"尾号 {WRONG[-4:]}，共 18 位")
    assert cells["name"] == ("", "王**")
    assert cells["indicator"] == ("D01", None)
    assert WRONG not in repr(shown) and "王小河" not in repr(shown)
    traces = select(AuditEntry.subject, AuditEntry.detail).where(AuditEntry.deed == "look_at_quarantined")
    assert db.session.execute(traces).all() == [(f"import:{wrong_number}", {"line": 3})]


def test_a_line_put_right_is_taken_with_its_place_in_the_file(ctx: Context, wrong_number: int) -> None:
    deed.correct_line(
        ctx, clerk(ctx), wrong_number, 3, {"id_number": WANG, "name": ""}, "复函 12 号", ctx.now()
    )
    assert records()["R2"] == (wrong_number, 3)
    held = db.session.get_one(Import, wrong_number)
    assert (held.added, held.quarantined) == (2, 0)
    assert db.session.query(QuarantinedLine).count() == 0
    trace = db.session.execute(
        select(AuditEntry).where(AuditEntry.deed == "correct_quarantined")
    ).scalar_one()
    assert trace.detail["changed"] == ["id_number"] and trace.detail["basis"] == "复函 12 号"
    assert WANG not in str(trace.detail)
    record_id = db.session.execute(select(RecordRow.id).where(RecordRow.record_no == "R2")).scalar_one()
    [version] = trace_record(clerk(ctx), record_id, ctx.now()).versions
    assert (version.line_no, version.corrected_by) == (3, "staff:shu-ju")
    with pytest.raises(NotFound):
        deed.correct_line(ctx, clerk(ctx), wrong_number, 3, {}, "", ctx.now())


@pytest.mark.parametrize(
    ("typed", "basis", "field", "code"),
    [
        ({}, "", "id_number", "ID_INVALID"),
        ({"id_number": WANG}, "", "basis", "BASIS_MISSING"),
        ({"id_number": WANG, "occurred_on": "2099-01-01"}, "复函", "occurred_on", "DATE_IN_FUTURE"),
        ({"id_number": LI, "name": "李别人"}, "复函", "name", "NAME_MISMATCH"),
        ({"id_number": WANG}, f"见 {WANG}", "basis", "NOTE_HAS_IDENTITY"),
    ],
)
def test_what_is_still_wrong_is_told_and_nothing_is_stored(
    ctx: Context, wrong_number: int, typed: dict[str, str], basis: str, field: str, code: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        deed.correct_line(ctx, clerk(ctx), wrong_number, 3, typed, basis, ctx.now())
    assert (caught.value.field, caught.value.code) == (field, code)
    assert set(records()) == {"R1"}
    assert db.session.get_one(Import, wrong_number).quarantined == 1


def test_once_the_reason_is_gone_the_same_file_or_a_button_takes_the_line(ctx: Context, a: Builders) -> None:
    with transaction():
        db.session.add(Source(code="YOUNG", name="团市委", indicators=["D02"]))
    data = csv_of(line("R1"), line("R2", number=LI))
    first = load(ctx, data, "YOUNG")
    assert (first.added, first.quarantined) == (0, 2)
    counts, following = deed.retry_file(ctx, clerk(ctx), first.import_id, 0, ctx.now())
    assert (counts.added, counts.quarantined, following) == (0, 2, None)
    with transaction():
        db.session.get_one(Source, "YOUNG").indicators = ["D01"]
    again = load(ctx, data, "YOUNG")
    assert (again.import_id, again.added, again.quarantined, again.repeated) == (first.import_id, 2, 0, True)
    third = load(ctx, data, "YOUNG")
    assert (third.added, third.unchanged, third.quarantined) == (0, 2, 0)


def test_a_line_set_aside_is_not_put_over_what_came_later(ctx: Context, wrong_number: int) -> None:
    later = load(ctx, csv_of(line("R2", number=WANG, quantity="30"))).import_id
    with pytest.raises(InvalidInput) as caught:
        deed.correct_line(ctx, clerk(ctx), wrong_number, 3, {"id_number": WANG}, "复函", ctx.now())
    assert caught.value.code == "RECORD_NEWER"
    assert records()["R2"][0] == later


def test_many_lines_are_tried_so_many_at_a_time(
    ctx: Context, a: Builders, monkeypatch: pytest.MonkeyPatch
) -> None:
    a.source()
    wrong = [line(f"R{n}", number=WRONG) for n in range(5)]
    held = load(ctx, csv_of(*wrong)).import_id
    monkeypatch.setattr(deed, "RETRIED_AT_ONCE", 2)
    monkeypatch.setattr("haihe.usecases.records_in.retrying.AT_ONCE", 1)
    seen, after = [], 0
    while after is not None:
        counts, after = deed.retry_file(ctx, clerk(ctx), held, after, ctx.now())
        seen.append((counts.quarantined, after))
    assert seen == [(2, 3), (2, 5), (1, None)]


def test_a_line_of_json_and_one_with_line_breaks_are_read_again(ctx: Context, a: Builders) -> None:
    with transaction():
        db.session.add(Source(code="YOUNG", name="团市委", indicators=["D02"]))
    json_line = (
        f'{{"record_no":"J1","indicator":"D01","id_type":"RESIDENT","id_number":"{WANG}","name":"王小河",'
        '"occurred_on":"2026-10-01","quantity":2}\n'
    )
    held = load(ctx, json_line.encode(), "YOUNG").import_id
    broken = load(ctx, csv_of(line("R9", issuer='"团市委\n办公室"')), "YOUNG").import_id
    with transaction():
        db.session.get_one(Source, "YOUNG").indicators = []
    assert deed.retry_file(ctx, clerk(ctx), held, 0, ctx.now())[0].added == 1
    [shown] = deed.quarantined(broken, 0, 10)
    assert deed.look_at_line(ctx, clerk(ctx), broken, shown.line_no, ctx.now()).readable


def test_a_line_sent_back_waits_for_nobody_and_the_source_reads_why(ctx: Context, wrong_number: int) -> None:
    deed.send_back(clerk(ctx), wrong_number, 3, "请核对证件号码后重报", ctx.now())
    assert db.session.get_one(QuarantinedLine, (wrong_number, 3)).sent_back_by == "staff:shu-ju"
    assert "请核对证件号码后重报" in "".join(report_csv(wrong_number))
    assert waiting_lines(clerk(ctx)) == 0
    with pytest.raises(InvalidInput):
        deed.send_back(clerk(ctx), wrong_number, 3, " ", ctx.now())


def test_a_clerk_of_a_district_reaches_only_its_sources(ctx: Context, wrong_number: int) -> None:
    hexi = clerk(ctx, "120103")
    deeds = [
        lambda: deed.look_at_line(ctx, hexi, wrong_number, 3, ctx.now()),
        lambda: deed.retry_file(ctx, hexi, wrong_number, 0, ctx.now()),
        lambda: deed.correct_line(ctx, hexi, wrong_number, 3, {}, "", ctx.now()),
        lambda: deed.send_back(hexi, wrong_number, 3, "x", ctx.now()),
    ]
    for one in deeds:
        with pytest.raises(OutOfReach):
            one()
    with transaction():
        db.session.get_one(Source, "TEST").district = "120103"
    assert deed.look_at_line(ctx, hexi, wrong_number, 3, ctx.now()).line_no == 3


def test_points_follow_a_line_that_was_put_right(ctx: Context, a: Builders) -> None:
    a.source()
    resident = a.resident()
    number = id_number(1)
    with transaction():
        held = db.session.get_one(Resident, resident)
        held.id_number_index = ctx.vault.index(f"RESIDENT:{number}", "id_number")
        name = ctx.vault.open(held.key_id, held.name_sealed, "name")
    held_file = load(ctx, csv_of(line("R1", number=number, name="别的名字"))).import_id
    deed.correct_line(ctx, clerk(ctx), held_file, 2, {"name": name}, "复函", ctx.now())
    entries = db.session.execute(select(LedgerEntry.cause, LedgerEntry.part).where(LedgerEntry.part == "D01"))
    assert entries.all() == [("NEW", "D01")]
