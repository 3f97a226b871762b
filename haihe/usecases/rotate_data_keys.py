"""数据密钥轮换: everything that is sealed is sealed anew under the current key, little by little, while the service runs.

A row is done when it names the current key, so a rotation that was cut off simply goes on. The old key may be taken
away once nothing is left under it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidTag
from sqlalchemy import Table, and_, bindparam, func, select, tuple_, update

from haihe.domain.errors import Conflict
from haihe.storage.audit import write_audit
from haihe.storage.copies import next_generation
from haihe.storage.db import db, transaction
from haihe.storage.notices import NoticeKey
from haihe.storage.objections import (
    ATTACHMENT_NAME_PURPOSE,
    ATTACHMENT_PURPOSE,
    MESSAGE_PURPOSE,
    REASON_PURPOSE,
    Attachment,
    Objection,
    ObjectionMessage,
)
from haihe.storage.office import Staff
from haihe.storage.onboarding import (
    CONTACT_PURPOSE,
    DOCUMENT_PURPOSE,
    PHONE_PURPOSE,
    Application,
    Document,
    MerchantStaff,
)
from haihe.storage.partners import SigningKey
from haihe.storage.records import QuarantinedLine
from haihe.storage.reports import CONTENT_PURPOSE, PDF_PURPOSE, Report
from haihe.storage.residents import Resident
from haihe.storage.uploads import UploadPart
from haihe.storage.vault import Vault
from haihe.usecases.context import Context
from haihe.usecases.notice_keys import PURPOSE as NOTICE_PURPOSE
from haihe.usecases.publish_rules import configuration_changed
from haihe.usecases.token_keys import PURPOSE as SIGNING_PURPOSE
from haihe.usecases.two_factors import TOTP_PURPOSE
from haihe.usecases.uploads import PURPOSE as UPLOAD_PURPOSE

BATCH = 1_000


@dataclass(frozen=True, slots=True)
class Kept:
    """A table of sealed things: what it is called to an operator, and which column is sealed for which purpose."""

    name: str
    model: type[Any]
    purposes: dict[str, str]

    @property
    def table(self) -> Table:
        """The table itself."""
        table: Table = self.model.__table__
        return table


KEPT = (
    Kept("居民", Resident, {"id_number_sealed": "id_number", "name_sealed": "name"}),
    Kept("退回行", QuarantinedLine, {"line_sealed": "quarantine"}),
    Kept("上传的文件", UploadPart, {"part_sealed": UPLOAD_PURPOSE}),
    Kept("管理人员动态口令", Staff, {"totp_sealed": TOTP_PURPOSE}),
    Kept("商户员工动态口令", MerchantStaff, {"totp_sealed": TOTP_PURPOSE}),
    Kept("商户申请联系人", Application, {"contact_sealed": CONTACT_PURPOSE, "phone_sealed": PHONE_PURPOSE}),
    Kept("商户申请材料", Document, {"content_sealed": DOCUMENT_PURPOSE}),
    Kept("异议", Objection, {"reason_sealed": REASON_PURPOSE}),
    Kept(
        "异议材料",
        Attachment,
        {"name_sealed": ATTACHMENT_NAME_PURPOSE, "content_sealed": ATTACHMENT_PURPOSE},
    ),
    Kept("异议往来", ObjectionMessage, {"text_sealed": MESSAGE_PURPOSE}),
    Kept("信用报告", Report, {"content_sealed": CONTENT_PURPOSE, "pdf_sealed": PDF_PURPOSE}),
    Kept("通知签名密钥", NoticeKey, {"private_sealed": NOTICE_PURPOSE}),
    Kept("令牌签名密钥", SigningKey, {"private_sealed": SIGNING_PURPOSE}),
)


def left_to_rotate(ctx: Context, kept: Kept) -> int:
    """How many rows of this table are not under the current key."""
    query = select(func.count()).where(kept.table.c.key_id != ctx.vault.current)
    return db.session.execute(query).scalar_one()


def rotate_data_keys(
    ctx: Context, at: datetime, actor: str, on_progress: Callable[[Kept, int], None] | None = None
) -> dict[str, int]:
    """Seal everything anew under the current key; returns how many rows of each table were."""
    done = {kept.name: _rotate(ctx.vault, kept, on_progress) for kept in KEPT}
    number = None
    with transaction():
        write_audit(at, actor, "rotate_data_keys", f"key:{ctx.vault.current}", rows=sum(done.values()))
        if done[KEPT[-1].name]:
            # Workers hold the sealed signing keys in memory, under the key that may soon be taken away.
            number = next_generation()
    if number is not None:
        configuration_changed(ctx, number)
    return done


def _rotate(vault: Vault, kept: Kept, on_progress: Callable[[Kept, int], None] | None) -> int:
    done, last = 0, None
    while True:
        with transaction():
            rows, last = _next_batch(vault, kept, last)
        if not rows:
            return done
        done += rows
        if on_progress is not None:
            on_progress(kept, rows)


def _next_batch(vault: Vault, kept: Kept, last: tuple[Any, ...] | None) -> tuple[int, tuple[Any, ...] | None]:
    """Seal the next rows in the order of their key; returns how many, and the last one's key."""
    table = kept.table
    key = list(table.primary_key.columns)
    query = (
        select(*key, table.c.key_id, *(table.c[column] for column in kept.purposes))
        .where(table.c.key_id != vault.current)
        .order_by(*key)
        .limit(BATCH)
        .with_for_update()
    )
    if last is not None:
        query = query.where(tuple_(*key) > last)
    rows = db.session.execute(query).mappings().all()
    if not rows:
        return 0, last
    statement = (
        update(table)
        .where(and_(*(column == bindparam(f"b_{column.name}") for column in key)))
        .values(key_id=vault.current, **{column: bindparam(f"b_{column}") for column in kept.purposes})
    )
    db.session.connection().execute(statement, [_sealed_anew(vault, kept, row, key) for row in rows])
    return len(rows), tuple(rows[-1][column.name] for column in key)


def _sealed_anew(vault: Vault, kept: Kept, row: Any, key: list[Any]) -> dict[str, Any]:
    values = {f"b_{column.name}": row[column.name] for column in key}
    for column, purpose in kept.purposes.items():
        try:
            plain = vault.open(row["key_id"], row[column], purpose)
        except KeyError:
            raise Conflict(
                "DATA_KEY_MISSING",
                f"{kept.name}中有内容由密钥 {row['key_id']} 加密，而 HAIHE_DATA_KEYS 中没有它；请补回后重新运行",
            ) from None
        except InvalidTag:
            raise Conflict(
                "SEALED_BROKEN", f"{kept.name}中有内容无法以密钥 {row['key_id']} 解开，请核对密钥是否正确"
            ) from None
        values[f"b_{column}"] = vault.seal(plain, purpose).ciphertext
    return values
