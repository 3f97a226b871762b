"""Taking events to deliver and putting down how it went. Several workers may do so at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text

from haihe.storage.db import db

# The first unsent event of every order, so many for each merchant as it may have under way; a failing endpoint one at
# a time, and those only while there is room left in the slow lane. Turns go round among the endpoints.
CLAIM = text("""
WITH under_way AS (
  SELECT d.merchant_id, d.endpoint_id, count(*) AS many FROM deliveries d
  WHERE d.state = 'WAITING' AND d.leased_until > :at GROUP BY GROUPING SETS ((d.merchant_id), (d.endpoint_id))
), heads AS (
  SELECT head.id, head.due_at, e.merchant_id, e.failing_since IS NOT NULL AS slow,
         row_number() OVER (PARTITION BY e.merchant_id ORDER BY head.due_at, head.id) AS turn
  FROM webhook_endpoints e
  CROSS JOIN LATERAL (
    SELECT d.id, d.due_at FROM deliveries d
    WHERE d.endpoint_id = e.id AND d.state = 'WAITING' AND d.due_at <= :at
      AND (d.leased_until IS NULL OR d.leased_until <= :at)
      AND NOT EXISTS (
        SELECT 1 FROM deliveries earlier
        WHERE earlier.endpoint_id = d.endpoint_id AND earlier.order_id = d.order_id
          AND earlier.id < d.id AND earlier.state = 'WAITING')
    ORDER BY d.due_at, d.id
    LIMIT CASE WHEN e.failing_since IS NULL THEN :each
               WHEN EXISTS (SELECT 1 FROM under_way u WHERE u.endpoint_id = e.id) THEN 0 ELSE 1 END
  ) head
  WHERE e.deleted_at IS NULL
), taken AS (
  SELECT h.id, h.turn, h.due_at, row_number() OVER (PARTITION BY h.slow ORDER BY h.turn, h.due_at) AS place, h.slow
  FROM heads h LEFT JOIN under_way u ON u.merchant_id = h.merchant_id
  WHERE h.turn + coalesce(u.many, 0) <= :each
), chosen AS (
  SELECT id FROM taken WHERE NOT slow OR place <= :slow_room ORDER BY turn, due_at LIMIT :most
), locked AS (
  SELECT d.id FROM deliveries d
  WHERE d.id IN (SELECT id FROM chosen) AND d.state = 'WAITING'
    AND (d.leased_until IS NULL OR d.leased_until <= :at)
  FOR UPDATE SKIP LOCKED
), leased AS (
  UPDATE deliveries d SET leased_until = :until FROM locked WHERE d.id = locked.id
  RETURNING d.id, d.event_no, d.endpoint_id, d.leased_until
)
SELECT l.id AS delivery_id, l.leased_until, ev.event_id, ev.type, ev.sequence, ev.body, ev.created_at, e.url, e.encryption_jwk,
       e.merchant_id, e.failing_since IS NOT NULL AS slow,
       ARRAY(SELECT h.host FROM webhook_hosts h WHERE h.merchant_id = e.merchant_id) AS hosts
FROM leased l JOIN merchant_events ev ON ev.id = l.event_no JOIN webhook_endpoints e ON e.id = l.endpoint_id
ORDER BY l.id
""")

# Whatever waits behind an event of its order is not worth looking at before that event is tried again.
POSTPONE = text("""
UPDATE deliveries later SET due_at = d.due_at FROM deliveries d
WHERE d.id = ANY(:ids) AND d.state = 'WAITING' AND later.endpoint_id = d.endpoint_id
  AND later.order_id = d.order_id AND later.id > d.id AND later.state = 'WAITING' AND later.due_at < d.due_at
""")
FAILING = text("""
UPDATE webhook_endpoints SET failing_since = :at
WHERE failing_since IS NULL AND id = ANY(:ids)
""")
WELL = text(
    "UPDATE webhook_endpoints SET failing_since = NULL WHERE failing_since IS NOT NULL AND id = ANY(:ids)"
)


@dataclass(frozen=True, slots=True)
class Taken:
    """An event to be delivered now, to where, and sealed for whom."""

    delivery_id: int
    leased_until: datetime
    event_id: str
    type: str
    sequence: int
    body: dict[str, Any]
    created_at: datetime
    url: str
    encryption_jwk: dict[str, Any] | None
    merchant_id: int
    slow: bool
    hosts: list[str]


def take_due(at: datetime, until: datetime, most: int, each: int, slow_room: int) -> list[Taken]:
    """Lease what is due to this worker: at most `most`, at most `each` under way for one merchant."""
    rows = db.session.execute(
        CLAIM, {"at": at, "until": until, "most": most, "each": each, "slow_room": slow_room}
    ).mappings()
    return [Taken(**row) for row in rows]


def postpone_behind(delivery_ids: Sequence[int]) -> None:
    """Let later events of the same orders wait as long as these do."""
    db.session.execute(POSTPONE, {"ids": list(delivery_ids)})


def mark_endpoints(well: Iterable[int], failing: Iterable[int], at: datetime) -> None:
    """Remember which endpoints answered last as they should, and which did not."""
    well, failing = set(well), set(failing)
    if failing:
        db.session.execute(FAILING, {"ids": list(failing), "at": at})
    if well - failing:
        db.session.execute(WELL, {"ids": list(well - failing)})
