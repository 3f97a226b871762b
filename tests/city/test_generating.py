"""A demo city of any size is a snapshot like any other: whole or not there, and the same for the same seed."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import Result
from flask import Flask
from ibis.backends import BaseBackend

from haihe.city import generating
from haihe.city.columns import orders_schema, records_schema, residents_schema
from haihe.city.generating import CLASSES, blocks, generate_snapshot
from haihe.city.population import read_population
from haihe.city.snapshot import SnapshotError, open_snapshot
from haihe.cli.city_generate import FEWEST, MOST
from haihe.demo.births import births
from haihe.demo.plan import Plan
from tests.city.comparing import rows_alone
from tests.city.demo_columns import lives_of
from tests.conftest import Clock
from tests.domain.published import rulebook

TODAY = date(2026, 11, 20)
SMALL = Plan(12_000, 7, TODAY)


@pytest.fixture
def run(app: Flask):
    runner = app.test_cli_runner()
    return lambda *args: runner.invoke(args=["city", "generate", *map(str, args)])


def contents(directory: Path) -> dict[str, str]:
    return {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in directory.iterdir()}


def test_the_city_is_a_snapshot_of_its_day_in_the_columns_of_a_snapshot(tmp_path: Path) -> None:
    made = generate_snapshot(SMALL, tmp_path / "city")

    assert open_snapshot(tmp_path / "city", TODAY) == made
    assert (made.rows["residents"], made.rows["orders"], made.has_scores) == (12_000, 0, False)
    for name, schema in (
        ("residents", residents_schema(CLASSES)),
        ("records", records_schema()),
        ("orders", orders_schema()),
    ):
        held = pq.read_schema(made.directory / f"{name}.parquet")
        assert held.equals(schema, check_metadata=False), name


def test_it_holds_the_very_residents_and_records_of_the_demo_city(tmp_path: Path) -> None:
    made = generate_snapshot(SMALL, tmp_path / "city")

    people, records = (pa.concat_tables(tables) for tables in zip(*blocks(SMALL), strict=True))
    assert pq.read_table(made.directory / "residents.parquet").equals(people)
    assert pq.read_table(made.directory / "records.parquet").equals(records)


def test_a_draft_can_be_tried_on_it(engine: BaseBackend, tmp_path: Path) -> None:
    plan = Plan(600, 7, TODAY)
    population = read_population(engine, generate_snapshot(plan, tmp_path / "city").directory, TODAY)

    facts = population.engine.to_pyarrow(population.facts(rulebook(), TODAY))

    alone = rows_alone([life for pair in blocks(plan) for life in lives_of(*pair)], rulebook(), TODAY)
    totals = {row["resident_id"]: row["total"] for row in alone if row["scored"]}
    assert dict(zip(facts["resident_id"].to_pylist(), facts["total"].to_pylist(), strict=True)) == totals


def test_the_same_seed_makes_the_same_city_and_another_seed_another(tmp_path: Path) -> None:
    made = [
        generate_snapshot(Plan(2_000, seed, TODAY), tmp_path / name).directory
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    assert contents(made[0]) == contents(made[1])
    assert contents(made[0])["records.parquet"] != contents(made[2])["records.parquet"]


def test_the_progress_comes_to_every_resident(run, tmp_path: Path) -> None:
    result = run("--residents", "12,000", "--out", tmp_path / "city")

    assert result.exit_code == 0, result.output
    assert "生成：12,000 人" in result.output
    assert "居民 12,000" in result.output


def test_the_day_is_today_unless_another_is_named(run, clock: Clock, tmp_path: Path) -> None:
    run("--residents", FEWEST, "--out", tmp_path / "today")
    run("--residents", FEWEST, "--out", tmp_path / "then", "--on", "2025-02-28")

    assert open_snapshot(tmp_path / "today", clock.today).rows["residents"] == FEWEST
    assert open_snapshot(tmp_path / "then", date(2025, 2, 28)).rows["residents"] == FEWEST


@pytest.mark.parametrize("residents", ("0", "-5", "95", "17000001", "1e6", "十万", "", "1.5"))
def test_a_number_that_will_not_do_is_refused_with_those_that_will(
    run, tmp_path: Path, residents: str
) -> None:
    refused(run("--residents", residents, "--out", tmp_path / "city"), "应为 96 到 17,000,000 之间的整数", 2)
    assert list(tmp_path.iterdir()) == []


def test_the_largest_city_has_an_identity_number_for_everybody() -> None:
    births(Plan(MOST, 1, TODAY))


@pytest.mark.parametrize("on", ("1900-01-01", "9999-12-31"))
def test_a_day_too_far_away_is_refused(run, tmp_path: Path, on: str) -> None:
    refused(run("--residents", 100, "--out", tmp_path / "city", "--on", on), "应在 2000 年到 2100 年之间", 2)


def test_an_empty_directory_is_filled(run, tmp_path: Path) -> None:
    assert run("--residents", 100, "--out", tmp_path, "--on", TODAY).exit_code == 0
    assert open_snapshot(tmp_path, TODAY).rows["residents"] == 100


def test_a_directory_with_anything_in_it_is_left_as_it_is(run, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("x")
    refused(run("--residents", 100, "--out", tmp_path), "不是空目录；快照不会被覆盖", 1)
    refused(run("--residents", 100, "--out", tmp_path / "precious"), "不是空目录；快照不会被覆盖", 1)
    assert contents(tmp_path) == {"precious": hashlib.sha256(b"x").hexdigest()}


def test_a_place_where_nothing_can_be_written_is_told(run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    refused(run("--residents", 100, "--out", tmp_path / "file" / "city"), "无法", 1)


def test_nothing_is_left_when_the_disk_is_full(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(generating, "seal", full)
    refused(run("--residents", 100, "--out", tmp_path / "city"), "没有留下快照：磁盘已满", 1)
    assert list(tmp_path.iterdir()) == []


def test_what_was_cut_off_is_no_snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut_off(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(generating, "seal", cut_off)
    with pytest.raises(KeyboardInterrupt):
        generate_snapshot(SMALL, tmp_path / "city")
    with pytest.raises(SnapshotError, match=r"没有 manifest\.json"):
        open_snapshot(tmp_path / "city", TODAY)
    assert list(tmp_path.iterdir()) == []


def refused(result: Result, why: str, code: int) -> None:
    assert result.exit_code == code, result.output
    assert why in result.output
