"""`flask keys rotate-data`: everything sealed moves to the current key, and nothing is lost on the way."""

from __future__ import annotations

import dataclasses
import io

import pytest
from flask import Flask
from sqlalchemy import select

from haihe.domain.errors import Conflict
from haihe.domain.papers import read_paper
from haihe.storage.db import db, transaction
from haihe.storage.objections import MESSAGE_PURPOSE, Objection, ObjectionMessage
from haihe.storage.office import Staff
from haihe.storage.onboarding import Application
from haihe.storage.records import QuarantinedLine, RecordRow
from haihe.storage.reports import CONTENT_PURPOSE, PDF_PURPOSE, Report
from haihe.storage.residents import Resident
from haihe.storage.vault import Vault
from haihe.usecases import rotate_data_keys as deed
from haihe.usecases.apply import Wish, apply
from haihe.usecases.context import Context
from haihe.usecases.import_records import import_records
from haihe.usecases.merchant_documents import add_document, documents_of, open_document
from haihe.usecases.merchant_people import NewPerson
from haihe.usecases.notice_keys import rotate_notice_key
from haihe.usecases.objections import file_objection
from haihe.usecases.rotate_data_keys import KEPT, left_to_rotate, rotate_data_keys
from haihe.usecases.signing_keys import rotate_signing_key
from haihe.usecases.staff_login import Role, StaffCaller, create_staff
from haihe.usecases.uploads import hand_in
from haihe.web.context import EXTENSION
from tests.builders import Builders, id_number

OLD, NEW, INDEX = b"o" * 32, b"n" * 32, b"i" * 32
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def with_vault(ctx: Context, current: str, **keys: bytes) -> Context:
    return dataclasses.replace(ctx, vault=Vault(keys, current, INDEX))


@pytest.fixture
def before(ctx: Context, a: Builders) -> Context:
    """Something of every kind, sealed under the old key."""
    held = with_vault(ctx, "old", old=OLD)
    header = "record_no,indicator,id_type,id_number,name,occurred_on\n"
    rows = [f"R{n},D05,RESIDENT,{id_number(n)},居民{n},2026-10-01\n" for n in range(1, 8)]
    data = (header + "".join(rows) + "bad,Z99,,,,\n").encode()
    import_records(held, a.source(), "f", io.BytesIO(data), ctx.now(), "t")
    create_staff(held, "clerk", "a long enough password", SECRET, "data_clerk", [], ctx.now(), "t")
    rotate_signing_key(held, ctx.now(), "t")
    rotate_notice_key(held, ctx.now(), "t")
    wish = Wish("商户", "91110000600037341L", "单车企业", "张经理", "022-60000000", ("120103",), ("XYZ-07",))
    manager = NewPerson("boss", "a long enough password", SECRET, "manager")
    number = apply(held, wish, ctx.now(), "t", manager)
    _keep_report(held)
    add_document(held, number, "执照.pdf", b"%PDF-1.7", ctx.now(), "t")
    _object(held)
    _write_to_source(held)
    clerk = StaffCaller("clerk", Role.DATA_CLERK, frozenset(), ctx.now())
    hand_in(held, clerk, a.source(), "g", io.BytesIO(data), ctx.now())
    return held


def _object(held: Context) -> None:
    """An objection with a file, of whoever comes first."""
    resident_id, record_id = db.session.execute(select(RecordRow.resident_id, RecordRow.id).limit(1)).one()
    papers = [read_paper("收据.pdf", b"%PDF-1.7")]
    file_objection(held, resident_id, record_id, "不是我", held.now(), papers)


def _keep_report(held: Context) -> None:
    """A report as it is kept; whose it is does not matter here."""
    content, paper = held.vault.seal("{}", CONTENT_PURPOSE), held.vault.seal("JVBERg==", PDF_PURPOSE)
    with transaction():
        db.session.add(
            Report(
                resident_id=db.session.execute(select(Resident.id).limit(1)).scalar_one(),
                code_hash=b"c",
                key_id=content.key_id,
                content_sealed=content.ciphertext,
                pdf_sealed=paper.ciphertext,
                pdf_sha256=b"s",
                jws="",
                shares_summary=False,
                made_at=held.now(),
                expires_at=held.now(),
            )
        )


def _write_to_source(held: Context) -> None:
    """A message about the objection, as it is kept."""
    message = held.vault.seal("请核对", MESSAGE_PURPOSE)
    with transaction():
        objection = db.session.execute(select(Objection)).scalar_one()
        db.session.add(
            ObjectionMessage(
                objection_id=objection.id,
                resident_id=objection.resident_id,
                from_source=False,
                written_by="staff:t",
                key_id=message.key_id,
                text_sealed=message.ciphertext,
                at=held.now(),
            )
        )


def key_ids() -> set[str]:
    db.session.expire_all()
    return {
        key_id
        for model in (kept.model for kept in KEPT)
        for key_id in db.session.execute(select(model.key_id)).scalars()
    }


def test_everything_is_sealed_anew_and_reads_as_before(before: Context, ctx: Context) -> None:
    after = with_vault(ctx, "new", old=OLD, new=NEW)
    done = rotate_data_keys(after, ctx.now(), "operator:test")
    assert done == {"居民": 7, "退回行": 1} | dict.fromkeys((kept.name for kept in KEPT[2:]), 1)
    assert key_ids() == {"new"}
    only_new = Vault({"new": NEW}, "new", INDEX)
    people = db.session.execute(select(Resident).order_by(Resident.id)).scalars().all()
    assert {only_new.open("new", p.id_number_sealed, "id_number") for p in people} == {
        id_number(n) for n in range(1, 8)
    }
    assert {only_new.open("new", p.name_sealed, "name") for p in people} == {f"居民{n}" for n in range(1, 8)}
    assert only_new.open("new", db.session.get_one(Staff, "clerk").totp_sealed, "totp") == SECRET
    number = db.session.execute(select(Application.merchant_id)).scalar_one()
    document = documents_of(number)[0]
    assert open_document(after, number, document.id, ctx.now(), "t")[1] == b"%PDF-1.7"
    line = db.session.execute(select(QuarantinedLine)).scalar_one()
    assert only_new.open("new", line.line_sealed, "quarantine") == "bad,Z99,,,,"
    assert rotate_data_keys(after, ctx.now(), "operator:test")["居民"] == 0


def test_a_rotation_that_is_cut_off_goes_on(before: Context, ctx: Context, monkeypatch) -> None:
    monkeypatch.setattr(deed, "BATCH", 2)
    after = with_vault(ctx, "new", old=OLD, new=NEW)
    batches = []

    def killed_at_second(*_told: object) -> None:
        batches.append(1)
        if len(batches) == 2:
            raise SystemExit

    with pytest.raises(SystemExit):
        rotate_data_keys(after, ctx.now(), "t", killed_at_second)
    assert left_to_rotate(after, KEPT[0]) == 3
    assert rotate_data_keys(after, ctx.now(), "t")["居民"] == 3
    assert key_ids() == {"new"}


def test_a_missing_old_key_is_named_and_nothing_is_changed(before: Context, ctx: Context) -> None:
    with pytest.raises(Conflict) as told:
        rotate_data_keys(with_vault(ctx, "new", new=NEW), ctx.now(), "t")
    assert (told.value.code, "old" in told.value.detail) == ("DATA_KEY_MISSING", True)
    assert key_ids() == {"old"}


def test_a_wrong_old_key_is_told_and_nothing_is_changed(before: Context, ctx: Context) -> None:
    with pytest.raises(Conflict) as told:
        rotate_data_keys(with_vault(ctx, "new", old=NEW, new=NEW), ctx.now(), "t")
    assert told.value.code == "SEALED_BROKEN"
    assert key_ids() == {"old"}


def test_the_command_says_what_was_done(app: Flask, before: Context, ctx: Context, monkeypatch) -> None:
    monkeypatch.setitem(app.extensions, EXTENSION, with_vault(ctx, "new", old=OLD, new=NEW))
    result = app.test_cli_runner().invoke(args=["keys", "rotate-data"])
    assert result.exit_code == 0, result.output
    assert "已全部改由密钥 new 加密：居民 7 条" in result.output


def test_nothing_that_is_sealed_is_forgotten(app: Flask) -> None:
    sealed = {
        (table.name, column.name)
        for table in db.metadata.sorted_tables
        for column in table.columns
        if column.name.endswith("_sealed")
    }
    assert sealed == {(kept.table.name, column) for kept in KEPT for column in kept.purposes}
