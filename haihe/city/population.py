"""The people a draft is tried on: a snapshot of everybody, from a directory of Parquet files or read once from PostgreSQL.

What criteria may ask about everybody is computed once for each rulebook and day and kept beside the snapshot, so that every
further draft is one scan of it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq
from ibis.backends import BaseBackend

from haihe.city import columns
from haihe.city.decisions import facts_columns
from haihe.city.reach import band_column
from haihe.city.scoring import score_columns
from haihe.domain.errors import InvalidInput, Unavailable
from haihe.domain.rulebook import Rulebook

FACTS = "facts"
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Population:
    """The tables of one snapshot in one engine. `stamp` changes with the files, `home` is where facts are kept."""

    engine: BaseBackend
    home: Path
    stamp: str
    residents: ir.Table
    records: ir.Table
    orders: ir.Table | None

    def facts(self, rulebook: Rulebook, on: date) -> ir.Table:
        """Facts of everybody who is counted, one row each: computed the first time, read from the file afterwards."""
        file = self.facts_file(rulebook, on)
        if not file.exists():
            self._keep(self._facts(rulebook, on), file)
        return self.engine.read_parquet(str(file))

    def facts_file(self, rulebook: Rulebook, on: date) -> Path:
        """Where the facts by this rulebook on this day are kept. The same version with other rules is another file."""
        named = f"{self.stamp}|{columns.SCHEMA_VERSION}|{on}|{rulebook!r}"
        return self.home / f"{FACTS}-{hashlib.sha256(named.encode()).hexdigest()[:16]}.parquet"

    def forget(self, rulebook: Rulebook, on: date) -> None:
        """Remove the facts by a rulebook that was only tried."""
        self.facts_file(rulebook, on).unlink(missing_ok=True)

    def _facts(self, rulebook: Rulebook, on: date) -> ir.Table:
        scored = score_columns(rulebook, self.residents, self.records, on)
        scored = scored.filter(scored["scored"]).drop("scored")
        facts = facts_columns(scored, self.orders, self._ordered())
        return facts.mutate(band=band_column(facts["birth_date"], on))

    def _ordered(self) -> list[str]:
        """The scenarios of which anybody has orders."""
        if self.orders is None:
            return []
        codes = self.engine.to_pyarrow(self.orders.select("scenario").distinct())["scenario"]
        return sorted(codes.to_pylist())

    def _keep(self, facts: ir.Table, file: Path) -> None:
        # Written under another name first: whoever finds the file finds all of it.
        unfinished = file.with_suffix(f".{os.getpid()}.unfinished")
        try:
            self.engine.to_parquet(facts, unfinished)
            unfinished.rename(file)
        except (OSError, duckdb.Error, pa.ArrowException) as error:
            raise Unavailable("SNAPSHOT_HOME_FULL", f"无法在 {self.home} 写下中间结果：{error}") from error
        finally:
            with suppress(FileNotFoundError):
                unfinished.unlink()


def read_snapshot(engine: BaseBackend, directory: Path) -> Population:
    """A snapshot: `residents.parquet`, `records.parquet` and, where anybody has orders, `orders.parquet`."""
    files = {name: directory / f"{name}.parquet" for name in ("residents", "records", "orders")}
    needed = {
        "residents": columns.residents_schema(()),
        "records": columns.records_schema(),
        "orders": columns.orders_schema(),
    }
    for name, file in files.items():
        if name != "orders" or file.exists():
            _check(file, needed[name].names)
    there = {name: file for name, file in files.items() if file.exists()}
    tables = {name: engine.read_parquet(str(file)) for name, file in there.items()}
    stamp = "|".join(f"{n}:{f.stat().st_size}:{f.stat().st_mtime_ns}" for n, f in there.items())
    return Population(engine, directory, stamp, tables["residents"], tables["records"], tables.get("orders"))


def day_of_snapshot(directory: Path) -> date | None:
    """The day of which a snapshot is, as its manifest says; None where there is no manifest."""
    try:
        return date.fromisoformat(json.loads((directory / MANIFEST).read_text("utf-8"))["day"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _unusable(f"{directory / MANIFEST} 读不出来，快照已损坏；请重新生成") from error


def _check(file: Path, needed: Iterable[str]) -> None:
    """Refuse what is not there, not whole, of another version, or lacks a column."""
    try:
        schema = pq.read_schema(file)
    except FileNotFoundError:
        raise _unusable(f"{file} 不存在；目录里应有 residents.parquet 与 records.parquet") from None
    except (pa.ArrowException, OSError) as error:
        raise _unusable(f"{file} 不是完整的 Parquet 文件（可能没有写完）；请重新生成快照") from error
    version = (schema.metadata or {}).get(columns.VERSION_KEY, b"").decode()
    if version != str(columns.SCHEMA_VERSION):
        found = f"是第 {version} 版格式" if version else "没有写明格式版本"
        raise _unusable(f"{file} {found}，本程序读第 {columns.SCHEMA_VERSION} 版；请用本程序重新生成快照")
    missing = [name for name in needed if name not in schema.names]
    if missing:
        raise _unusable(f"{file} 缺少列 {'、'.join(missing)}；请重新生成快照")


def _unusable(detail: str) -> InvalidInput:
    return InvalidInput("SNAPSHOT_UNUSABLE", detail)
