"""Which engine carries the work is one setting; what cannot be had is said plainly."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import date
from importlib.util import find_spec
from pathlib import Path

import ibis
import pytest
from ibis.backends import BaseBackend

from haihe.city import engine as engines
from haihe.city.engine import EngineFailed, EngineUnavailable, computing, connect
from haihe.city.generating import generate_snapshot
from haihe.city.population import read_population
from haihe.city.rescore import rescore_city
from haihe.config import ConfigurationError, read_settings
from haihe.demo.plan import Plan
from haihe.storage.db import db
from haihe.storage.scores import ScoreRow
from haihe.usecases.context import Context
from tests.builders import Builders
from tests.conftest import Clock
from tests.domain.published import rulebook

TODAY = date(2026, 11, 20)


@pytest.fixture
def cramped(tmp_path: Path) -> Iterator[BaseBackend]:
    """An engine with hardly any memory, and hardly any room on the disk."""
    engine = connect(memory="1MB", threads=1, temporary=tmp_path / "spill")
    yield engine
    engine.disconnect()


def test_duckdb_is_the_engine_unless_another_is_asked_for(tmp_path: Path) -> None:
    spill = tmp_path / "spill"
    engine = connect(memory="512MB", threads=1, temporary=spill)
    assert engine.name == "duckdb"
    held = engine.raw_sql(
        "SELECT current_setting('memory_limit'), current_setting('threads'), current_setting('temp_directory')"
    ).fetchall()
    assert held == [("488.2 MiB", 1, str(spill))]
    assert spill.is_dir()
    engine.disconnect()


def test_without_pyspark_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "find_spec", lambda name: None)
    with pytest.raises(EngineUnavailable, match=r"requirements-spark\.txt"):
        connect("local[2]")


@pytest.mark.skipif(find_spec("pyspark") is None, reason="pyspark is not installed (requirements-spark.txt)")
def test_without_java_the_message_says_that_it_is_java(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(EngineUnavailable, match="Java 17"):
        connect("local[2]")


@pytest.mark.parametrize(
    "url", ["duckdb", "local", "local[2]", "local[*]", "spark://host:7077", "yarn", "k8s://x"]
)
def test_the_engine_is_a_setting(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("HAIHE_CITY_ENGINE", url)
    assert read_settings().city_engine == url


def test_nothing_set_is_duckdb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HAIHE_CITY_ENGINE", "")
    assert read_settings().city_engine == "duckdb"


@pytest.mark.parametrize(
    "url", ["postgres://x", "spark", "spark:/host", "local[x]", "local[0]", "duckdb2", "DuckDB"]
)
def test_an_engine_nobody_knows_is_refused_with_those_that_are_known(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("HAIHE_CITY_ENGINE", url)
    with pytest.raises(ConfigurationError, match=r"HAIHE_CITY_ENGINE 是 .*应为 duckdb、local\[2\]"):
        read_settings()


def test_a_rescore_that_runs_out_of_memory_has_written_nothing(
    ctx: Context, a: Builders, clock: Clock, cramped: BaseBackend, tmp_path: Path
) -> None:
    resident = a.resident()
    a.record(resident, "C01", quantity=3)
    clock.forward(days=25 * 31)

    with pytest.raises(EngineFailed, match="数据库没有任何改动"):
        rescore_city(ctx, cramped, tmp_path, clock.today, "test")

    db.session.expire_all()
    assert db.session.get_one(ScoreRow, resident).total == 503


def test_a_trial_that_runs_out_of_memory_leaves_no_half_of_a_file(
    cramped: BaseBackend, tmp_path: Path
) -> None:
    made = generate_snapshot(Plan(20_000, 1, TODAY), tmp_path / "city")
    held = sorted(made.directory.iterdir())

    with pytest.raises(EngineFailed, match="写下中间结果：计算引擎的内存不够"):
        read_population(cramped, made.directory, TODAY).facts(rulebook(), TODAY)

    assert sorted(made.directory.iterdir()) == held


def test_a_full_disk_is_told_apart_from_full_memory(tmp_path: Path) -> None:
    engine = connect(memory="20MB", threads=1, temporary=tmp_path / "spill")
    engine.raw_sql("SET max_temp_directory_size = '1MB'")
    numbers = ibis.range(0, 3_000_000).unnest().name("n").as_table()

    with (
        pytest.raises(EngineFailed, match="没有算成：中间文件放不下，临时目录所在的磁盘空间不够"),
        computing("没有算成"),
    ):
        engine.to_parquet(numbers.order_by(numbers["n"] * 7919 % 10_007), tmp_path / "sorted.parquet")
    engine.disconnect()


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (OSError(28, "No space left on device"), "磁盘已满"),
        (OSError(5, "Input/output error"), "Input/output error"),
        (
            ibis.common.exceptions.IbisError("java.lang.OutOfMemoryError: Java heap space\n\tat x"),
            "计算引擎的内存不够",
        ),
        (ibis.common.exceptions.IbisError(""), "IbisError"),
    ],
)
def test_whatever_an_engine_raises_is_told_in_one_line(error: Exception, why: str) -> None:
    with pytest.raises(EngineFailed) as failed, computing("没有算成"):
        raise error
    assert str(failed.value).startswith("没有算成：")
    assert str(failed.value).endswith(why)
    assert "\n" not in str(failed.value)
