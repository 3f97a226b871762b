"""商户的联系人: who may be called about an application. They are a person, so every look leaves a trace."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from haihe.storage.audit import AuditEntry, write_audit
from haihe.storage.db import db, transaction
from haihe.storage.onboarding import CONTACT_PURPOSE, PHONE_PURPOSE
from haihe.usecases.context import Context
from haihe.usecases.judge_merchant import Judge, find_merchant


@dataclass(frozen=True, slots=True)
class Contact:
    """Whom to call."""

    contact: str
    phone: str


def look_at_contact(ctx: Context, judge: Judge, merchant_id: int, at: datetime) -> Contact | None:
    """The contact of an application; None where the merchant came without one."""
    with transaction():
        _merchant, application = find_merchant(judge, merchant_id)
        if application is None:
            return None
        write_audit(at, judge.actor, "look_at_contact", f"merchant:{merchant_id}")
        return Contact(
            ctx.vault.open(application.key_id, application.contact_sealed, CONTACT_PURPOSE),
            ctx.vault.open(application.key_id, application.phone_sealed, PHONE_PURPOSE),
        )


DECIDED = (
    "vouch_for_uscc",
    "approve_merchant",
    "merchant_returned",
    "merchant_refused",
    "merchant_suspended",
    "merchant_active",
    "admit_scenarios",
)
MOST_DEEDS = 20


@dataclass(frozen=True, slots=True)
class Decided:
    """Something that was decided about a merchant: by whom, and why or for which scenarios."""

    at: datetime
    actor: str
    deed: str
    said: str


def decided_about(merchant_id: int) -> list[Decided]:
    """What was decided about a merchant, the latest first."""
    query = (
        select(AuditEntry)
        .where(AuditEntry.subject == f"merchant:{merchant_id}", AuditEntry.deed.in_(DECIDED))
        .order_by(AuditEntry.id.desc())
        .limit(MOST_DEEDS)
    )
    return [
        Decided(e.at, e.actor, e.deed, e.detail.get("reason") or "、".join(e.detail.get("scenarios", [])))
        for e in db.session.execute(query).scalars()
    ]
