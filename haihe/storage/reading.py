"""Reading for decisions: a resident's records, consents and orders, as the domain knows them. Many residents a query."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy import select

from haihe.domain.facts import Counts
from haihe.domain.links import StandingLink
from haihe.domain.records import Record, RecordState, Severity
from haihe.storage.db import among, db
from haihe.storage.decisions import Order
from haihe.storage.links import Link
from haihe.storage.order_counts import counted_orders
from haihe.storage.records import RecordRow
from haihe.storage.residents import Consent, Resident

JOIN = "JOIN"
SENSITIVE = "SENSITIVE:"


@dataclass(slots=True)
class OrderCounts:
    """How many orders of each scenario one resident has running, and has begun this month and this year, in all and at
    each merchant; and how many bookings of this quarter they let lapse."""

    running: Counter[str] = field(default_factory=Counter)
    this_month: Counter[str] = field(default_factory=Counter)
    this_year: Counter[str] = field(default_factory=Counter)
    no_shows: Counter[str] = field(default_factory=Counter)
    at_merchant: dict[str, dict[int, Counts]] = field(default_factory=dict)

    def add(self, scenario: str, merchant_id: int, used: Counts, no_shows: int) -> None:
        """Count the orders of a scenario at one merchant."""
        for counter, more in zip(
            (self.running, self.this_month, self.this_year, self.no_shows), (*used, no_shows), strict=True
        ):
            if more:
                counter[scenario] += more
        if any(used):
            self.at_merchant.setdefault(scenario, {})[merchant_id] = used


@dataclass(frozen=True, slots=True)
class KnownResident:
    """Everything stored that a decision about one resident may rest on."""

    resident_id: int
    version: int
    birth_date: date
    district: str | None
    consents: frozenset[str]
    records: list[Record]
    orders: OrderCounts
    links: tuple[StandingLink, ...] = ()

    @property
    def joined(self) -> bool:
        """A JOIN consent is in force."""
        return JOIN in self.consents

    @property
    def sensitive_consents(self) -> frozenset[str]:
        """The sensitive classes agreed to."""
        return frozenset(c.removeprefix(SENSITIVE) for c in self.consents if c.startswith(SENSITIVE))


def known_residents(ids: Iterable[int], on: date) -> dict[int, KnownResident]:
    """What is known of these residents, in five queries however many they are; ids of nobody are left out."""
    wanted = list(ids)
    rows = db.session.execute(
        select(Resident.id, Resident.version, Resident.birth_date, Resident.district).where(
            among(Resident.id, wanted)
        )
    ).all()
    consents: defaultdict[int, set[str]] = defaultdict(set)
    for resident_id, purpose in db.session.execute(
        select(Consent.resident_id, Consent.purpose).where(
            among(Consent.resident_id, wanted), Consent.withdrawn_at.is_(None)
        )
    ):
        consents[resident_id].add(purpose)
    records = effective_records(wanted)
    orders = order_counts(wanted, on)
    links = standing_links(wanted)
    return {
        r.id: KnownResident(
            resident_id=r.id,
            version=r.version,
            birth_date=r.birth_date,
            district=r.district,
            consents=frozenset(consents.get(r.id, ())),
            records=records.get(r.id, []),
            orders=orders.get(r.id) or OrderCounts(),
            links=links.get(r.id, ()),
        )
        for r in rows
    }


def effective_records(ids: Iterable[int]) -> dict[int, list[Record]]:
    """The effective records of these residents; whether a record still counts on a day is for the domain to say."""
    found: defaultdict[int, list[Record]] = defaultdict(list)
    rows = db.session.execute(
        select(
            RecordRow.resident_id,
            RecordRow.id,
            RecordRow.indicator,
            RecordRow.occurred_on,
            RecordRow.quantity,
            RecordRow.level,
            RecordRow.severity,
            RecordRow.valid_from,
            RecordRow.valid_to,
        ).where(among(RecordRow.resident_id, ids), RecordRow.state == RecordState.EFFECTIVE)
    )
    for (
        resident_id,
        record_id,
        indicator,
        occurred_on,
        quantity,
        level,
        severity,
        valid_from,
        valid_to,
    ) in rows:
        found[resident_id].append(
            Record(
                record_id,
                indicator,
                occurred_on,
                quantity,
                level,
                Severity(severity) if severity else None,
                valid_from,
                valid_to,
            )
        )
    return found


def standing_links(ids: Iterable[int]) -> dict[int, tuple[StandingLink, ...]]:
    """The links that have not been taken back, one after the other as they were given; each says until when it holds."""
    found: defaultdict[int, list[StandingLink]] = defaultdict(list)
    for link in db.session.execute(
        select(Link.resident_id, Link.pairwise_id, Link.merchant_id, Link.expires_at, Link.scenarios)
        .where(among(Link.resident_id, ids), Link.withdrawn_at.is_(None))
        .order_by(Link.id)
    ):
        until_ms = int(link.expires_at.timestamp() * 1000)
        found[link.resident_id].append(
            StandingLink(link.pairwise_id, link.merchant_id, until_ms, frozenset(link.scenarios))
        )
    return {resident_id: tuple(links) for resident_id, links in found.items()}


def order_counts(ids: Iterable[int], on: date) -> dict[int, OrderCounts]:
    """The orders of these residents as they count on a day; whoever has none is left out."""
    counts: defaultdict[int, OrderCounts] = defaultdict(OrderCounts)
    for resident_id, scenario, merchant_id, *used, no_shows in db.session.execute(
        counted_orders(on).where(among(Order.resident_id, ids))
    ):
        counts[resident_id].add(scenario, merchant_id, tuple(used), no_shows)
    return counts
