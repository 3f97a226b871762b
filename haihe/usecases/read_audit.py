"""审计的查阅与校验: for auditors. Looking into the trail is itself on the trail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select

from haihe.domain.errors import Forbidden
from haihe.storage.audit import AuditEntry, Break, find_breaks, hash_at, heads, write_audit
from haihe.storage.db import db, transaction
from haihe.usecases.staff_login import StaffCaller

MOST_EXPORTED = 100_000
# So many of the last entries of each lane are verified while an auditor waits; the operator's command verifies all.
VERIFIED_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class Anchor:
    """The end of one chain, as somebody wrote it down."""

    lane: int
    place: int
    hash: bytes

    def to_json(self) -> dict[str, Any]:
        """As it is kept in a file."""
        return {"lane": self.lane, "place": self.place, "hash": self.hash.hex()}

    @staticmethod
    def from_json(kept: dict[str, Any]) -> Anchor:
        """As it was kept in a file."""
        return Anchor(int(kept["lane"]), int(kept["place"]), bytes.fromhex(kept["hash"]))


@dataclass(frozen=True, slots=True)
class Verified:
    """How many entries in how many chains were looked at (all there are if `whole`), and every place at which they do
    not hold."""

    entries: int
    lanes: int
    breaks: tuple[Break, ...]
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Sought:
    """What an auditor looks for: each condition may be absent. `before` is the last entry of the page before."""

    actor: str | None = None
    deed: str | None = None
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None


def anchors() -> list[Anchor]:
    """The ends of all chains, to be kept elsewhere."""
    return [Anchor(lane, place, hash_) for lane, (place, hash_) in heads().items()]


def verify_audit(kept: Sequence[Anchor] = ()) -> Verified:
    """Whether every chain holds, and still runs through the anchors that were kept elsewhere."""
    breaks = find_breaks()
    breaks += [
        Break(a.lane, a.place, "ANCHOR") for a in kept if a.place and hash_at(a.lane, a.place) != a.hash
    ]
    ends = heads()
    return Verified(sum(place for place, _hash in ends.values()), len(ends), tuple(breaks))


def check_chains(auditor: StaffCaller, at: datetime) -> Verified:
    """Whether the last entries of every chain hold; that and what was found is itself on the trail."""
    with transaction():
        breaks = tuple(find_breaks(VERIFIED_AT_ONCE))
        places = [place for place, _hash in heads().values()]
        looked = sum(min(place, VERIFIED_AT_ONCE) for place in places)
        write_audit(at, auditor.actor, "verify_audit", "audit", entries=looked, breaks=len(breaks))
    return Verified(looked, len(places), breaks, looked == sum(places))


def search_audit(
    auditor: StaffCaller, sought: Sought, limit: int, at: datetime
) -> tuple[list[AuditEntry], int | None]:
    """Entries, newest first, and the cursor of the next page; the search leaves its own trace.

    What the auditor did themselves is not among them: another auditor looks at that.
    """
    query = _query(auditor, sought)
    rows = list(db.session.execute(query.limit(limit + 1)).scalars())
    _trace(auditor, "search_audit", sought, at)
    return rows[:limit], rows[limit - 1].id if len(rows) > limit else None


def export_audit(auditor: StaffCaller, sought: Sought, at: datetime) -> Iterator[AuditEntry]:
    """The same as one long list, at most a hundred thousand."""
    query = _query(auditor, sought)
    _trace(auditor, "export_audit", sought, at)
    return db.session.execute(query.limit(MOST_EXPORTED).execution_options(yield_per=1000)).scalars()


def _query(auditor: StaffCaller, sought: Sought) -> Select[tuple[AuditEntry]]:
    if sought.actor == auditor.actor:
        raise Forbidden("OWN_DEEDS", "您本人的操作须由另一位审计人员查阅", "actor")
    query = select(AuditEntry).where(AuditEntry.actor != auditor.actor).order_by(AuditEntry.id.desc())
    for column, value in (
        (AuditEntry.actor, sought.actor),
        (AuditEntry.deed, sought.deed),
        (AuditEntry.subject, sought.subject),
    ):
        if value is not None:
            query = query.where(column == value)
    if sought.since is not None:
        query = query.where(AuditEntry.at >= sought.since)
    if sought.until is not None:
        query = query.where(AuditEntry.at < sought.until)
    if sought.before is not None:
        query = query.where(AuditEntry.id < sought.before)
    return query


def _trace(auditor: StaffCaller, deed: str, sought: Sought, at: datetime) -> None:
    looked = {
        name: str(getattr(sought, name))
        for name in Sought.__slots__
        if getattr(sought, name) is not None and name != "before"
    }
    with transaction():
        write_audit(at, f"staff:{auditor.username}", deed, "audit", sought=looked)
