"""信用记录报送: what becomes of a department's file, and what is left of one that is broken."""

from __future__ import annotations

import gzip
import io
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import orjson
import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text

from haihe.domain.errors import HaiheError, InvalidInput, NotFound
from haihe.storage.audit import AuditEntry
from haihe.storage.db import db, transaction
from haihe.storage.office import StaleCopy
from haihe.storage.records import Import, QuarantinedLine, RecordHistory, RecordRow, Source
from haihe.storage.residents import Consent, Resident
from haihe.storage.scores import LedgerEntry, ScoreRow
from haihe.usecases import import_records as deed
from haihe.usecases.context import Context
from haihe.usecases.import_records import ImportReport, import_records
from haihe.usecases.records_in import storing
from haihe.usecases.rescore import Touched, rescore
from tests.builders import Builders, id_number

HEADER = (
    "record_no,indicator,id_type,id_number,name,occurred_on,document_no,issuer,quantity,level,severity,"
    "valid_from,valid_to,state"
)
WANG = id_number(1, date(1980, 1, 1))
LI = id_number(2, date(1985, 5, 5))
PENALTY_HEADER = (
    "CF_XDR_MC,CF_XDR_LB,CF_XDR_ZJLX,CF_XDR_ZJHM,CF_WSH,CF_CFLB,CF_NR,CF_NR_FK,CF_JDRQ,CF_GSJZQ,CF_CFJG,BZ"
)


def line(record_no: str = "R1", indicator: str = "D01", number: str = WANG, **cells: str) -> str:
    row = {
        "record_no": record_no,
        "indicator": indicator,
        "id_type": "RESIDENT",
        "id_number": number,
        "name": "王小河",
        "occurred_on": "2026-10-01",
        "issuer": "团市委",
        "quantity": "20",
    } | cells
    return ",".join(row.get(column, "") for column in HEADER.split(","))


def csv_of(*lines: str) -> bytes:
    return "\n".join((HEADER, *lines, "")).encode()


@pytest.fixture
def send(ctx: Context, a: Builders):
    """Send a file as the source TEST does."""
    a.source()

    def sent(data: bytes, source: str = "TEST") -> ImportReport:
        return import_records(ctx, source, "records.csv", io.BytesIO(data), ctx.now(), f"source:{source}")

    return sent


def join(ctx: Context, number: str = WANG) -> int:
    """Let the person behind a number join, as they would in the mini-program."""
    at = ctx.now()
    with transaction():
        resident_id = resident_of(ctx, number)
        db.session.add(
            Consent(
                resident_id=resident_id,
                purpose="JOIN",
                text_version="t",
                text_sha256=b"t",
                channel="t",
                given_at=at,
            )
        )
        rescore(ctx, {resident_id: Touched()}, at)
    return resident_id


def resident_of(ctx: Context, number: str) -> int:
    index = ctx.vault.index(f"RESIDENT:{number}", "id_number")
    return db.session.execute(select(Resident.id).where(Resident.id_number_index == index)).scalar_one()


def count(model: type) -> int:
    return db.session.execute(select(func.count()).select_from(model)).scalar_one()


def total(resident_id: int) -> int:
    db.session.expire_all()
    return db.session.get_one(ScoreRow, resident_id).total


def test_a_good_line_becomes_a_record_of_a_sealed_person(send, ctx: Context) -> None:
    report = send(csv_of(line(document_no="志愿〔2026〕1号")))
    assert (report.added, report.changed, report.unchanged, report.quarantined, report.lines) == (
        1,
        0,
        0,
        0,
        1,
    )
    row = db.session.execute(select(RecordRow)).scalar_one()
    assert (row.source, row.record_no, row.indicator, row.quantity, row.state) == (
        "TEST",
        "R1",
        "D01",
        20,
        "EFFECTIVE",
    )
    assert (row.document_no, row.issuer, row.line_no, row.import_id) == (
        "志愿〔2026〕1号",
        "团市委",
        2,
        report.import_id,
    )
    person = db.session.get_one(Resident, row.resident_id)
    assert person.birth_date == date(1980, 1, 1)
    assert ctx.vault.open(person.key_id, person.id_number_sealed, "id_number") == WANG
    assert ctx.vault.open(person.key_id, person.name_sealed, "name") == "王小河"
    assert WANG.encode() not in person.id_number_sealed


def test_a_line_about_somebody_who_has_joined_changes_the_points_and_says_why(send, ctx: Context) -> None:
    send(csv_of(line(quantity="5")))
    resident_id = join(ctx)
    before = total(resident_id)
    send(csv_of(line("R2", "C04", quantity="1")))
    assert total(resident_id) == before + 5
    entry = db.session.execute(select(LedgerEntry).order_by(LedgerEntry.id.desc())).scalars().first()
    record = db.session.execute(select(RecordRow).where(RecordRow.record_no == "R2")).scalar_one()
    assert (entry.part, entry.delta, entry.cause, entry.record_ids) == ("C04", 5, "NEW", [record.id])


def test_the_copy_of_somebody_who_has_not_joined_is_put_out_of_use(send, ctx: Context, a: Builders) -> None:
    send(csv_of(line()))
    assert count(StaleCopy) == 0
    send(csv_of(line("R2")))
    assert db.session.execute(select(StaleCopy.resident_id)).scalars().all() == [resident_of(ctx, WANG)]
    assert db.session.get_one(Resident, resident_of(ctx, WANG)).version == 1


def test_loading_the_same_file_twice_changes_nothing(send, ctx: Context) -> None:
    data = csv_of(line(), line("R2", number=LI), line("R3", "没有"))
    first = send(data)
    again = send(data)
    assert (first.added, first.quarantined, first.repeated) == (2, 1, False)
    assert (again.added, again.changed, again.unchanged, again.quarantined, again.repeated) == (
        0,
        0,
        2,
        1,
        True,
    )
    assert again.import_id == first.import_id
    assert again.errors == first.errors
    assert (count(RecordRow), count(RecordHistory), count(Resident), count(Import)) == (2, 0, 2, 1)


def test_the_same_rows_in_another_file_are_unchanged(send) -> None:
    send(csv_of(line()))
    report = send(csv_of(line(), ""))
    assert (report.added, report.changed, report.unchanged) == (0, 0, 1)
    assert count(RecordHistory) == 0


def test_a_known_record_no_with_other_words_is_its_next_version(send, ctx: Context) -> None:
    send(csv_of(line(quantity="20")))
    resident_id = join(ctx)
    report = send(csv_of(line(quantity="10", indicator="D05")))
    assert report.changed == 1
    row = db.session.execute(select(RecordRow)).scalar_one()
    held = db.session.execute(select(RecordHistory)).scalar_one()
    assert (row.version, row.indicator, row.quantity) == (2, "D05", 10)
    assert (held.version, held.fields["indicator"], held.fields["quantity"]) == (1, "D01", 20)
    causes = db.session.execute(
        select(LedgerEntry.part, LedgerEntry.cause).where(
            LedgerEntry.resident_id == resident_id, LedgerEntry.record_ids != text("'[]'::jsonb")
        )
    ).all()
    assert set(causes) == {("D01", "CORRECTED"), ("D05", "CORRECTED")}


@pytest.mark.parametrize(
    ("state", "stored", "cause"),
    [
        ("WITHDRAWN", "WITHDRAWN", "CORRECTED"),
        ("撤回", "WITHDRAWN", "CORRECTED"),
        ("修复", "REPAIRED", "REPAIRED"),
    ],
)
def test_withdrawal_and_repair_arrive_as_the_next_version(
    send, ctx: Context, state: str, stored: str, cause: str
) -> None:
    penalty = {"indicator": "B14", "document_no": "津罚〔2026〕9号", "quantity": "1"}
    send(csv_of(line(**penalty)))
    resident_id = join(ctx)
    before = total(resident_id)
    send(csv_of(line(**penalty, state=state)))
    assert total(resident_id) == before + 20
    assert db.session.execute(select(RecordRow.state)).scalar_one() == stored
    last = db.session.execute(select(LedgerEntry.cause).order_by(LedgerEntry.id.desc())).scalars().first()
    assert last == cause


def test_a_routine_list_without_states_never_undoes_a_repair(send) -> None:
    send(csv_of(line()))
    send(csv_of(line(state="REPAIRED")))
    assert send(csv_of(line(), "")).unchanged == 1
    assert db.session.execute(select(RecordRow.state)).scalar_one() == "REPAIRED"
    assert send(csv_of(line(state="EFFECTIVE"))).changed == 1
    assert db.session.execute(select(RecordRow.state)).scalar_one() == "EFFECTIVE"


def test_a_disputed_record_stays_disputed_until_the_objection_is_answered(send) -> None:
    send(csv_of(line()))
    with transaction():
        db.session.execute(text("UPDATE records SET state = 'DISPUTED'"))
    assert send(csv_of(line(state="EFFECTIVE"))).unchanged == 1
    assert send(csv_of(line(state="EFFECTIVE", quantity="3"))).changed == 1
    assert db.session.execute(select(RecordRow.state)).scalar_one() == "DISPUTED"
    assert send(csv_of(line(state="WITHDRAWN"))).changed == 1
    assert db.session.execute(select(RecordRow.state)).scalar_one() == "WITHDRAWN"


def test_of_two_lines_with_one_record_no_the_later_is_the_newer_version(send) -> None:
    report = send(csv_of(line(quantity="1"), line(quantity="2"), line(quantity="2"), line(quantity="3")))
    assert (report.added, report.changed, report.unchanged) == (1, 2, 1)
    row = db.session.execute(select(RecordRow)).scalar_one()
    assert (row.quantity, row.version, row.line_no) == (3, 3, 5)


def test_a_record_no_that_belongs_to_another_person_is_set_aside(send) -> None:
    send(csv_of(line()))
    report = send(csv_of(line(number=LI)))
    assert (report.quarantined, report.errors[0].code, report.errors[0].line) == (1, "IDENTITY_CHANGED", 2)
    assert report.errors[0].record_no == "R1"


@pytest.mark.parametrize("chunk", [1, 2_000])
def test_a_known_number_with_another_name_is_set_aside(send, monkeypatch, chunk: int) -> None:
    monkeypatch.setattr(deed, "CHUNK", chunk)
    send(csv_of(line()))
    lines = (line("R2", name="王大河"), line("R3"), line("R4", number=LI, name="李芳"), line("R5", number=LI))
    report = send(csv_of(*lines))
    assert [(e.line, e.field, e.code) for e in report.errors] == [
        (2, "name", "NAME_MISMATCH"),
        (5, "name", "NAME_MISMATCH"),
    ]
    assert (report.added, count(RecordRow)) == (2, 3)
    assert "王小河" not in report.errors[0].detail


@pytest.mark.parametrize(
    "again",
    ["阿依古丽·买买提", "阿依古丽•买买提", "阿依古丽 ・ 买买提", "阿依古丽买买提", "阿依古丽．买买提"],
)
def test_a_name_is_the_same_however_its_dots_and_blanks_were_typed(send, again: str) -> None:
    send(csv_of(line(name="阿依古丽·买买提"), line("R2", number=LI, name="Li Hua")))
    report = send(csv_of(line("R3", name=again), line("R4", number=LI, name="ＬＩ　ＨＵＡ")))
    assert (report.added, report.quarantined) == (2, 0), report.errors


@pytest.mark.parametrize("record_no", [WANG, f"D01-{WANG}-7", f"20261001{WANG}", WANG.lower()])
def test_a_record_no_that_is_somebodys_number_is_set_aside_unreadable(send, record_no: str) -> None:
    report = send(csv_of(line(record_no), line("120100209913990019"), line("202610010000000123")))
    assert [(e.line, e.field, e.code) for e in report.errors] == [(2, "record_no", "RECORD_NO_IS_IDENTITY")]
    kept = db.session.execute(select(QuarantinedLine)).scalar_one()
    assert WANG not in (kept.record_no or "").upper()
    assert count(RecordRow) == 2


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        (f"王小河{WANG}.csv", f"王小河{'*' * 18}.csv"),
        ("/home/clerk/十月.csv", "十月.csv"),
        ("C:\\文件\\十月.csv", "十月.csv"),
        ("../../etc/passwd", "passwd"),
    ],
)
def test_a_file_is_listed_by_its_own_name_without_anybodys_number(
    ctx: Context, a: Builders, name: str, kept: str
) -> None:
    a.source()
    import_records(ctx, "TEST", name, io.BytesIO(csv_of(line())), ctx.now(), "source:TEST")
    assert db.session.execute(select(Import.file_name)).scalar_one() == kept


@pytest.mark.parametrize(
    ("cells", "field", "code"),
    [
        ({"record_no": ""}, "record_no", "FIELD_MISSING"),
        ({"record_no": "9" * 65}, "record_no", "FIELD_TOO_LONG"),
        ({"indicator": "Z99"}, "indicator", "INDICATOR_UNKNOWN"),
        ({"indicator": "C12"}, "indicator", "CATALOGUE_NOT_LISTED"),
        ({"indicator": "B14"}, "document_no", "DOCUMENT_NO_MISSING"),
        ({"id_type": "护照"}, "id_type", "ID_TYPE_INVALID"),
        ({"id_number": "120100198001010018"}, "id_number", "ID_INVALID"),
        ({"name": " "}, "name", "FIELD_MISSING"),
        ({"name": "名" * 65}, "name", "FIELD_TOO_LONG"),
        ({"occurred_on": ""}, "occurred_on", "FIELD_MISSING"),
        ({"occurred_on": "2026-02-30"}, "occurred_on", "DATE_INVALID"),
        ({"occurred_on": "去年"}, "occurred_on", "DATE_INVALID"),
        ({"occurred_on": "2026-11-21"}, "occurred_on", "DATE_IN_FUTURE"),
        ({"occurred_on": "1979-12-31"}, "occurred_on", "DATE_BEFORE_BIRTH"),
        ({"valid_from": "2026-10-02", "valid_to": "2026-10-01"}, "valid_to", "VALIDITY_REVERSED"),
        ({"valid_to": "2026-09-30"}, "valid_to", "VALIDITY_REVERSED"),
        ({"valid_to": "2500-01-01"}, "valid_to", "DATE_INVALID"),
        ({"quantity": "0"}, "quantity", "QUANTITY_INVALID"),
        ({"quantity": "-1"}, "quantity", "QUANTITY_INVALID"),
        ({"quantity": "1.234"}, "quantity", "QUANTITY_INVALID"),
        ({"quantity": "1e3"}, "quantity", "QUANTITY_INVALID"),
        ({"quantity": "NaN"}, "quantity", "QUANTITY_INVALID"),
        ({"quantity": "10000.01"}, "quantity", "QUANTITY_INVALID"),
        ({"indicator": "D03"}, "level", "LEVEL_INVALID"),
        ({"indicator": "D03", "level": "宇宙级"}, "level", "LEVEL_INVALID"),
        ({"indicator": "F01", "level": "也许"}, "level", "LEVEL_INVALID"),
        ({"severity": "很坏"}, "severity", "SEVERITY_INVALID"),
        ({"severity": "严重"}, "severity", "SEVERITY_INVALID"),
        ({"state": "DISPUTED"}, "state", "STATE_INVALID"),
        ({"name": "王\u0007"}, "name", "CHARACTER_INVALID"),
        ({"issuer": "局" * 129}, "issuer", "FIELD_TOO_LONG"),
        ({"issuer": "团,市委"}, "line", "COLUMN_COUNT"),
        ({"issuer": '"团市委'}, "line", "QUOTES_BROKEN"),
    ],
)
def test_a_line_that_cannot_be_taken_goes_back_with_its_reason_and_the_rest_is_loaded(
    send, cells: dict[str, str], field: str, code: str
) -> None:
    report = send(csv_of(line("GOOD"), line(**cells), line("ALSO-GOOD")))
    assert (report.added, report.quarantined) == (2, 1)
    error = report.errors[0]
    assert (error.line, error.field, error.code) == (3, field, code)
    assert error.detail


def test_a_line_set_aside_is_sealed(send, ctx: Context) -> None:
    send(csv_of(line(occurred_on="昨天")))
    held = db.session.execute(select(QuarantinedLine)).scalar_one()
    assert WANG not in held.detail
    assert WANG in ctx.vault.open(held.key_id, held.line_sealed, "quarantine")


def test_a_source_may_only_supply_its_own_indicators(send) -> None:
    with transaction():
        db.session.add(Source(code="BLOOD", name="卫健委", indicators=["D06"]))
    report = send(csv_of(line(), line("R2", "D06", quantity="1")), "BLOOD")
    assert (report.added, report.errors[0].code) == (1, "INDICATOR_NOT_YOURS")


def test_two_sources_may_use_the_same_record_no(send, a: Builders) -> None:
    a.source("OTHER")
    assert send(csv_of(line())).added == 1
    assert send(csv_of(line()), "OTHER").added == 1


def test_a_stated_fact_is_yes_or_no(send) -> None:
    assert send(csv_of(line(indicator="F01", level="是", quantity=""))).added == 1
    assert db.session.execute(select(RecordRow.level)).scalar_one() == "YES"


def test_dates_may_be_written_in_three_ways_and_forever_is_no_end(send) -> None:
    report = send(
        csv_of(
            line("R1", occurred_on="2026/9/1"),
            line("R2", occurred_on="20260901"),
            line("R3", occurred_on="2026-09-01", valid_to="9999-12-31"),
        )
    )
    assert report.added == 3
    days = db.session.execute(select(RecordRow.occurred_on, RecordRow.valid_to).distinct()).all()
    assert days == [(date(2026, 9, 1), None)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_encodings_and_gzip_are_found_by_looking(
    send, ctx: Context, encoding: str, packed: bool, end: str
) -> None:
    data = end.join((HEADER, line(name="王龘"), "")).encode(encoding)
    report = send(gzip.compress(data) if packed else data)
    assert report.errors == []
    person = db.session.get_one(Resident, resident_of(ctx, WANG))
    assert ctx.vault.open(person.key_id, person.name_sealed, "name") == "王龘"


def test_one_broken_line_in_a_utf8_file_does_not_spoil_the_others(send) -> None:
    data = csv_of(line("R1"), line("R2"), line("R3")).replace("王小河".encode(), b"\xff\xfe", 1)
    report = send(data)
    assert (report.added, report.quarantined, report.errors[0].code) == (2, 1, "ENCODING_BROKEN")


def test_json_lines_say_the_same_as_csv(send) -> None:
    cells = dict(zip(HEADER.split(","), line().split(","), strict=True))
    good = cells | {"quantity": 2.5, "state": None}
    lines = [
        orjson.dumps(good),
        b"{broken",
        b"[1]",
        orjson.dumps(cells | {"record_no": "R2", "valid_ot": "2026-01-01"}),
        orjson.dumps(cells | {"record_no": "R3", "name": ["a"]}),
        orjson.dumps(cells | {"record_no": "R4", "name": "a\u0000"}),
    ]
    report = send(b"\n".join(lines))
    assert report.added == 1
    assert [(e.line, e.code) for e in report.errors] == [
        (2, "JSON_INVALID"),
        (3, "JSON_INVALID"),
        (4, "FIELD_UNKNOWN"),
        (5, "FIELD_TYPE"),
        (6, "CHARACTER_INVALID"),
    ]


def test_a_cell_may_hold_commas_quotes_and_line_breaks(send) -> None:
    report = send(csv_of(line(issuer='"团""市"",委"'), line("R2", level='"多\n行"'), line("R3")))
    assert (report.added, [(e.line, e.code) for e in report.errors]) == (2, [(3, "CHARACTER_INVALID")])
    issuers = db.session.execute(select(RecordRow.issuer).order_by(RecordRow.line_no)).scalars().all()
    assert issuers == ['团"市",委', "团市委"]
    assert db.session.execute(select(func.max(RecordRow.line_no))).scalar_one() == 5


def penalty(document: str, kinds: str, fine: str = "", **cells: str) -> str:
    row = {
        "CF_XDR_MC": "王小河",
        "CF_XDR_LB": "自然人",
        "CF_XDR_ZJLX": "身份证",
        "CF_XDR_ZJHM": WANG,
        "CF_WSH": document,
        "CF_CFLB": kinds,
        "CF_NR_FK": fine,
        "CF_JDRQ": "2026/05/06",
        "CF_GSJZQ": "2027/05/06",
        "CF_CFJG": "市市场监管委",
    } | cells
    return ",".join(row.get(column, "") for column in PENALTY_HEADER.split(","))


def test_the_national_table_of_penalties_is_taken_as_it_is(send) -> None:
    rows = [
        penalty("津1", "警告"),
        penalty("津2", "罚款", "0.5"),
        penalty("津3", "罚款;没收违法所得", "0.01"),
        penalty("津4", "罚款", "0.02"),
        penalty("津5", "罚款", "10"),
        penalty("津6", "罚款、吊销许可证件", "0.1"),
        penalty("津7", "罚款", "0.5", BZ="简易程序"),
        penalty("津8", "限制从业"),
        penalty("津9", "行政拘留"),
        penalty("津10", "警告", CF_XDR_LB="法人及非法人组织"),
        penalty("津11", "罚款", "五百元"),
        penalty("津12", "警告", CF_JDRQ="不详"),
    ]
    report = send("\n".join((PENALTY_HEADER, *rows)).encode("gb18030"))
    stored = dict(db.session.execute(select(RecordRow.record_no, RecordRow.indicator)).all())
    assert stored == {
        "津1": "B13",
        "津2": "B14",
        "津3": "B14",
        "津4": "B13",
        "津5": "B15",
        "津6": "B15",
        "津7": "B13",
        "津8": "B15",
    }
    assert [(e.record_no, e.field, e.code) for e in report.errors] == [
        ("津9", "CF_CFLB", "PENALTY_KIND_UNKNOWN"),
        ("津10", "CF_XDR_LB", "NOT_A_NATURAL_PERSON"),
        ("津11", "CF_NR_FK", "AMOUNT_INVALID"),
        ("津12", "CF_JDRQ", "DATE_INVALID"),
    ]
    row = db.session.execute(select(RecordRow).where(RecordRow.record_no == "津2")).scalar_one()
    assert (row.document_no, row.issuer, row.severity) == ("津2", "市市场监管委", "一般")
    assert (row.occurred_on, row.valid_to) == (date(2026, 5, 6), date(2027, 5, 6))


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "FILE_EMPTY"),
        (b"\n\n  \n", "FILE_EMPTY"),
        (b"PK\x03\x04\x00\x00", "FORMAT_UNKNOWN"),
        ("a,b\n1,2".encode("utf-16"), "FORMAT_UNKNOWN"),
        (b"hello,world\n1,2\n", "FORMAT_UNKNOWN"),
        (b'[{"record_no": "1"}]', "FORMAT_UNKNOWN"),
        (b"record_no,indicator\n1,2\n", "COLUMNS_MISSING"),
        (b"CF_WSH,CF_CFLB\n1,2\n", "COLUMNS_MISSING"),
        (HEADER.replace("valid_to", "valid_ot").encode(), "COLUMNS_UNKNOWN"),
        ((HEADER + ",name").encode(), "COLUMNS_REPEATED"),
        (b"\x1f\x8bnot gzip", "GZIP_BROKEN"),
        (gzip.compress(csv_of(line()))[:-9], "GZIP_BROKEN"),
        (gzip.compress(csv_of(line())) + b"tail", "GZIP_BROKEN"),
        (gzip.compress(b"\n" * (40 << 20)), "GZIP_BOMB"),
        (b"x" * (3 << 20), "LINE_TOO_LONG"),
    ],
)
def test_a_file_that_is_nothing_of_ours_is_refused_as_a_whole(send, data: bytes, code: str) -> None:
    with pytest.raises(InvalidInput) as told:
        send(data)
    assert told.value.code == code
    assert count(Import) == 0


def test_an_unknown_source_may_not_send_anything(send) -> None:
    with pytest.raises(NotFound) as told:
        send(csv_of(line()), "NOBODY")
    assert told.value.code == "SOURCE_UNKNOWN"


def test_a_boundless_line_among_good_ones_is_set_aside_alone(send) -> None:
    report = send(csv_of(line("R1"), "x" * (5 << 20), line("R2")))
    assert (report.added, [(e.line, e.code) for e in report.errors]) == (2, [(3, "LINE_TOO_LONG")])


def test_a_load_that_is_cut_off_goes_on_where_it_stopped(send, ctx: Context, monkeypatch) -> None:
    monkeypatch.setattr(deed, "CHUNK", 3)
    data = csv_of(*(line(f"R{n}", "没有" if n == 1 else "D01") for n in range(10)))
    real, stored = deed.store_chunk, []

    def killed_at_third(*args) -> None:
        stored.append(args[3])
        if len(stored) == 3:
            raise SystemExit
        real(*args)

    monkeypatch.setattr(deed, "store_chunk", killed_at_third)
    with pytest.raises(SystemExit):
        send(data)
    assert count(RecordRow) == 5
    monkeypatch.setattr(deed, "store_chunk", real)
    report = send(data)
    assert (report.added, report.unchanged, report.quarantined, report.repeated) == (9, 0, 1, False)
    db.session.expire_all()
    row = db.session.execute(select(Import)).scalar_one()
    assert (row.lines_done, row.finished_at is not None) == (11, True)


def test_a_chunk_that_meets_a_lock_is_tried_again(send, monkeypatch) -> None:
    real, tries = storing._store, []

    def locked_once(*args):
        tries.append(1)
        if len(tries) == 1:
            db.session.execute(text("DO $$ BEGIN RAISE SQLSTATE '40P01'; END $$"))
        return real(*args)

    monkeypatch.setattr(storing, "PAUSE", 0)
    monkeypatch.setattr(storing, "_store", locked_once)
    assert send(csv_of(line())).added == 1
    assert len(tries) == 2


def test_files_about_the_same_people_go_in_side_by_side(
    app: Flask, send, ctx: Context, a: Builders, monkeypatch
) -> None:
    monkeypatch.setattr(deed, "CHUNK", 7)
    a.source("OTHER")
    people = [id_number(n) for n in range(1, 40)]
    send(csv_of(*(line(f"J{n}", number=number) for n, number in enumerate(people[:20]))))
    for number in people[:10]:
        join(ctx, number)
    forward = csv_of(*(line(f"R{n}", "D05", number, quantity="1") for n, number in enumerate(people)))
    backward = csv_of(
        *(line(f"R{n}", "D05", number, quantity="1") for n, number in enumerate(reversed(people)))
    )

    def sent(source: str, data: bytes) -> ImportReport:
        with app.app_context():
            return import_records(ctx, source, "f", io.BytesIO(data), ctx.now(), "t")

    with ThreadPoolExecutor(4) as pool:
        files = [("TEST", forward), ("OTHER", backward), ("TEST", forward), ("OTHER", backward)]
        reports = list(pool.map(lambda f: sent(*f), files))
    assert [r.quarantined for r in reports] == [0, 0, 0, 0]
    assert count(RecordRow) == 20 + 2 * len(people)
    assert count(Resident) == len(people)
    rows = (
        db.session.execute(select(Import).where(Import.format == "csv").order_by(Import.id)).scalars().all()
    )
    assert [(i.added, i.unchanged) for i in rows] == [(20, 0), (39, 0), (39, 0)]


def test_every_chunk_and_every_file_leaves_its_trace(send) -> None:
    report = send(csv_of(line()))
    deeds = db.session.execute(select(AuditEntry.deed, AuditEntry.subject).order_by(AuditEntry.id)).all()
    assert deeds == [
        ("import_records", f"import:{report.import_id}"),
        ("finish_import", f"import:{report.import_id}"),
    ]


def test_progress_is_told_in_bytes(send, ctx: Context, monkeypatch) -> None:
    monkeypatch.setattr(deed, "CHUNK", 2)
    told: list[tuple[int, int]] = []
    data = csv_of(*(line(f"R{n}") for n in range(5)))
    import_records(
        ctx, "TEST", "f", io.BytesIO(data), ctx.now(), "t", lambda done, size: told.append((done, size))
    )
    assert [size for _done, size in told] == [len(data)] * 3
    assert told[-1][0] == len(data)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=300)
    | st.binary(max_size=200).map(lambda b: HEADER.encode() + b"\n" + b)
    | st.binary(max_size=200).map(lambda b: PENALTY_HEADER.encode() + b"\n" + b)
    | st.binary(max_size=100).map(gzip.compress)
    | st.text('{}[]":,a0\\\n', max_size=60).map(lambda t: ('{"record_no": 1}\n' + t).encode())
    | st.lists(st.text(max_size=12), max_size=20).map(
        lambda c: f"{HEADER}\n{','.join(c)}".encode("utf-8", "replace")
    )
)
def test_arbitrary_bytes_are_loaded_or_refused_in_words_and_nothing_is_left_half_done(
    send, data: bytes
) -> None:
    before = count(Import)
    try:
        report = send(data)
    except HaiheError as told:
        assert told.code
        assert told.detail
        assert count(Import) == before
    else:
        db.session.expire_all()
        row = db.session.get_one(Import, report.import_id)
        assert row.finished_at is not None
        assert row.added + row.changed + row.unchanged + row.quarantined == report.lines
    assert count(RecordRow) == 0
