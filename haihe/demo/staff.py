"""Administrators: one of each role for the whole city, and one editor who has only two districts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from argon2 import PasswordHasher

from haihe.demo.credentials import password, totp_secret
from haihe.storage.db import db
from haihe.storage.office import Staff
from haihe.storage.vault import Vault


@dataclass(frozen=True, slots=True)
class Administrator:
    """One account. No districts means the whole city."""

    username: str
    role: str
    districts: tuple[str, ...] = ()


ADMINISTRATORS = (
    Administrator("demo-editor", "scenario_editor"),
    Administrator("demo-editor-hexi", "scenario_editor", ("120103", "120104")),
    Administrator("demo-approver", "approver"),
    Administrator("demo-clerk", "data_clerk"),
    Administrator("demo-objections", "objection_officer"),
    Administrator("demo-partners", "partner_manager"),
    Administrator("demo-system", "system_admin"),
    Administrator("demo-security", "security_admin"),
    Administrator("demo-auditor", "auditor"),
)


def ensure_staff(vault: Vault, at: datetime) -> None:
    """Store the administrators that are not there yet; one that is stays as it is."""
    for administrator in ADMINISTRATORS:
        username = administrator.username
        if db.session.get(Staff, username) is not None:
            continue
        sealed = vault.seal(totp_secret(vault, username), "totp")
        db.session.add(
            Staff(
                username=username,
                password_hash=PasswordHasher().hash(password(vault, username)),
                key_id=sealed.key_id,
                totp_sealed=sealed.ciphertext,
                role=administrator.role,
                districts=list(administrator.districts),
                created_at=at,
            )
        )
    db.session.flush()
