"""Apache Spark as the rest of the city needs it: a result is one file, and what goes wrong is an Ibis error like any other."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq
from ibis.backends.pyspark import Backend
from ibis.common.exceptions import IbisError
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession


class SparkFailed(IbisError):
    """Spark, or the bridge to its Java side, gave up."""


class Spark(Backend):
    """Ibis's Spark. A Parquet file is written as one file, in the order of the expression, where Spark has many."""

    def to_parquet(self, expr: ir.Table, /, path: str | Path, **more: Any) -> None:
        """Write the rows of an expression."""
        path = Path(path)
        with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as beside:
            parts = Path(beside) / "parts"
            with told():
                super().to_parquet(expr, parts, **more)
            _join(sorted(parts.glob("part-*.parquet")), path, expr.schema().to_pyarrow())

    def execute(self, expr: ir.Expr, /, **more: Any) -> Any:
        """The rows of an expression, in memory."""
        with told():
            return super().execute(expr, **more)

    def read_parquet(self, path: str | Path, /, **more: Any) -> ir.Table:
        """A file as a table."""
        with told():
            return super().read_parquet(path, **more)


@contextmanager
def told() -> Iterator[None]:
    """What Spark raises within the block comes out as SparkFailed, which needs no Spark to be caught."""
    try:
        yield
    except (PySparkException, Py4JError) as error:
        raise SparkFailed(str(error)) from error


def connect_spark(session: SparkSession) -> Spark:
    """The engine on a session that has begun."""
    with told():
        return Spark().connect(session)


def _join(parts: list[Path], path: Path, schema: pa.Schema) -> None:
    """The parts one after the other, in the memory of one row group."""
    with pq.ParquetWriter(path, pq.read_schema(parts[0]) if parts else schema, compression="zstd") as out:
        for part in parts:
            with pq.ParquetFile(part) as held:
                for group in range(held.num_row_groups):
                    out.write_table(held.read_row_group(group))
