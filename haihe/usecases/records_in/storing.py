"""One chunk of a file, stored with its points, its ledger and its audit in one transaction."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.exc import OperationalError

from haihe.domain.errors import Conflict, Unavailable
from haihe.domain.identity import same_name
from haihe.domain.records import RecordState
from haihe.storage.audit import write_audit
from haihe.storage.copies import lock_residents, next_versions
from haihe.storage.db import transaction
from haihe.storage.imports import Counts, advance_import, lock_import, quarantine
from haihe.storage.incoming import (
    Stated,
    Stranger,
    add_records,
    add_residents,
    change_records,
    differences_among,
    joined_among,
    known_among,
    lock_source,
    residents_by_index,
    sealed_names_of,
)
from haihe.storage.vault import Vault
from haihe.storage.withdrawals import withdrawn_file
from haihe.usecases.context import Context
from haihe.usecases.records_in.checking import Checked, Refused
from haihe.usecases.rescore import CORRECTED, NEW, REPAIRED, Rescored, Touched, hold_copies, rescore
from haihe.usecases.telling_redis import forget_copies

TRIES = 5
PAUSE = 0.1
# Dead-locked, not to be serialised, waited too long for a lock: all of them pass when tried again.
PASSING = {"40P01", "40001", "55P03"}
LONGEST_KEPT = 16 << 10
MOST_NAMES = 50_000
CAUSES = {RecordState.REPAIRED: REPAIRED, RecordState.WITHDRAWN: CORRECTED}


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows of a file, good and refused; the first and the last line that they stand on, and the byte after them."""

    checked: Sequence[Checked]
    refused: Sequence[Refused]
    first_line: int
    last_line: int
    position: int


class NamesHeld:
    """The names under which people are held already, each opened once in a file."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._names: dict[int, str] = {}

    def of(self, ids: Iterable[int]) -> dict[int, str]:
        """The names of these residents."""
        wanted = set(ids)
        found = {i: self._names[i] for i in wanted if i in self._names}
        for i, key_id, sealed in sealed_names_of(list(wanted - found.keys())):
            found[i] = self._vault.open(key_id, sealed, "name")
        if len(self._names) + len(found) > MOST_NAMES:
            self._names = {}
        self._names |= found
        return found


def store_chunk(
    ctx: Context, source: str, import_id: int, chunk: Chunk, at: datetime, actor: str, names: NamesHeld
) -> None:
    """Store a chunk, again if somebody else's lock was in the way; Unavailable where it stays so."""
    insist(ctx, lambda: _store(ctx, source, import_id, chunk, at, actor, names))


def insist(ctx: Context, deed: Callable[[], Rescored]) -> None:
    """Do it in one transaction, again if somebody else's lock was in the way, and hold the copies that come of it."""
    for tried in range(1, TRIES + 1):
        try:
            with transaction():
                rescored = deed()
            break
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) not in PASSING:
                raise
            if tried == TRIES:
                raise Unavailable(
                    "IMPORT_BUSY", "数据库繁忙，文件尚未导完；请稍后重新报送同一文件，将从断点继续"
                ) from error
            time.sleep(PAUSE * tried * tried)
    hold_copies(ctx, rescored)


def _store(
    ctx: Context, source: str, import_id: int, chunk: Chunk, at: datetime, actor: str, names: NamesHeld
) -> Rescored:
    """Everything of one transaction; returns the copies to be held once it is committed."""
    lock_source(source)
    done = lock_import(import_id)
    if withdrawn_file(import_id) is not None:
        raise withdrawn()
    if done >= chunk.last_line:
        return Rescored()
    # Somebody else may be sending the same file at the same time, and be further on.
    checked = [row for row in chunk.checked if row.no > done]
    stored = store_rows(ctx, source, import_id, checked, at, names)
    refused = [row for row in chunk.refused if row.no > done] + stored.refused
    quarantine(import_id, [_sealed(ctx, line) for line in refused])
    counts = Counts(stored.added, stored.changed, stored.unchanged, len(refused))
    advance_import(import_id, chunk.last_line, counts)
    lines = [chunk.first_line, chunk.last_line]
    write_audit(at, actor, "import_records", f"import:{import_id}", source=source, lines=lines)
    return stored.rescored


def withdrawn() -> Conflict:
    """The answer to whoever would load a file that has been withdrawn."""
    return Conflict("FILE_WITHDRAWN", "这份文件已整份撤回，不能再导入；请更正后以新文件报送")


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of rows that were good by themselves: some are refused for what is known already."""

    added: int
    changed: int
    unchanged: int
    refused: list[Refused]
    rescored: Rescored


def store_rows(
    ctx: Context, source: str, import_id: int, checked: Sequence[Checked], at: datetime, names: NamesHeld
) -> Stored:
    """Store good rows of a file, with points and ledger, in the caller's transaction; source and import are locked already."""
    ids, new = _residents(ctx, checked, at)
    if known := set(ids.values()) - new:
        lock_residents(known)
    held = names.of(known) if known else {}
    # Whoever is new is held under the name on the first of their lines.
    held |= {ids[row.index]: row.candidate.name for row in reversed(checked) if ids[row.index] in new}
    misnamed = [row for row in checked if not same_name(row.candidate.name, held[ids[row.index]])]
    misnamed_lines = {row.no for row in misnamed}
    storing = _Storing(source, import_id, at)
    for round_ in _rounds([row for row in checked if row.no not in misnamed_lines]):
        storing.store(round_, ids)
    refused = [*map(_other_name, misnamed), *storing.refused]
    rescored = rescore_touched(ctx, storing.touched, new, at)
    return Stored(storing.added, storing.changed, storing.unchanged, refused, rescored)


def _residents(ctx: Context, checked: Sequence[Checked], at: datetime) -> tuple[dict[bytes, int], set[int]]:
    """The residents named, by blind index; whoever is stated for the first time is added, and told apart."""
    named = {c.index: c.candidate for c in reversed(checked)}
    ids = residents_by_index(list(named))
    added: dict[bytes, int] = {}
    if missing := [index for index in named if index not in ids]:
        strangers = []
        for index in missing:
            identity = named[index].identity
            number = ctx.vault.seal(identity.number, "id_number")
            name = ctx.vault.seal(named[index].name, "name")
            strangers.append(
                Stranger(
                    index,
                    identity.id_type,
                    number.key_id,
                    number.ciphertext,
                    name.ciphertext,
                    identity.birth_date,
                )
            )
        added = add_residents(strangers, at)
        ids |= added
        if late := [index for index in missing if index not in added]:
            ids |= residents_by_index(late)
    return ids, set(added.values())


def _rounds(checked: Sequence[Checked]) -> Iterator[list[Checked]]:
    """The rows in order, a record_no at most once in a round: the later line of two is the newer version."""
    seen: Counter[str] = Counter()
    rounds: list[list[Checked]] = []
    for row in checked:
        n = seen[row.candidate.record_no]
        seen[row.candidate.record_no] += 1
        if n == len(rounds):
            rounds.append([])
        rounds[n].append(row)
    yield from rounds


class _Storing:
    """What becomes of the rows of one chunk."""

    def __init__(self, source: str, import_id: int, at: datetime) -> None:
        self.source, self.import_id, self.at = source, import_id, at
        self.added = self.changed = self.unchanged = 0
        self.touched: dict[int, Touched] = {}
        self.refused: list[Refused] = []

    def store(self, rows: Sequence[Checked], ids: dict[bytes, int]) -> None:
        """Rows with each record_no at most once: the new are added, the changed get their next version."""
        stated = [_stated(row, ids[row.index]) for row in rows]
        known = known_among(self.source, [s.record_no for s in stated])
        new = [s for s in stated if s.record_no not in known]
        record_ids = add_records(self.source, self.import_id, new, self.at)
        for s in new:
            cause = NEW if s.state is None else CAUSES.get(RecordState(s.state), NEW)
            self._touch(s.resident_id, s.indicator, cause, record_ids[s.record_no])
        old = [(row, s) for row, s in zip(rows, stated, strict=True) if s.record_no in known]
        differences = differences_among(self.source, [s for _row, s in old])
        changes = []
        for d in differences:
            row, s = old[d.row]
            if d.other_person:
                self.refused.append(_other_person(row))
                continue
            changes.append((d.record_id, s))
            repaired = d.new_state == RecordState.REPAIRED and d.new_state != d.old_state
            for indicator in {d.old_indicator, s.indicator}:
                self._touch(s.resident_id, indicator, REPAIRED if repaired else CORRECTED, d.record_id)
        change_records(self.import_id, changes, self.at)
        self.added += len(new)
        self.changed += len(changes)
        self.unchanged += len(known) - len(differences)

    def _touch(self, resident_id: int, indicator: str, cause: str, record_id: int) -> None:
        self.touched.setdefault(resident_id, Touched()).add(indicator, cause, record_id)


def _stated(row: Checked, resident_id: int) -> Stated:
    c = row.candidate
    return Stated(
        record_no=c.record_no,
        resident_id=resident_id,
        indicator=c.indicator,
        occurred_on=c.occurred_on,
        document_no=c.document_no,
        issuer=c.issuer,
        quantity=c.quantity,
        level=c.level,
        severity=c.severity,
        valid_from=c.valid_from,
        valid_to=c.valid_to,
        state=c.state,
        line_no=row.no,
    )


def _other_person(row: Checked) -> Refused:
    return Refused(
        row.no,
        row.text,
        row.candidate.record_no,
        "id_number",
        "IDENTITY_CHANGED",
        "此记录编号此前报送的是另一人；请撤回原记录，并以新的编号报送",
    )


def _other_name(row: Checked) -> Refused:
    return Refused(
        row.no,
        row.text,
        row.candidate.record_no,
        "name",
        "NAME_MISMATCH",
        "姓名与此证件号码已登记的姓名不一致；请核对姓名与号码，改名的居民须先重新实名核验",
    )


def _sealed(ctx: Context, line: Refused) -> dict[str, object]:
    sealed = ctx.vault.seal(line.text[:LONGEST_KEPT].encode(errors="replace").decode(), "quarantine")
    return {
        "line_no": line.no,
        "record_no": line.record_no,
        "field": line.field[:32],
        "code": line.code,
        "detail": line.detail[:255],
        "key_id": sealed.key_id,
        "line_sealed": sealed.ciphertext,
    }


def rescore_touched(ctx: Context, touched: dict[int, Touched], new: set[int], at: datetime) -> Rescored:
    """Points of those who have joined. Of the others only the copy is put out of use, and nobody has one of the new."""
    joined = joined_among([r for r in touched if r not in new])
    rescored = rescore(ctx, {r: t for r, t in touched.items() if r in joined}, at)
    others = [r for r in touched if r not in joined and r not in new]
    if others:
        told = forget_copies(ctx, next_versions(others))
        return replace(rescored, told=rescored.told and told)
    return rescored
