"""到哪里用: the merchants at which a benefit can be used, by district."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from haihe.domain.districts import DISTRICTS
from haihe.domain.scenarios import Scenario
from haihe.storage.db import db
from haihe.storage.partners import Admission, Merchant


@dataclass(frozen=True, slots=True)
class Place:
    """A merchant, what it is, and its district."""

    merchant: str
    kind: str
    district: str


def where_to_use(scenario: Scenario, home_district: str | None) -> list[Place]:
    """The merchants admitted to the scenario in the districts where it is open; those of the home district first."""
    rows = db.session.execute(
        select(Merchant.name, Merchant.kind, Merchant.district)
        .join(Admission, Admission.merchant_id == Merchant.id)
        .where(
            Admission.scenario == scenario.code,
            Merchant.state == "ACTIVE",
            Merchant.district.in_(scenario.districts),
        )
        .order_by(Merchant.district != home_district, Merchant.district, Merchant.name)
    )
    return [Place(name, kind, DISTRICTS[district]) for name, kind, district in rows]
