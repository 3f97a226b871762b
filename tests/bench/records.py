"""Records in, rows a second: the whole validated import beside a bare COPY of the same cells."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterator
from datetime import date, timedelta

from haihe.storage.db import db
from haihe.usecases.context import Context, day_of
from haihe.usecases.import_records import import_records
from tests.bench.table import Row
from tests.builders import Builders, id_number

COLUMNS = (
    "record_no",
    "indicator",
    "id_type",
    "id_number",
    "name",
    "occurred_on",
    "document_no",
    "issuer",
    "quantity",
)
PEOPLE = 10_000
ROWS_EACH = 8


def measure(ctx: Context, a: Builders) -> Iterator[Row]:
    """Ten thousand people nobody had heard of, eight records each; then the same file again, which changes nothing."""
    source = a.source("BENCH")
    rows = _rows(ctx)
    bare = _copied(rows)
    first = _imported(ctx, source, rows)
    corrected = _imported(ctx, source, [(*row[:-1], "3") for row in rows])
    yield Row(
        "记录导入（新居民），行/秒",
        f"{first:,.0f}",
        f"裸 COPY {bare:,.0f}",
        f"{first / bare:.2f}（目标 ≥ 20,000 行/秒）",
    )
    yield Row(
        "记录导入（全部更正），行/秒", f"{corrected:,.0f}", f"裸 COPY {bare:,.0f}", f"{corrected / bare:.2f}"
    )


def _rows(ctx: Context) -> list[tuple[str, ...]]:
    today = day_of(ctx.now())
    # Born before anybody of the demo city, whose people have names of their own.
    people = [id_number(n, date(1905, 1, 1) + timedelta(days=n // 500)) for n in range(PEOPLE)]
    return [
        (
            f"B{person}-{n}",
            "C01",
            "居民身份证",
            number,
            "测试居民",
            str(today - timedelta(days=31 * n)),
            "",
            "市人社局",
            "1",
        )
        for n in range(ROWS_EACH)
        for person, number in enumerate(people)
    ]


def _imported(ctx: Context, source: str, rows: list[tuple[str, ...]]) -> float:
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    writer.writerows(rows)
    begin = time.perf_counter()
    report = import_records(
        ctx, source, "bench.csv", io.BytesIO(file.getvalue().encode()), ctx.now(), "operator:bench"
    )
    took = time.perf_counter() - begin
    if report.added + report.changed != len(rows):
        raise RuntimeError(f"not every row was taken: {report}")
    return len(rows) / took


def _copied(rows: list[tuple[str, ...]]) -> float:
    """The limit: the same cells into a table without a constraint, by the same protocol."""
    connection = db.engine.raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute(f"CREATE TEMP TABLE bare ({', '.join(f'{c} text' for c in COLUMNS)})")
        begin = time.perf_counter()
        with cursor.copy("COPY bare FROM STDIN") as copy:  # type: ignore[attr-defined]
            for row in rows:
                copy.write_row(row)
        connection.commit()
        return len(rows) / (time.perf_counter() - begin)
    finally:
        connection.close()
