"""Orders a second on real PostgreSQL: opened and completed, with points, events and audit, beside two bare INSERTs."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator

from sqlalchemy import text

from haihe.domain.passes import SHOWN_FOR
from haihe.storage.db import db, transaction
from haihe.storage.decisions import DecisionRow, Pass
from haihe.usecases.complete_order import complete_order
from haihe.usecases.context import Context, day_of
from haihe.usecases.open_order import Wish, open_order
from tests.bench.table import Row
from tests.builders import Builders

ORDERS = 200
SCENARIO = "XYZ-07"
BARE = text("INSERT INTO bare_orders (number, state, at) VALUES (:number, 'DOING', now())")


def measure(ctx: Context, a: Builders) -> Iterator[Row]:
    """One caller, one order after another: each is opened and completed, two transactions as in life."""
    merchant = a.merchant(SCENARIO)
    partner = ctx.rules.up_to_date().partner(merchant.client_id)
    if partner is None:
        raise RuntimeError("the merchant just made is not known")
    decisions = _decisions(ctx, a, merchant.merchant_id)
    begin = time.perf_counter()
    for n, decision_id in enumerate(decisions):
        open_order(ctx, partner, f"B-{n}", Wish(decision_id), ctx.now())
        complete_order(ctx, partner, f"B-{n}", (), (), True, ctx.now())
    done = ORDERS / (time.perf_counter() - begin)
    bare = _bare()
    yield Row("订单开立并完成，笔/秒", f"{done:,.0f}", f"裸 INSERT 两次 {bare:,.0f}", f"{done / bare:.2f}")


def _decisions(ctx: Context, a: Builders, merchant_id: int) -> list[str]:
    decisions = []
    for _ in range(ORDERS):
        resident = a.resident()
        a.record(resident, "D01", quantity=200)
        a.record(resident, "C01", quantity=24)
        a.record(resident, "C02", quantity=24)
        decision_id, at = f"d{secrets.token_hex(16)}", ctx.now()
        code_hash = secrets.token_bytes(32)
        with transaction():
            db.session.add(
                Pass(
                    code_hash=code_hash,
                    resident_id=resident,
                    scenario=SCENARIO,
                    issued_at=at,
                    expires_at=at + SHOWN_FOR,
                    decision_id=decision_id,
                )
            )
            db.session.add(
                DecisionRow(
                    decision_id=decision_id,
                    at=at,
                    merchant_id=merchant_id,
                    resident_id=resident,
                    pass_hash=code_hash,
                    scenario=SCENARIO,
                    revision=1,
                    rulebook=ctx.rules.rulebook(day_of(at)).version,
                    code="OK",
                    offer=0,
                )
            )
        decisions.append(decision_id)
    return decisions


def _bare() -> float:
    """The limit: two INSERTs of one short row, each committed, by the same driver."""
    with transaction():
        db.session.execute(text("CREATE TABLE bare_orders (number text, state text, at timestamptz)"))
    begin = time.perf_counter()
    for n in range(ORDERS):
        for _ in range(2):
            db.session.execute(BARE, {"number": f"B-{n}"})
            db.session.commit()
    took = time.perf_counter() - begin
    with transaction():
        db.session.execute(text("DROP TABLE bare_orders"))
    return ORDERS / took
