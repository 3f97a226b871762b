"""Orders that run when the demo city begins, each with the decision that it rests on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select

from haihe.domain.eligibility import MerchantCode
from haihe.storage.db import db
from haihe.storage.decisions import DecisionRow, Order
from haihe.storage.partners import Admission
from haihe.usecases.context import day_of
from haihe.usecases.rules_in_force import RulesInForce


def open_orders(
    scenarios: Sequence[str], key: str, resident_id: int, rules: RulesInForce, at: datetime
) -> None:
    """Open an order of each of these scenarios for one resident, with the first merchant admitted to it."""
    on = day_of(at)
    for n, code in enumerate(scenarios, 1):
        scenario = rules.scenario(code)
        merchant_id = db.session.execute(
            select(Admission.merchant_id).where(Admission.scenario == code).order_by(Admission.merchant_id)
        ).scalar()
        if scenario is None or merchant_id is None:
            continue
        offer = scenario.offers[-1]
        decided_at = at - timedelta(minutes=30 + n)
        decision_id = "d" + hashlib.sha256(f"{key}:{code}".encode()).hexdigest()[:32]
        db.session.add(
            DecisionRow(
                decision_id=decision_id,
                at=decided_at,
                merchant_id=merchant_id,
                resident_id=resident_id,
                scenario=code,
                revision=scenario.revision,
                rulebook=rules.rulebook(on).version,
                code=MerchantCode.OK,
                offer=len(scenario.offers) - 1,
            )
        )
        db.session.add(
            Order(
                merchant_id=merchant_id,
                out_order_no=f"DEMO-{key}-{n}",
                decision_id=decision_id,
                resident_id=resident_id,
                scenario=code,
                revision=scenario.revision,
                benefit={"label": offer.label, "ceiling_fen": offer.ceiling_fen},
                state="DOING",
                agreed_fen=offer.ceiling_fen,
                opened_on=on,
                created_at=decided_at,
                started_at=decided_at,
            )
        )
