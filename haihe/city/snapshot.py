"""快照: a dated copy of the city as columns, in a directory of Parquet files, whole or not there at all.

It is written into a directory beside its own and renamed once everything is in it and on the disk. Whoever opens one is
told when it is of another version, of another day or damaged, rather than handed what is left of it.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq
from adbc_driver_manager import Error as DatabaseError
from ibis.backends import BaseBackend

from haihe.city.columns import (
    SCHEMA_VERSION,
    VERSION_KEY,
    consent,
    dimension,
    links_schema,
    orders_schema,
    records_schema,
    residents_schema,
)
from haihe.city.failing import CityFailed
from haihe.city.reading import one_moment, one_row, read_tables
from haihe.domain.rulebook import Rulebook
from haihe.storage.whole_city import (
    about_the_city_sql,
    links_sql,
    orders_sql,
    records_sql,
    residents_sql,
    scores_sql,
    versions_sql,
)

MANIFEST = "manifest.json"
TABLES = ("residents", "records", "orders")
# What was stored of everybody's points at the same moment: only in a snapshot of a database.
SCORES = "scores"
# Everybody's standing links at the same moment: only in a snapshot from which copies are made.
LINKS = "links"
# Each part of the records looks up anew who has joined.
PARTS = 4

# Told how many more have been done; and what opens one for a stage of the work, with its name and its length.
Progress = Callable[[int], None]
Watch = Callable[[str, int], AbstractContextManager[Progress]]


class SnapshotError(CityFailed):
    """A snapshot cannot be taken or used; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A whole snapshot: where it is, of which day and moment, and how many rows each table has."""

    directory: Path
    day: date
    taken_at: str
    rows: dict[str, int]

    @property
    def has_scores(self) -> bool:
        """Whether the stored scores, and the version of every resident, were read along with the rest."""
        return SCORES in self.rows

    def table(self, engine: BaseBackend, name: str) -> ir.Table:
        """One of its tables, as a table of the engine."""
        return engine.read_parquet(str(self.directory / f"{name}.parquet"))


def unwatched(_stage: str, _length: int) -> AbstractContextManager[Progress]:
    """Nobody looks on."""
    return nullcontext(lambda _done: None)


def scores_schema(rulebook: Rulebook) -> pa.Schema:
    """Everybody's version, and the score that is stored of them: null where there is none."""
    return pa.schema(
        [
            pa.field("resident_id", pa.int64(), nullable=False),
            pa.field("version", pa.int64(), nullable=False),
            pa.field("total", pa.int32()),
            pa.field("grade", pa.string()),
            pa.field("parts", pa.string()),
            pa.field("last_day", pa.date32()),
            pa.field("rulebook", pa.string()),
            pa.field("computed_at", pa.timestamp("us", "UTC")),
            *(pa.field(dimension(d.code), pa.int32()) for d in rulebook.dimensions),
        ],
        metadata=records_schema().metadata,
    )


def take_snapshot(
    directory: Path,
    rulebook: Rulebook,
    classes: Iterable[str],
    on: date,
    watch: Watch = unwatched,
    for_copies: bool = False,
    with_links: bool = False,
) -> Snapshot:
    """Read the database into a new directory, all of it as of one moment, and in the memory of a few batches.

    What is only `for_copies` has nobody in it who has not joined, and of the stored scores only the versions. Links are
    needed for copies alone, and are read only `with_links`: by what names merchants know people is no matter of analyses.
    """
    classes = tuple(classes)
    if directory.exists():
        raise SnapshotError(f"{directory} 已经存在；快照不会被覆盖，请另选目录或先删除它")
    dimensions = {dimension(d.code): d.code for d in rulebook.dimensions}
    if for_copies:
        stored = [versions_sql()], pa.schema(list(scores_schema(rulebook))[:2], records_schema().metadata)
    else:
        stored = [scores_sql(dimensions)], scores_schema(rulebook)
    residents = residents_sql({consent(c): c for c in classes}, joined_only=for_copies)
    with in_place_when_whole(directory) as beside, one_moment() as cursors:
        taken_at, about, pages = one_row(cursors[0], about_the_city_sql())
        wanted = {
            # The longest first, and in parts, so that all readers are done at about the same time.
            SCORES: stored,
            "residents": ([residents], residents_schema(classes)),
            "records": (records_sql(pages, PARTS), records_schema()),
            "orders": ([orders_sql(on)], orders_schema()),
            **({LINKS: ([links_sql()], links_schema())} if with_links else {}),
        }
        with watch("读出", about) as progress:
            rows = read_tables(cursors, wanted, beside, progress)
        seal(beside, on, taken_at, rows)
    return open_snapshot(directory, on)


def open_snapshot(directory: Path, on: date) -> Snapshot:
    """The snapshot in a directory, looked over: its version, its day, and every file as long as it was written."""
    try:
        manifest = json.loads((directory / MANIFEST).read_text("utf-8"))
        version, day = manifest["schema_version"], date.fromisoformat(manifest["day"])
        snapshot = Snapshot(directory, day, manifest["taken_at"], manifest["rows"])
        missing = [name for name in TABLES if name not in snapshot.rows]
    except FileNotFoundError as error:
        raise SnapshotError(f"{directory} 不是完整的快照：没有 {MANIFEST}") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SnapshotError(f"{directory}/{MANIFEST} 读不出来，快照已损坏，请重新生成：{error}") from error
    if version != SCHEMA_VERSION:
        raise SnapshotError(f"{directory} 是第 {version} 版快照，本程序读第 {SCHEMA_VERSION} 版；请重新生成")
    if missing:
        raise SnapshotError(f"{directory} 不完整：清单里没有 {'、'.join(missing)}；请重新生成")
    for name, expected in snapshot.rows.items():
        _look_over(directory / f"{name}.parquet", expected)
    if day != on:
        raise SnapshotError(f"{directory} 是 {day} 的快照，需要的是 {on} 的；请重新生成或用 --on {day}")
    return snapshot


def write_manifest(directory: Path, on: date, taken_at: str, rows: dict[str, int]) -> None:
    """What makes a directory of tables a snapshot; to be written last."""
    manifest = {"schema_version": SCHEMA_VERSION, "day": on.isoformat(), "taken_at": taken_at, "rows": rows}
    (directory / MANIFEST).write_text(json.dumps(manifest, ensure_ascii=False, indent=1) + "\n", "utf-8")


def _look_over(file: Path, expected: int) -> None:
    try:
        held = pq.read_metadata(file)
    except FileNotFoundError as error:
        raise SnapshotError(f"{file.parent} 不完整：缺少 {file.name}；请重新生成") from error
    except (OSError, pa.ArrowException) as error:
        raise SnapshotError(f"{file} 不是完整的 Parquet 文件（可能没有写完）；请重新生成") from error
    version = (held.metadata or {}).get(VERSION_KEY, b"?").decode()
    if version != str(SCHEMA_VERSION):
        raise SnapshotError(f"{file} 是第 {version} 版的表，本程序读第 {SCHEMA_VERSION} 版；请重新生成")
    if held.num_rows != expected:
        raise SnapshotError(f"{file} 有 {held.num_rows:,} 行，清单写的是 {expected:,} 行；请重新生成")


@contextmanager
def in_place_when_whole(directory: Path) -> Iterator[Path]:
    """A directory to write into that becomes `directory` when the block ends well, and is gone when it does not."""
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        # Only we may look into it: what is in it is about people, even without their names.
        beside = Path(tempfile.mkdtemp(prefix=f".{directory.name}-", dir=directory.parent))
    except OSError as error:
        raise SnapshotError(f"无法在 {directory.parent} 建立快照：{error.strerror}") from error
    try:
        yield beside
        beside.rename(directory)
    except DatabaseError as error:
        raise SnapshotError(f"读取数据库失败，没有留下快照：{str(error).splitlines()[0]}") from error
    except (OSError, pa.ArrowException) as error:
        why = (
            "磁盘已满" if getattr(error, "errno", None) == 28 or "No space left" in str(error) else str(error)
        )
        raise SnapshotError(f"写快照失败，没有留下快照：{why}") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def seal(directory: Path, on: date, taken_at: datetime, rows: dict[str, int]) -> None:
    """Write the manifest, when everything else has been written."""
    write_manifest(directory, on, taken_at.isoformat(), rows)
    with (directory / MANIFEST).open("rb") as file:
        os.fsync(file.fileno())
