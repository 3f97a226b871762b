"""代为上传: a file handed in at the console is loaded by the worker, whatever it is, and nothing of it is kept."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest

from haihe.domain.errors import InvalidInput, OutOfReach, Unavailable
from haihe.storage.db import db
from haihe.storage.records import Import, RecordRow
from haihe.storage.uploads import Upload, UploadPart
from haihe.usecases import uploads as deed
from haihe.usecases.context import Context
from haihe.usecases.rotate_data_keys import rotate_data_keys
from tests.builders import Builders
from tests.conftest import Clock
from tests.usecases.test_import_records import WANG, csv_of, line
from tests.usecases.test_quarantine import clerk

DATA = csv_of(line("R1"), line("R2", "没有"))


def hand_in(ctx: Context, data: bytes, name: str = "名单.csv") -> int:
    return deed.hand_in(ctx, clerk(ctx), "TEST", name, io.BytesIO(data), ctx.now())


def upload(number: int) -> Upload:
    return db.session.get_one(Upload, number, populate_existing=True)


def test_a_file_is_loaded_and_only_its_records_stay(ctx: Context, a: Builders) -> None:
    a.source()
    number = hand_in(ctx, DATA, f"C:\\{WANG}.csv")
    assert WANG not in upload(number).file_name
    assert WANG.encode() not in db.session.query(UploadPart).one().part_sealed
    assert [u.id for u in deed.uploads_under_way(clerk(ctx))] == [number]
    assert deed.load_uploads(ctx, ctx.now) == 1
    done = upload(number)
    assert (done.state, done.import_id, done.position) == ("DONE", 1, len(DATA))
    assert db.session.query(UploadPart).count() == 0
    assert (db.session.query(RecordRow).count(), db.session.get_one(Import, 1).quarantined) == (1, 1)
    assert deed.load_uploads(ctx, ctx.now) == 0


def test_a_file_of_many_pieces_comes_out_whole_and_survives_a_change_of_keys(
    ctx: Context, a: Builders, monkeypatch: pytest.MonkeyPatch
) -> None:
    a.source()
    monkeypatch.setattr(deed, "PART", 7)
    number = hand_in(ctx, DATA)
    rotate_data_keys(ctx, ctx.now(), "operator:test")
    deed.load_uploads(ctx, ctx.now)
    assert upload(number).state == "DONE"


def test_what_is_no_file_of_records_is_refused_with_the_reason(ctx: Context, a: Builders) -> None:
    a.source()
    number = hand_in(ctx, b"%PDF-1.7")
    deed.load_uploads(ctx, ctx.now)
    refused = upload(number)
    assert (refused.state, refused.code) == ("FAILED", "FORMAT_UNKNOWN")
    assert db.session.query(UploadPart).count() == 0
    with pytest.raises(InvalidInput):
        hand_in(ctx, b"")
    with pytest.raises(OutOfReach):
        deed.hand_in(ctx, clerk(ctx, "120103"), "TEST", "x", io.BytesIO(b"x"), ctx.now())


def test_whoever_takes_over_from_a_worker_that_died_waits_for_its_lease(
    ctx: Context, a: Builders, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    a.source()
    number = hand_in(ctx, DATA)

    def busy(*_args: object) -> None:
        raise Unavailable("IMPORT_BUSY", "数据库繁忙")

    with monkeypatch.context() as broken:
        broken.setattr(deed, "import_records", busy)
        assert deed.load_uploads(ctx, ctx.now) == 1
    assert deed.load_uploads(ctx, ctx.now) == 0
    clock.now += timedelta(minutes=3)
    assert deed.load_uploads(ctx, ctx.now) == 1
    assert upload(number).state == "DONE"
