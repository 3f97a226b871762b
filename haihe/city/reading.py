"""Tables of the database into Parquet files, several at once and all as of one moment, in the memory of a few batches."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event, Lock
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from adbc_driver_postgresql import dbapi

from haihe.storage.whole_city import connection_words

# Half of the time goes into the conversation between one connection and one process of the server.
READERS = 2
LOOK_SECONDS = 0.2

# A query, or several that give one part each, and what their rows are to look like.
Wanted = tuple[Sequence[str], pa.Schema]


@contextmanager
def one_moment() -> Iterator[list[Any]]:
    """Cursors all of whose questions are answered as of the same moment, and which cannot change anything."""
    with ExitStack() as stack:
        cursors: list[Any] = []
        moment = ""
        for _ in range(READERS):
            connection = stack.enter_context(dbapi.connect(connection_words()))
            cursor = stack.enter_context(connection.cursor())
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            if moment:
                cursor.execute(f"SET TRANSACTION SNAPSHOT '{moment}'")
            else:
                (moment,) = one_row(cursor, "SELECT pg_export_snapshot()")
            cursor.execute("SET LOCAL work_mem = '256MB'")
            cursors.append(cursor)
        yield cursors


def one_row(cursor: Any, query: str) -> tuple[Any, ...]:
    """The only row of a query."""
    cursor.execute(query)
    found: tuple[Any, ...] = cursor.fetchone()
    return found


def read_tables(
    cursors: Sequence[Any], wanted: Mapping[str, Wanted], directory: Path, progress: Callable[[int], None]
) -> dict[str, int]:
    """Each table as a Parquet file of its name, its parts in no order; returns how many rows each has."""
    waiting: SimpleQueue[tuple[str, str]] = SimpleQueue()
    written: SimpleQueue[tuple[str, int]] = SimpleQueue()
    stopped = Event()
    rows = dict.fromkeys(wanted, 0)

    def read(cursor: Any) -> None:
        while not stopped.is_set():
            try:
                name, query = waiting.get_nowait()
            except Empty:
                return
            cursor.execute(query)
            for batch in cursor.fetch_record_batch():
                if stopped.is_set():
                    return
                files[name].write(fitted(batch, wanted[name][1]))
                written.put((name, batch.num_rows))

    def follow(readers: Sequence[Future[None]]) -> None:
        """Tell how far they have come, in the caller's own thread: what follows progress may want a database session."""
        while not any(r.done() and r.exception() for r in readers):
            over = all(r.done() for r in readers)
            try:
                name, more = written.get(timeout=LOOK_SECONDS)
            except Empty:
                if over:
                    return
                continue
            rows[name] += more
            progress(more)

    with ExitStack() as stack:
        files = {}
        for name, (queries, schema) in wanted.items():
            files[name] = _Shared(stack.enter_context(table_file(directory / f"{name}.parquet", schema)))
            for query in queries:
                waiting.put((name, query))
        with ThreadPoolExecutor(len(cursors)) as pool:
            try:
                readers = [pool.submit(read, cursor) for cursor in cursors]
                follow(readers)
                for reader in readers:
                    reader.result()
            finally:
                stopped.set()
    return rows


@contextmanager
def table_file(file: Path, schema: pa.Schema) -> Iterator[pq.ParquetWriter]:
    """A table to be written row group by row group; when the block ends well it is on the disk."""
    with file.open("wb") as out:
        with pq.ParquetWriter(out, schema, compression="zstd") as writer:
            yield writer
        out.flush()
        os.fsync(out.fileno())


def fitted(batch: pa.RecordBatch, schema: pa.Schema) -> pa.Table:
    """A batch under the names and types of the schema: texts of few values become dictionaries."""
    columns = []
    for field in schema:
        column = batch.column(field.name)
        if pa.types.is_dictionary(field.type):
            column = column.dictionary_encode()
        columns.append(column.cast(field.type))
    return pa.Table.from_arrays(columns, schema=schema)


class _Shared:
    """A file that several readers write into, one row group at a time."""

    def __init__(self, writer: pq.ParquetWriter) -> None:
        self._writer, self._one_by_one = writer, Lock()

    def write(self, rows: pa.Table) -> None:
        with self._one_by_one:
            self._writer.write_table(rows)
