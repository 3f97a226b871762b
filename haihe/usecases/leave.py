"""退出: one deed, and the points are gone at once everywhere. What the law keeps is said, with the reason and the end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import delete, func, select, update

from haihe.domain.dates import add_months
from haihe.domain.orders import OrderState
from haihe.storage.audit import write_audit
from haihe.storage.copies import lock_residents
from haihe.storage.db import db, transaction
from haihe.storage.decisions import DecisionRow, Order
from haihe.storage.helping import end_helpings_of
from haihe.storage.links import end_links_of
from haihe.storage.looks import Look
from haihe.storage.objections import Objection
from haihe.storage.partners import Merchant
from haihe.storage.passes import end_passes_of
from haihe.storage.reading import JOIN
from haihe.storage.reports import Report
from haihe.storage.residents import Consent
from haihe.storage.scores import LedgerEntry, ScoreRow
from haihe.usecases.context import Context, day_of
from haihe.usecases.own_records import withdraw_own_statements
from haihe.usecases.rescore import Rescored, Touched, hold_copies, rescore
from haihe.usecases.telling_redis import end_passes_in_redis, outlast_vouchers

KEPT_MONTHS = 36
RUNNING = (OrderState.CREATED, OrderState.DOING)


@dataclass(frozen=True, slots=True)
class Kept:
    """One thing that stays: what it is, why, and until when. `until` is None where the day is not known yet."""

    what: str
    reason: str
    until: date | None
    until_words: str


def leave(ctx: Context, resident_id: int, at: datetime) -> tuple[Kept, ...]:
    """Withdraw every consent, link and helper, delete points, ledger and reports, end every live pass; leaving twice changes nothing more."""
    with transaction():
        lock_residents([resident_id])
        withdrawn = list(
            db.session.execute(
                update(Consent)
                .where(Consent.resident_id == resident_id, Consent.withdrawn_at.is_(None))
                .values(withdrawn_at=at)
                .returning(Consent.purpose)
            ).scalars()
        )
        end_links_of(resident_id, at)
        end_helpings_of(resident_id, at)
        told = end_passes_in_redis(ctx, end_passes_of(resident_id, at))
        rescored = Rescored()
        if withdrawn:
            withdraw_own_statements(resident_id, at)
            db.session.execute(delete(LedgerEntry).where(LedgerEntry.resident_id == resident_id))
            db.session.execute(delete(Report).where(Report.resident_id == resident_id))
            db.session.execute(delete(ScoreRow).where(ScoreRow.resident_id == resident_id))
            write_audit(
                at, f"resident:{resident_id}", "leave", f"resident:{resident_id}", withdrawn=sorted(withdrawn)
            )
            rescored = rescore(ctx, {resident_id: Touched()}, at)
        kept = what_is_kept(ctx, resident_id, at)
    hold_copies(ctx, rescored)
    outlast_vouchers(told)
    return kept


def what_is_kept(ctx: Context, resident_id: int, at: datetime) -> tuple[Kept, ...]:
    """What stays after leaving, none of it counted or shown to a merchant any more."""
    return (*_running_orders(ctx, resident_id), *_proofs(resident_id), *_STAYS)


def _running_orders(ctx: Context, resident_id: int) -> list[Kept]:
    rows = db.session.execute(
        select(Order.scenario, Order.out_order_no, Merchant.name)
        .join(Merchant, Merchant.id == Order.merchant_id)
        .where(Order.resident_id == resident_id, Order.state.in_(RUNNING))
        .order_by(Order.id)
    )
    kept = []
    for code, out_order_no, merchant in rows:
        scenario = ctx.rules.up_to_date().scenario(code)
        kept.append(
            Kept(
                what=f"在{merchant}使用“{scenario.name if scenario else code}”的订单 {out_order_no}",
                reason="订单尚未完结，需按您与商户的约定履行",
                until=None,
                until_words="订单完结之日起满 3 年",
            )
        )
    return kept


def _proofs(resident_id: int) -> list[Kept]:
    """Proof of consent, finished orders, answered objections, the logs of who asked and who looked: each until three years after its own last day."""
    found = (
        (
            select(func.max(Consent.withdrawn_at)).where(
                Consent.resident_id == resident_id, Consent.purpose == JOIN
            ),
            "您同意与撤回的凭证",
            "证明处理您的信息时取得了您的同意（个人信息保护法）",
        ),
        (
            select(func.max(Order.ended_at)).where(Order.resident_id == resident_id),
            "已完结的订单",
            "您与商户之间如有争议，可据此主张权利（民法典诉讼时效）",
        ),
        (
            select(func.max(Objection.answered_at)).where(Objection.resident_id == resident_id),
            "您提出的异议、材料与答复",
            "更正或维持记录的依据，您仍可据此申请行政复议或者提起诉讼",
        ),
        (
            select(func.max(DecisionRow.at)).where(DecisionRow.resident_id == resident_id),
            "商户查询的日志及当时的依据",
            "依法留存查询记录，您仍可据此追查谁问过（网络安全法）",
        ),
        (
            select(func.max(Look.at)).where(Look.resident_id == resident_id),
            "工作人员查看您信息的记录",
            "证明每次查看都有用途，您可据此追查谁看过（个人信息保护法）",
        ),
    )
    proofs = []
    for query, what, reason in found:
        last = db.session.execute(query).scalar()
        if last is not None:
            until = add_months(day_of(last), KEPT_MONTHS)
            proofs.append(Kept(what, reason, until, f"{until.isoformat()} 止"))
    return proofs


ACCOUNT = Kept(
    what="账号与实名绑定",
    reason="使您仍能登录查看以上内容，并随时重新开通",
    until=None,
    until_words="您注销账号时",
)
_STAYS = (
    Kept(
        what="部门依法归集的原始信用记录",
        reason="由各部门依目录制作和保管，不因您退出而增减；退出后不再计分，也不再用于任何优惠",
        until=None,
        until_words="以各部门的法定期限为准",
    ),
    ACCOUNT,
)
