"""The people a draft is tried on: everybody in a snapshot, so that trying never loads the database.

What criteria may ask about everybody is computed once for each rulebook and day and kept beside the snapshot, so that every
further draft is one scan of it.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq
from ibis.backends import BaseBackend

from haihe.city import columns
from haihe.city.decisions import facts_columns
from haihe.city.engine import computing
from haihe.city.reach import band_column
from haihe.city.revising import revised_facts
from haihe.city.scoring import score_columns
from haihe.city.snapshot import MANIFEST, TABLES, open_snapshot
from haihe.domain.rulebook import Rulebook

FACTS = "facts"


@dataclass(frozen=True)
class Population:
    """The tables of one snapshot in one engine. `stamp` changes with the files, `home` is where facts are kept."""

    engine: BaseBackend
    home: Path
    taken_at: str
    stamp: str
    residents: ir.Table
    records: ir.Table
    orders: ir.Table

    def facts(self, rulebook: Rulebook, on: date, present: Rulebook | None = None) -> ir.Table:
        """Facts of everybody who is counted, one row each: computed the first time, read from the file afterwards.

        With the `present` rulebook, of which this one is a draft, only what differs is computed.
        """
        file = self.facts_file(rulebook, on)
        if not _whole(file):
            found = present and revised_facts(present, rulebook, self.facts(present, on), self.records, on)
            self._keep(found if found is not None else self._facts(rulebook, on), file)
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
        codes = self.engine.to_pyarrow(self.orders.select("scenario").distinct())["scenario"]
        return sorted(codes.to_pylist())

    def _keep(self, facts: ir.Table, file: Path) -> None:
        # Written under another name first: whoever finds the file finds all of it.
        unfinished = file.with_suffix(f".{os.getpid()}.unfinished")
        try:
            with computing(f"没能在 {self.home} 写下中间结果"):
                self.engine.to_parquet(facts, unfinished)
                with unfinished.open("rb") as written:
                    os.fsync(written.fileno())
                unfinished.rename(file)
        finally:
            with suppress(FileNotFoundError):
                unfinished.unlink()


def _whole(file: Path) -> bool:
    try:
        pq.read_metadata(file)
    except (OSError, pa.ArrowException):
        return False
    return True


def read_population(engine: BaseBackend, directory: Path, on: date) -> Population:
    """Everybody in the snapshot of that day in this directory; `SnapshotError` where it cannot be used."""
    snapshot = open_snapshot(directory, on)
    residents, records, orders = (snapshot.table(engine, name) for name in TABLES)
    stamp = f"{snapshot.taken_at}|{sorted(snapshot.rows.items())}"
    return Population(engine, directory, snapshot.taken_at, stamp, residents, records, orders)


def day_of_snapshot(directory: Path) -> date | None:
    """The day of which a snapshot says it is; None where it does not say so, which opening it will complain of."""
    try:
        return date.fromisoformat(json.loads((directory / MANIFEST).read_text("utf-8"))["day"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
