"""入驻申请: a merchant asks to take part, by itself or through an administrator who writes it down."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select

from haihe.domain.districts import DISTRICTS
from haihe.domain.errors import Conflict, InvalidInput, NotFound, TooOften
from haihe.domain.uscc import read_uscc
from haihe.storage.audit import write_audit
from haihe.storage.db import db, transaction
from haihe.storage.onboarding import CONTACT_PURPOSE, PHONE_PURPOSE, Application, MerchantStaff
from haihe.storage.partners import Merchant
from haihe.usecases.context import Context
from haihe.usecases.merchant_people import NewPerson, check_person, kept_person

THEMSELVES = "applicant"
HOUR = timedelta(hours=1)
MOST_AN_HOUR = 60
CHANGEABLE = ("APPLIED", "RETURNED")


@dataclass(frozen=True, slots=True)
class Wish:
    """What is applied with. The shop stands in the first of the districts."""

    name: str
    uscc: str
    kind: str
    contact: str
    phone: str
    districts: tuple[str, ...]
    scenarios: tuple[str, ...]


def apply(
    ctx: Context, wish: Wish, at: datetime, entered_by: str = THEMSELVES, manager: NewPerson | None = None
) -> int:
    """Write an application down and return the merchant's number; `manager` may log in at once to see how it goes.

    TooOften where nobody could look at so many: the door stands open to everybody.
    """
    _check(ctx, wish)
    if manager is not None:
        check_person(manager)
    kept = None if manager is None else kept_person(ctx, manager, at)
    with transaction():
        if entered_by == THEMSELVES:
            _require_patience(at)
        merchant = Merchant(
            name=wish.name,
            uscc=read_uscc(wish.uscc).code,
            district=wish.districts[0],
            kind=wish.kind,
            state="APPLIED",
            created_at=at,
        )
        db.session.add(merchant)
        db.session.flush()
        application = Application(merchant_id=merchant.id, entered_by=entered_by)
        _write(ctx, application, wish, at)
        db.session.add(application)
        if kept is not None:
            if db.session.get(MerchantStaff, kept["username"]) is not None:
                raise Conflict("USERNAME_TAKEN", "这个用户名已有人使用，请换一个", "username")
            db.session.add(MerchantStaff(merchant_id=merchant.id, **kept))
        write_audit(at, entered_by, "apply", f"merchant:{merchant.id}", scenarios=list(wish.scenarios))
        return merchant.id


def amend(ctx: Context, merchant_id: int, wish: Wish, at: datetime, actor: str) -> None:
    """Put the application right and hand it in again. Whoever amends it has entered it."""
    _check(ctx, wish)
    with transaction():
        merchant = db.session.get(Merchant, merchant_id, with_for_update=True, populate_existing=True)
        application = db.session.get(Application, merchant_id)
        if merchant is None or application is None:
            raise NotFound("MERCHANT_NOT_FOUND", "没有这家商户")
        if merchant.state not in CHANGEABLE:
            raise Conflict("APPLICATION_DECIDED", "申请已有结论，不能再修改")
        merchant.name, merchant.kind, merchant.district = wish.name, wish.kind, wish.districts[0]
        merchant.uscc, merchant.state = read_uscc(wish.uscc).code, "APPLIED"
        application.vouched_by = application.vouched_reason = None
        application.entered_by = actor
        _write(ctx, application, wish, at)
        write_audit(at, actor, "amend_application", f"merchant:{merchant_id}")


def _check(ctx: Context, wish: Wish) -> None:
    read_uscc(wish.uscc)
    if not wish.districts or (unknown := [d for d in wish.districts if d not in DISTRICTS]):
        told = f"没有这个区：{'、'.join(unknown)}" if wish.districts else "请至少选择一个区"
        raise InvalidInput("DISTRICT_INVALID", told, "districts")
    rules = ctx.rules.up_to_date()
    if strange := [s for s in wish.scenarios if rules.scenario(s) is None]:
        raise InvalidInput("SCENARIO_UNKNOWN", f"没有这个场景：{'、'.join(strange)}", "scenarios")
    if not wish.scenarios:
        raise InvalidInput("SCENARIO_MISSING", "请至少选择一个场景", "scenarios")


def _require_patience(at: datetime) -> None:
    recent = select(func.count()).where(
        Application.applied_at > at - HOUR, Application.entered_by == THEMSELVES
    )
    if db.session.execute(recent).scalar_one() >= MOST_AN_HOUR:
        raise TooOften("APPLICATIONS_TOO_OFTEN", "现在申请的商户太多，请一小时后再来", retry_after=3600)


def _write(ctx: Context, application: Application, wish: Wish, at: datetime) -> None:
    contact = ctx.vault.seal(wish.contact, CONTACT_PURPOSE)
    application.key_id, application.contact_sealed = contact.key_id, contact.ciphertext
    application.phone_sealed = ctx.vault.seal(wish.phone, PHONE_PURPOSE).ciphertext
    application.districts = list(dict.fromkeys(wish.districts))
    application.scenarios = list(dict.fromkeys(wish.scenarios))
    application.uscc_checks = read_uscc(wish.uscc).checks
    application.applied_at = at
    application.reason = None
