"""The engine that carries whole-city expressions: DuckDB inside this process, or Apache Spark."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import duckdb
import ibis
import pyarrow as pa
from ibis.backends import BaseBackend
from ibis.common.exceptions import IbisError

from haihe.city.failing import CityFailed

DUCKDB = "duckdb"
MEMORY = "6GB"
THREADS = 2


class EngineUnavailable(CityFailed):
    """The engine asked for cannot be had here; the message says what is missing."""


class EngineFailed(CityFailed):
    """The engine stopped before its result was there; the message says what stays as it was, and why it stopped."""


def connect(
    url: str = DUCKDB, *, memory: str = MEMORY, threads: int = THREADS, temporary: Path | None = None
) -> BaseBackend:
    """The engine named by `url`: `duckdb` (in this process), or what Spark calls a master: `local[2]`, `spark://host:port`.

    `memory` is what it may hold at once; what does not fit goes to the directory `temporary` (DuckDB's own choice
    where none is given). On Spark `memory` and `temporary` hold for the driver alone; executors have settings of their own.
    """
    if url == DUCKDB:
        return _duckdb(memory, threads, temporary)
    return _spark(url, memory, temporary)


@contextmanager
def computing(otherwise: str) -> Iterator[None]:
    """Whatever goes wrong in an engine within the block is an EngineFailed, beginning with what holds `otherwise`."""
    try:
        yield
    except (duckdb.Error, IbisError, pa.ArrowException, OSError) as error:
        raise EngineFailed(f"{otherwise}：{_why(error)}") from error


def _why(error: Exception) -> str:
    told = str(error).strip()
    if getattr(error, "errno", None) == errno.ENOSPC or "No space left" in told:
        return "磁盘已满"
    if "max_temp_directory_size" in told:
        return "中间文件放不下，临时目录所在的磁盘空间不够"
    if isinstance(error, duckdb.OutOfMemoryException) or "OutOfMemoryError" in told:
        return "计算引擎的内存不够"
    return told.splitlines()[0] if told else type(error).__name__


def _duckdb(memory: str, threads: int, temporary: Path | None) -> BaseBackend:
    settings: dict[str, Any] = {"memory_limit": memory, "threads": threads}
    try:
        if temporary is not None:
            temporary.mkdir(parents=True, exist_ok=True)
            settings["temp_directory"] = str(temporary)
        # Nothing here rests on the order of rows, and keeping it would cost memory.
        engine = ibis.duckdb.connect(preserve_insertion_order=False, **settings)
    except (duckdb.Error, OSError) as error:
        raise EngineUnavailable(f"计算引擎没能启动：{_why(error)}") from error
    # Whoever runs a long piece of work shows its progress; a bar for each statement would write over theirs.
    engine.raw_sql("SET enable_progress_bar = false")
    return engine


def _spark(url: str, memory: str, temporary: Path | None) -> BaseBackend:
    if find_spec("pyspark") is None:
        raise EngineUnavailable("没有安装 pyspark：pip install --require-hashes -r requirements-spark.txt")
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        raise EngineUnavailable("Spark 需要 Java 17，这台机器上没有找到（PATH 与 JAVA_HOME 里都没有）")
    from pyspark.sql import SparkSession

    from haihe.city.spark import connect_spark, told

    builder = (
        SparkSession.builder.master(url)
        .appName("haihe-city")
        .config("spark.driver.memory", memory.removesuffix("B").lower())
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.execution.arrow.pyspark.enabled", "true")
        # The days of very old windows are days of the proleptic calendar in Python, in Parquet and here alike.
        .config("spark.sql.parquet.datetimeRebaseModeInRead", "CORRECTED")
        .config("spark.sql.parquet.datetimeRebaseModeInWrite", "CORRECTED")
    )
    if url.startswith("local"):
        # Two hundred shuffle partitions are for a cluster; on one machine they are only overhead.
        builder = builder.config("spark.sql.shuffle.partitions", "8")
    if temporary is not None:
        builder = builder.config("spark.local.dir", str(temporary))
        builder = builder.config("spark.sql.warehouse.dir", str(temporary / "warehouse"))
    try:
        with told():
            session = builder.getOrCreate()
        return connect_spark(session)
    except (IbisError, RuntimeError, OSError) as error:
        raise EngineUnavailable(f"Spark 没能在 {url} 启动：{_why(error)}") from error
