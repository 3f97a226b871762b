"""A row of a file is found good, or refused with its place, a stable code and a reason."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

import yaml

from haihe.domain.cells import LONGEST, UNPRINTABLE
from haihe.domain.errors import InvalidInput
from haihe.domain.identity import hide_identity_numbers
from haihe.domain.incoming import Candidate, RowReader
from haihe.domain.penalties import STANDS_IN, PenaltyRules, as_record, read_penalty_rules
from haihe.usecases.context import Context
from haihe.usecases.records_in.tables import Row

PENALTY_RULES = Path(__file__).parent.parent.parent / "data" / "penalties.yaml"
RECORD_NO = "CF_WSH", "record_no"


@dataclass(frozen=True, slots=True)
class Checked:
    """A good row, with the blind index of the person it names."""

    no: int
    text: str
    candidate: Candidate
    index: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that is not taken, and why."""

    no: int
    text: str
    record_no: str | None
    field: str
    code: str
    detail: str


class Checker:
    """Checks the rows of one file under the rulebook in force."""

    def __init__(self, ctx: Context, entitled: Collection[str], on: date, penalties: bool) -> None:
        self._reader = RowReader(ctx.rules.up_to_date().rulebook(on), entitled, on)
        self._vault = ctx.vault
        self._penalties = shipped_penalty_rules() if penalties else None

    def check(self, row: Row) -> Checked | Refused:
        """The row as a candidate, or the first thing that is wrong with it."""
        try:
            if row.fault is not None:
                raise row.fault
            cells = row.cells if self._penalties is None else as_record(row.cells, self._penalties)
            candidate = self._reader.read(cells)
        except InvalidInput as fault:
            return self._refused(row, fault)
        identity = candidate.identity
        index = self._vault.index(f"{identity.id_type}:{identity.number}", "id_number")
        return Checked(row.no, row.text, candidate, index)

    def _refused(self, row: Row, fault: InvalidInput) -> Refused:
        named = (fault.field or "line") if self._penalties is None else _in_their_words(fault.field)
        return Refused(row.no, row.text, _record_no(row), named, fault.code, fault.detail)


@cache
def shipped_penalty_rules() -> PenaltyRules:
    """The classes of penalties that come with the product."""
    return read_penalty_rules(yaml.safe_load(PENALTY_RULES.read_text("utf-8")))


def _in_their_words(field: str | None) -> str:
    """The column of the national table that the fault is in."""
    return STANDS_IN.get(field or "", field or "line")


def _record_no(row: Row) -> str | None:
    """The record_no, where one can be made out that a report can show."""
    for column in RECORD_NO:
        found = row.cells.get(column, "").strip()
        if found and len(found) <= LONGEST["record_no"] and not UNPRINTABLE.search(found):
            return hide_identity_numbers(found)
    return None
