"""准入: applications approved, returned or refused; merchants suspended and resumed; scenarios admitted.

All of it is effective on the next question in every worker, for the configuration's generation moves on with each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, or_, select

from haihe.domain.errors import Conflict, Forbidden, InvalidInput, NotFound, OutOfReach
from haihe.storage.audit import write_audit
from haihe.storage.copies import next_generation
from haihe.storage.db import db, transaction
from haihe.storage.onboarding import Application
from haihe.storage.partners import Admission, Merchant
from haihe.usecases.context import Context
from haihe.usecases.publish_rules import configuration_changed

LONGEST_REASON = 400


@dataclass(frozen=True, slots=True)
class Judge:
    """Who decides, and for which districts (none: the whole city). Other districts' merchants are as good as none."""

    actor: str
    districts: frozenset[str] = frozenset()

    def sees(self, merchant: Merchant) -> bool:
        """Is this merchant within the districts?"""
        return not self.districts or merchant.district in self.districts


def find_merchant(judge: Judge, merchant_id: int) -> tuple[Merchant, Application | None]:
    """A merchant with its application; the first merchants of the city came without one."""
    merchant = db.session.get(Merchant, merchant_id)
    if merchant is None or merchant.sandbox_of is not None:
        raise NotFound("MERCHANT_NOT_FOUND", "没有这家商户")
    if not judge.sees(merchant):
        raise OutOfReach("MERCHANT_NOT_FOUND", "没有这家商户")
    return merchant, db.session.get(Application, merchant_id)


def search_merchants(judge: Judge, state: str | None, sought: str, after: int, limit: int) -> list[Merchant]:
    """Merchants whose name, code or line of business holds these words, in the order in which they applied."""
    query = (
        select(Merchant)
        .where(Merchant.id > after, Merchant.sandbox_of.is_(None))
        .order_by(Merchant.id)
        .limit(limit)
    )
    if state is not None:
        query = query.where(Merchant.state == state)
    if sought:
        named = (c.icontains(sought, autoescape=True) for c in (Merchant.name, Merchant.uscc, Merchant.kind))
        query = query.where(or_(*named))
    if judge.districts:
        query = query.where(Merchant.district.in_(judge.districts))
    return list(db.session.execute(query).scalars())


def count_applications(judge: Judge) -> int:
    """How many applications wait for this person: of their districts, and not their own."""
    query = (
        select(func.count())
        .select_from(Merchant)
        .join(Application, Application.merchant_id == Merchant.id)
        .where(Merchant.state == "APPLIED", Application.entered_by != judge.actor)
        .where(or_(Application.vouched_by.is_(None), Application.vouched_by != judge.actor))
    )
    if judge.districts:
        query = query.where(Merchant.district.in_(judge.districts))
    return db.session.execute(query).scalar_one()


def admissions_of(merchant_id: int) -> list[str]:
    """The scenarios that a merchant is admitted to."""
    query = select(Admission.scenario).where(Admission.merchant_id == merchant_id)
    return sorted(db.session.execute(query).scalars())


def vouch_for_uscc(judge: Judge, merchant_id: int, reason: str, at: datetime) -> None:
    """Answer for a lawful early code whose check sign is wrong, having seen the licence. Whoever does may not approve it."""
    _require_reason(reason)
    with transaction():
        merchant, application = _open_application(judge, merchant_id)
        if application.uscc_checks:
            raise Conflict("USCC_CHECKS", "这个统一社会信用代码校验无误，不需要特别认可")
        application.vouched_by, application.vouched_reason = judge.actor, reason
        write_audit(at, judge.actor, "vouch_for_uscc", f"merchant:{merchant.id}", reason=reason)


def approve(ctx: Context, judge: Judge, merchant_id: int, scenarios: Iterable[str], at: datetime) -> None:
    """Let the merchant take part in these scenarios from now on. Nobody approves what they entered or vouched for."""
    admitted = _known(ctx, scenarios)
    with _changing(ctx):
        merchant, application = _open_application(judge, merchant_id)
        if merchant.state != "APPLIED":
            raise Conflict("APPLICATION_RETURNED", "申请已退回，等商户修改后再审")
        if judge.actor in (application.entered_by, application.vouched_by):
            raise Forbidden("OWN_APPLICATION", "不能审批自己录入或认可代码的申请，请由另一位同事审批")
        if not application.uscc_checks and application.vouched_by is None:
            raise Conflict(
                "USCC_CHECKSUM", "统一社会信用代码校验位不符；核对执照无误后，须先由管理员特别认可"
            )
        taken = select(Merchant.id).where(
            Merchant.uscc == merchant.uscc,
            Merchant.state.in_(("ACTIVE", "SUSPENDED")),
            Merchant.sandbox_of.is_(None),
        )
        if db.session.execute(taken).first() is not None:
            raise Conflict("USCC_TAKEN", "已有一家准入商户使用这个统一社会信用代码")
        merchant.state = "ACTIVE"
        _decide(application, judge, at, None)
        _admit(merchant.id, admitted, at)
        write_audit(
            at, judge.actor, "approve_merchant", f"merchant:{merchant.id}", scenarios=sorted(admitted)
        )


def return_application(judge: Judge, merchant_id: int, reason: str, at: datetime) -> None:
    """Give the application back to be put right."""
    _turn_down(judge, merchant_id, "RETURNED", reason, at)


def refuse(judge: Judge, merchant_id: int, reason: str, at: datetime) -> None:
    """Say no. The same enterprise may apply again."""
    _turn_down(judge, merchant_id, "REFUSED", reason, at)


def suspend(ctx: Context, judge: Judge, merchant_id: int, reason: str, at: datetime) -> None:
    """Answer the merchant no more: neither its machines nor its counters."""
    _require_reason(reason)
    _switch(ctx, judge, merchant_id, "ACTIVE", "SUSPENDED", reason, at)


def resume(ctx: Context, judge: Judge, merchant_id: int, reason: str, at: datetime) -> None:
    """Answer a suspended merchant again, and say why."""
    _require_reason(reason)
    _switch(ctx, judge, merchant_id, "SUSPENDED", "ACTIVE", reason, at)


def admit(ctx: Context, judge: Judge, merchant_id: int, scenarios: Iterable[str], at: datetime) -> None:
    """From now on the merchant may ask about these scenarios and no others."""
    admitted = _known(ctx, scenarios)
    with _changing(ctx):
        merchant = _locked(judge, merchant_id)
        if merchant.state not in ("ACTIVE", "SUSPENDED"):
            raise Conflict("MERCHANT_NOT_ACTIVE", "商户尚未获准；准入的场景在审批时确定")
        _admit(merchant.id, admitted, at)
        write_audit(at, judge.actor, "admit_scenarios", f"merchant:{merchant.id}", scenarios=sorted(admitted))


@contextmanager
def _changing(ctx: Context) -> Iterator[None]:
    """A deed after which every worker must read the partners anew."""
    with transaction():
        yield
        number = next_generation()
    configuration_changed(ctx, number)


def _turn_down(judge: Judge, merchant_id: int, state: str, reason: str, at: datetime) -> None:
    _require_reason(reason)
    with transaction():
        merchant, application = _open_application(judge, merchant_id)
        merchant.state = state
        _decide(application, judge, at, reason)
        write_audit(at, judge.actor, f"merchant_{state.lower()}", f"merchant:{merchant.id}", reason=reason)


def _switch(
    ctx: Context, judge: Judge, merchant_id: int, before: str, after: str, reason: str | None, at: datetime
) -> None:
    with _changing(ctx):
        merchant = _locked(judge, merchant_id)
        if merchant.state != before:
            raise Conflict("MERCHANT_STATE", f"商户当前状态为 {merchant.state}，不能这样做")
        merchant.state = after
        application = db.session.get(Application, merchant_id)
        if application is not None:
            _decide(application, judge, at, reason)
        write_audit(at, judge.actor, f"merchant_{after.lower()}", f"merchant:{merchant.id}", reason=reason)


def _decide(application: Application, judge: Judge, at: datetime, reason: str | None) -> None:
    application.decided_by, application.decided_at, application.reason = judge.actor, at, reason


def _admit(merchant_id: int, scenarios: frozenset[str], at: datetime) -> None:
    held = set(admissions_of(merchant_id))
    gone = Admission.scenario.in_(held - scenarios)
    db.session.execute(delete(Admission).where(Admission.merchant_id == merchant_id, gone))
    for scenario in sorted(scenarios - held):
        db.session.add(Admission(merchant_id=merchant_id, scenario=scenario, admitted_at=at))


def _known(ctx: Context, scenarios: Iterable[str]) -> frozenset[str]:
    rules = ctx.rules.up_to_date()
    wanted = frozenset(scenarios)
    if strange := sorted(s for s in wanted if rules.scenario(s) is None):
        raise InvalidInput("SCENARIO_UNKNOWN", f"没有这个场景：{'、'.join(strange)}", "scenarios")
    if not wanted:
        raise InvalidInput("SCENARIO_MISSING", "请至少选择一个场景", "scenarios")
    return wanted


def _locked(judge: Judge, merchant_id: int) -> Merchant:
    merchant = db.session.get(Merchant, merchant_id, with_for_update=True, populate_existing=True)
    if merchant is None or merchant.sandbox_of is not None:
        raise NotFound("MERCHANT_NOT_FOUND", "没有这家商户")
    if not judge.sees(merchant):
        raise OutOfReach("MERCHANT_NOT_FOUND", "没有这家商户")
    return merchant


def _open_application(judge: Judge, merchant_id: int) -> tuple[Merchant, Application]:
    merchant = _locked(judge, merchant_id)
    application = db.session.get(Application, merchant_id, populate_existing=True)
    if application is None or merchant.state not in ("APPLIED", "RETURNED"):
        raise Conflict("APPLICATION_DECIDED", f"没有待审的申请（商户状态为 {merchant.state}）")
    return merchant, application


def _require_reason(reason: str) -> None:
    if not 0 < len(reason.strip()) <= LONGEST_REASON:
        raise InvalidInput("REASON_MISSING", f"请写明原因，最多 {LONGEST_REASON} 字", "reason")
