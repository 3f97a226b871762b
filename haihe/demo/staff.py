"""Administrators: one of each role for the whole city (two for objections), and one editor who has only two districts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from haihe.demo.credentials import password, totp_secret
from haihe.storage.db import db
from haihe.storage.office import Staff
from haihe.usecases.context import Context
from haihe.usecases.staff_login import Role, create_staff


@dataclass(frozen=True, slots=True)
class Administrator:
    """One account. No districts means the whole city."""

    username: str
    role: Role
    districts: tuple[str, ...] = ()


ADMINISTRATORS = (
    Administrator("demo-editor", Role.SCENARIO_EDITOR),
    Administrator("demo-editor-hexi", Role.SCENARIO_EDITOR, ("120103", "120104")),
    Administrator("demo-approver", Role.APPROVER),
    Administrator("demo-clerk", Role.DATA_CLERK),
    Administrator("demo-objections", Role.OBJECTION_OFFICER),
    # A second look is by another person than the first.
    Administrator("demo-objections-2", Role.OBJECTION_OFFICER),
    Administrator("demo-partners", Role.PARTNER_MANAGER),
    Administrator("demo-system", Role.SYSTEM_ADMIN),
    Administrator("demo-security", Role.SECURITY_ADMIN),
    Administrator("demo-auditor", Role.AUDITOR),
)


def ensure_staff(ctx: Context, at: datetime, actor: str) -> None:
    """Open the accounts that are not there yet; one that is stays as it is, each in a transaction of its own."""
    for administrator in ADMINISTRATORS:
        username = administrator.username
        if db.session.get(Staff, username) is None:
            create_staff(
                ctx,
                username,
                password(ctx.vault, username),
                totp_secret(ctx.vault, username),
                administrator.role,
                list(administrator.districts),
                at,
                actor,
            )
