"""改自己的密码: everybody does it themselves, at the first login and then at least every ninety days."""

from __future__ import annotations

from datetime import datetime

from haihe.domain.errors import InvalidInput
from haihe.storage.audit import write_audit
from haihe.storage.db import db, transaction
from haihe.storage.office import Staff
from haihe.usecases.staff_login import PASSWORD_LASTS, StaffCaller, end_staff_sessions
from haihe.usecases.two_factors import (
    check_password,
    count_failure,
    hash_of_token,
    kept_password,
    password_verifies,
)


def change_own_password(
    caller: StaffCaller, token: str, password: str, new_password: str, at: datetime
) -> None:
    """Change the password of whoever is logged in with this token; they stay, every other session of theirs ends.

    A wrong present password counts like one at the login: somebody else may be sitting there.
    """
    try:
        check_password(new_password)
    except InvalidInput as error:
        raise InvalidInput(error.code, error.detail, "new_password") from None
    if new_password == password or caller.username.lower() in new_password.lower():
        raise InvalidInput("PASSWORD_INVALID", "新密码不能与现在的相同，也不能含有用户名", "new_password")
    known = db.session.get_one(Staff, caller.username, populate_existing=True).password_hash
    db.session.rollback()
    right, kept = password_verifies(known, password), kept_password(new_password)
    with transaction():
        account = db.session.get_one(Staff, caller.username, with_for_update=True, populate_existing=True)
        right = right and account.password_hash == known
        if right:
            account.password_hash, account.password_expires_at = kept, at + PASSWORD_LASTS
            account.failures = 0
            end_staff_sessions(caller.username, hash_of_token(token))
        else:
            count_failure(account, at)
            if account.locked_until is not None and account.locked_until > at:
                end_staff_sessions(caller.username)
        write_audit(at, caller.actor, "change_password" if right else "change_password_failed", caller.actor)
    if not right:
        raise InvalidInput("PASSWORD_WRONG", "现在的密码不正确；连续 5 次输错，账号锁定 15 分钟", "password")
