"""The engine that carries whole-city expressions: DuckDB inside this process, or Apache Spark."""

from __future__ import annotations

import os
import re
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import ibis
from ibis.backends import BaseBackend

DUCKDB = "duckdb"
SPARK = re.compile(r"spark://\S+|local(\[(\d+|\*)\])?|yarn|k8s://\S+")
MEMORY = "6GB"
THREADS = 2


class EngineUnavailable(Exception):
    """The engine asked for cannot be had here; the message says what is missing."""


def connect(
    url: str = DUCKDB, *, memory: str = MEMORY, threads: int = THREADS, temporary: Path | None = None
) -> BaseBackend:
    """The engine named by `url`: `duckdb` (in this process), `local[2]` or `spark://host:port`.

    `memory` is what it may hold at once; what does not fit goes to the directory `temporary` (DuckDB's own choice
    where none is given). On Spark `memory` and `temporary` hold for the driver alone; executors have settings of their own.
    """
    if url == DUCKDB:
        return _duckdb(memory, threads, temporary)
    if SPARK.fullmatch(url):
        return _spark(url, memory, temporary)
    raise EngineUnavailable(f"不认识的计算引擎 {url!r}：应为 duckdb、local[2] 或 spark://主机:端口")


def _duckdb(memory: str, threads: int, temporary: Path | None) -> BaseBackend:
    settings: dict[str, Any] = {"memory_limit": memory, "threads": threads}
    if temporary is not None:
        temporary.mkdir(parents=True, exist_ok=True)
        settings["temp_directory"] = str(temporary)
    # Nothing here rests on the order of rows, and keeping it would cost memory.
    engine = ibis.duckdb.connect(preserve_insertion_order=False, **settings)
    # Whoever runs a long piece of work shows its progress; a bar for each statement would write over theirs.
    engine.raw_sql("SET enable_progress_bar = false")
    return engine


def _spark(url: str, memory: str, temporary: Path | None) -> BaseBackend:
    if find_spec("pyspark") is None:
        raise EngineUnavailable("没有安装 pyspark：pip install --require-hashes -r requirements-spark.txt")
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        raise EngineUnavailable("Spark 需要 Java 17，这台机器上没有找到（PATH 与 JAVA_HOME 里都没有）")
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

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
        session = builder.getOrCreate()
    except (PySparkException, RuntimeError, OSError) as error:
        raise EngineUnavailable(f"Spark 没能在 {url} 启动：{error}") from error
    return ibis.pyspark.connect(session)
