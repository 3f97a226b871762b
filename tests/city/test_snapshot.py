"""A snapshot is of one moment, whole, and of the version and day that were asked for, or it is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ibis.backends import BaseBackend

from haihe.city import columns, reading, snapshot
from haihe.city.rescore import rescore_city
from haihe.city.snapshot import Snapshot, SnapshotError, open_snapshot, take_snapshot
from haihe.storage.db import db
from haihe.storage.decisions import Order
from haihe.storage.residents import Resident
from haihe.storage.scores import ScoreRow
from haihe.usecases.context import Context
from haihe.usecases.rules_in_force import counter_of
from haihe.usecases.sandbox import TestResident, open_sandbox, show_pass
from tests.builders import Builders
from tests.conftest import Clock

CLASSES = ("BLOOD_DONATION", "MEDICAL")


@pytest.fixture
def taken(ctx: Context, clock: Clock, tmp_path: Path) -> Callable[[], Snapshot]:
    """Take a snapshot of the city as it is now."""

    def taken() -> Snapshot:
        rulebook = ctx.rules.up_to_date().rulebook(clock.today)
        return take_snapshot(tmp_path / "today", rulebook, CLASSES, clock.today)

    return taken


def rows(held: Snapshot, name: str) -> list[dict[str, Any]]:
    return pq.read_table(held.directory / f"{name}.parquet").to_pylist()


def test_a_sandbox_is_no_part_of_the_city(
    ctx: Context, a: Builders, taken: Callable[[], Snapshot], clock: Clock
) -> None:
    real, merchant = a.resident(), a.merchant("XYZ-15")
    a.record(real, "D07")
    second = open_sandbox(ctx, merchant.merchant_id, clock.now, "test")
    partner = ctx.rules.up_to_date().partner(counter_of(second))
    assert partner is not None
    for who in TestResident:
        show_pass(ctx, partner, who, "XYZ-15", clock.now)
    # There are residents, records and orders of the sandbox now, and the city does not see any of them.
    assert db.session.query(Resident).count() == 1 + len(TestResident)
    assert db.session.query(Order).count() > 0
    held = taken()
    seen = {name: rows(held, name) for name in ("residents", "records", "orders")}
    assert [row["resident_id"] for row in seen["residents"]] == [real]
    assert {row["resident_id"] for row in seen["records"]} == {real}
    assert seen["orders"] == []


def test_a_snapshot_holds_the_residents_and_what_they_have_agreed_to(
    a: Builders, taken: Callable[[], Snapshot]
) -> None:
    joined = a.resident(sensitive=("MEDICAL",))
    stranger = a.resident(joined=False, district=None)

    assert sorted(rows(taken(), "residents"), key=lambda r: r["resident_id"]) == [
        {
            "resident_id": joined,
            "birth_date": db.session.get_one(Resident, joined).birth_date,
            "district": "120103",
            "joined": True,
            "consent_BLOOD_DONATION": False,
            "consent_MEDICAL": True,
        },
        {
            "resident_id": stranger,
            "birth_date": db.session.get_one(Resident, stranger).birth_date,
            "district": None,
            "joined": False,
            "consent_BLOOD_DONATION": False,
            "consent_MEDICAL": False,
        },
    ]


def test_by_what_names_merchants_know_residents_is_only_read_for_copies(
    ctx: Context, a: Builders, clock: Clock, tmp_path: Path, taken: Callable[[], Snapshot]
) -> None:
    who, merchant = a.resident(), a.merchant("XYZ-15")
    name = a.link(who, merchant, "XYZ-15")
    rulebook = ctx.rules.up_to_date().rulebook(clock.today)

    held = take_snapshot(tmp_path / "copies", rulebook, CLASSES, clock.today, with_links=True)

    until_ms = int((clock.now + timedelta(days=365)).timestamp()) * 1000
    (found,) = rows(held, "links")
    assert found["resident_id"] == who
    assert json.loads(found["links"]) == [[name, merchant.merchant_id, until_ms, ["XYZ-15"]]]
    assert not (taken().directory / "links.parquet").exists()


def test_quantities_come_as_whole_hundredths(
    a: Builders, clock: Clock, taken: Callable[[], Snapshot]
) -> None:
    resident = a.resident()
    record = a.record(resident, "C01", quantity="2.35")

    (found,) = rows(taken(), "records")

    assert (found["record_id"], found["resident_id"], found["hundredths"]) == (record, resident, 235)
    assert (found["indicator"], found["occurred_on"], found["level"]) == ("C01", clock.today, None)


def test_only_effective_records_of_those_who_have_joined_leave_the_database(
    a: Builders, taken: Callable[[], Snapshot]
) -> None:
    a.record(a.resident(joined=False), "C01")
    resident = a.resident()
    a.record(resident, "C01", state="REPAIRED")
    kept = a.record(resident, "C01")

    assert [r["record_id"] for r in rows(taken(), "records")] == [kept]


def test_the_tables_have_the_types_that_the_columns_are_written_for(
    a: Builders, taken: Callable[[], Snapshot]
) -> None:
    a.record(a.resident(), "C01")
    held = taken()

    for name, schema in (
        ("residents", columns.residents_schema(CLASSES)),
        ("records", columns.records_schema()),
        ("orders", columns.orders_schema()),
    ):
        assert pq.read_schema(held.directory / f"{name}.parquet").equals(schema, check_metadata=False), name


def test_the_stored_scores_come_with_the_version_of_every_resident(
    a: Builders, taken: Callable[[], Snapshot]
) -> None:
    resident = a.resident()
    a.record(resident, "C01", quantity=3)
    stranger = a.resident(joined=False)

    scored, unscored = sorted(rows(taken(), "scores"), key=lambda r: r["resident_id"])

    assert (scored["resident_id"], scored["version"], scored["total"]) == (resident, 2, 503)
    assert json.loads(scored["parts"]) == db.session.get_one(ScoreRow, resident).parts
    assert (unscored["resident_id"], unscored["version"], unscored["total"]) == (stranger, 1, None)


def test_a_snapshot_of_another_version_is_refused(
    a: Builders, clock: Clock, taken: Callable[[], Snapshot]
) -> None:
    held = taken()
    manifest = held.directory / "manifest.json"
    manifest.write_text(
        manifest.read_text("utf-8").replace(
            f'"schema_version": {columns.SCHEMA_VERSION}', '"schema_version": 99'
        )
    )

    with pytest.raises(SnapshotError, match=f"第 99 版快照，本程序读第 {columns.SCHEMA_VERSION} 版"):
        open_snapshot(held.directory, clock.today)


def test_a_table_of_another_version_is_refused(
    a: Builders, clock: Clock, taken: Callable[[], Snapshot]
) -> None:
    held = taken()
    file = held.directory / "orders.parquet"
    table = pq.read_table(file)
    pq.write_table(table.replace_schema_metadata({columns.VERSION_KEY: b"99"}), file)

    with pytest.raises(SnapshotError, match=r"orders\.parquet 是第 99 版的表"):
        open_snapshot(held.directory, clock.today)


@pytest.mark.parametrize("left", (0, 3, 0.5, 0.99))
def test_a_truncated_parquet_file_is_refused(
    a: Builders, clock: Clock, taken: Callable[[], Snapshot], left: float
) -> None:
    a.record(a.resident(), "C01")
    held = taken()
    file = held.directory / "records.parquet"
    whole = file.read_bytes()
    file.write_bytes(whole[: int(left * len(whole)) if left < 1 else int(left)])

    with pytest.raises(SnapshotError, match=r"records\.parquet 不是完整的 Parquet 文件"):
        open_snapshot(held.directory, clock.today)


@pytest.mark.parametrize("name", ("manifest.json", "residents.parquet"))
def test_a_snapshot_with_a_file_missing_is_refused(
    a: Builders, clock: Clock, taken: Callable[[], Snapshot], name: str
) -> None:
    held = taken()
    (held.directory / name).unlink()

    with pytest.raises(SnapshotError, match=name):
        open_snapshot(held.directory, clock.today)


@pytest.mark.parametrize("text", ("", "{", "[]", '{"day": 5}', "\x00\xff"))
def test_a_damaged_manifest_is_refused(
    a: Builders, clock: Clock, taken: Callable[[], Snapshot], text: str
) -> None:
    held = taken()
    (held.directory / "manifest.json").write_text(text, "latin-1")

    with pytest.raises(SnapshotError, match="快照已损坏"):
        open_snapshot(held.directory, clock.today)


def test_rows_that_are_not_all_there_are_noticed(
    a: Builders, clock: Clock, taken: Callable[[], Snapshot]
) -> None:
    a.resident()
    a.resident()
    held = taken()
    file = held.directory / "residents.parquet"
    pq.write_table(pq.read_table(file).slice(0, 1), file)

    with pytest.raises(SnapshotError, match="有 1 行，清单写的是 2 行"):
        open_snapshot(held.directory, clock.today)


def test_yesterdays_snapshot_is_not_taken_for_todays(
    a: Builders, clock: Clock, taken: Callable[[], Snapshot]
) -> None:
    held = taken()

    with pytest.raises(SnapshotError, match="是 2026-11-20 的快照，需要的是 2026-11-21 的"):
        open_snapshot(held.directory, clock.today + timedelta(days=1))


def test_a_snapshot_is_never_written_over_another(taken: Callable[[], Snapshot]) -> None:
    taken()

    with pytest.raises(SnapshotError, match="已经存在"):
        taken()


@pytest.mark.parametrize(
    ("error", "told"),
    (
        (OSError(28, "No space left on device"), "磁盘已满"),
        (pa.ArrowInvalid("what happened"), "what happened"),
    ),
)
def test_nothing_is_left_of_a_snapshot_that_could_not_be_finished(
    a: Builders,
    taken: Callable[[], Snapshot],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    told: str,
) -> None:
    a.resident()

    def fails(*_: Any) -> None:
        raise error

    monkeypatch.setattr(snapshot, "seal", fails)
    with pytest.raises(SnapshotError, match=told):
        taken()
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_cannot_be_reached_is_told_so(
    taken: Callable[[], Snapshot], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "connection_words", lambda: "host='/nowhere' user=nobody password=geheim")

    with pytest.raises(SnapshotError, match="读取数据库失败，没有留下快照") as refused:
        taken()
    assert "geheim" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_points_are_rescored_from_a_snapshot_as_well(
    ctx: Context,
    a: Builders,
    clock: Clock,
    engine: BaseBackend,
    tmp_path: Path,
    taken: Callable[[], Snapshot],
) -> None:
    first, second = a.resident(), a.resident()
    for resident in (first, second):
        a.record(resident, "C01", quantity=3)
    clock.forward(days=25 * 31)
    held = taken()
    a.record(second, "C01", quantity=1)
    (tmp_path / "work").mkdir()

    report = rescore_city(ctx, engine, tmp_path / "work", clock.today, "test", held.directory)

    db.session.expire_all()
    assert [db.session.get_one(ScoreRow, r).total for r in (first, second)] == [500, 501]
    assert (report.differing, report.overtaken, report.moved) == (2, 1, 1)


def test_a_snapshot_without_stored_scores_cannot_be_rescored_from(
    ctx: Context, clock: Clock, engine: BaseBackend, tmp_path: Path, taken: Callable[[], Snapshot]
) -> None:
    held = taken()
    snapshot.write_manifest(held.directory, held.day, held.taken_at, dict.fromkeys(snapshot.TABLES, 0))

    with pytest.raises(SnapshotError, match="没有当时已存的积分"):
        rescore_city(ctx, engine, tmp_path, clock.today, "test", held.directory)
