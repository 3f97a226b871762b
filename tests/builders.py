"""What tests are made of: a resident, a record, a merchant, each with defaults, made through the same deeds as in life
where there is one."""

from __future__ import annotations

import hashlib
import itertools
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from haihe.cache.copies import CacheDown
from haihe.domain.identity import IdType
from haihe.domain.passes import SHOWN_FOR, HeldPass
from haihe.storage.copies import next_generation
from haihe.storage.db import db, transaction
from haihe.storage.decisions import Pass
from haihe.storage.partners import Admission, Merchant, OAuthClient
from haihe.storage.records import RecordRow, Source
from haihe.storage.residents import Consent, Resident
from haihe.usecases.consent_texts import link_text
from haihe.usecases.context import Context, day_of
from haihe.usecases.keep_copies import keep_pass_ms
from haihe.usecases.links import give_link
from haihe.usecases.pass_code import draw_code, hash_of_code
from haihe.usecases.publish_rules import configuration_changed
from haihe.usecases.rescore import Touched, hold_copies, rescore

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def id_number(sequence: int, birth: date = date(1990, 5, 4)) -> str:
    """A number with a right checksum under 120100, an area code that belongs to nobody."""
    body = f"120100{birth:%Y%m%d}{sequence % 1000:03d}"
    return body + "10X98765432"[sum(int(d) * w for d, w in zip(body, WEIGHTS, strict=True)) % 11]


@dataclass(frozen=True)
class MerchantClient:
    """A merchant's credentials as it was handed them."""

    merchant_id: int
    client_id: str
    client_secret: str


class Builders:
    """Each method stores one thing and returns its id, or what a caller would hold of it."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        self.numbers = itertools.count(1)

    def resident(
        self,
        joined: bool = True,
        birth: date = date(1990, 5, 4),
        district: str | None = "120103",
        sensitive: tuple[str, ...] = (),
    ) -> int:
        """A resident; joined unless told otherwise, and scored."""
        n = next(self.numbers)
        at = self.ctx.now()
        number = id_number(n, birth)
        sealed, name = self.ctx.vault.seal(number, "id_number"), self.ctx.vault.seal(f"测试居民{n}", "name")
        with transaction():
            resident = Resident(
                id_type=IdType.RESIDENT,
                key_id=sealed.key_id,
                id_number_sealed=sealed.ciphertext,
                id_number_index=self.ctx.vault.index(f"{IdType.RESIDENT}:{number}:{n}", "id_number"),
                name_sealed=name.ciphertext,
                birth_date=birth,
                district=district,
                created_at=at,
            )
            db.session.add(resident)
            db.session.flush()
            resident_id = resident.id
            purposes = (["JOIN"] if joined else []) + [f"SENSITIVE:{s}" for s in sensitive]
            for purpose in purposes:
                db.session.add(
                    Consent(
                        resident_id=resident_id,
                        purpose=purpose,
                        text_version="test",
                        text_sha256=hashlib.sha256(purpose.encode()).digest(),
                        channel="test",
                        given_at=at,
                    )
                )
            rescored = rescore(self.ctx, {resident_id: Touched()}, at)
        hold_copies(self.ctx, rescored)
        return resident_id

    def source(self, code: str = "TEST") -> str:
        """A source that may supply every indicator."""
        if db.session.get(Source, code) is None:
            with transaction():
                db.session.add(Source(code=code, name=f"测试来源 {code}", indicators=[]))
        return code

    def record(self, resident_id: int, indicator: str, cause: str = "NEW", **fields: Any) -> int:
        """A record of today unless told otherwise, stored and scored as an import would."""
        source = self.source(fields.pop("source", "TEST"))
        at = self.ctx.now()
        with transaction():
            row = RecordRow(
                source=source,
                record_no=fields.pop("record_no", f"T{next(self.numbers)}"),
                resident_id=resident_id,
                indicator=indicator,
                occurred_on=fields.pop("occurred_on", day_of(at)),
                quantity=Decimal(fields.pop("quantity", 1)),
                state=fields.pop("state", "EFFECTIVE"),
                received_at=at,
                **fields,
            )
            db.session.add(row)
            db.session.flush()
            record_id = row.id
            touched = Touched()
            touched.add(indicator, cause, record_id)
            rescored = rescore(self.ctx, {resident_id: touched}, at)
        hold_copies(self.ctx, rescored)
        return record_id

    def merchant(
        self, *scenarios: str, scopes: tuple[str, ...] = ("check", "order"), district: str = "120103"
    ) -> MerchantClient:
        """An active merchant admitted to these scenarios, with a client of its own."""
        n = next(self.numbers)
        secret = secrets.token_urlsafe(32)
        at = self.ctx.now()
        with transaction():
            merchant = Merchant(
                name=f"测试商户{n}",
                uscc=f"TEST{n:014d}",
                district=district,
                kind="测试",
                state="ACTIVE",
                created_at=at,
            )
            db.session.add(merchant)
            db.session.flush()
            for scenario in scenarios:
                db.session.add(Admission(merchant_id=merchant.id, scenario=scenario, admitted_at=at))
            client = OAuthClient(
                client_id=f"m-{secrets.token_hex(8)}",
                secret_sha256=hashlib.sha256(secret.encode()).digest(),
                scopes=list(scopes),
                merchant_id=merchant.id,
                created_at=at,
            )
            db.session.add(client)
            number = next_generation()
            made = MerchantClient(merchant.id, client.client_id, secret)
        configuration_changed(self.ctx, number)
        return made

    def shown_pass(self, resident_id: int, scenario: str) -> str:
        """A code that the resident is showing right now."""
        at = self.ctx.now()
        code = draw_code(self.ctx, resident_id)
        code_hash = hash_of_code(self.ctx, code)
        expires_at = at + SHOWN_FOR
        with transaction():
            db.session.add(
                Pass(
                    code_hash=code_hash,
                    resident_id=resident_id,
                    scenario=scenario,
                    issued_at=at,
                    expires_at=expires_at,
                )
            )
        held = HeldPass(resident_id, int(expires_at.timestamp() * 1000), scenario)
        with suppress(CacheDown):
            self.ctx.copies.store_pass(code_hash, held, keep_pass_ms(held, at))
        return code

    def link(self, resident_id: int, merchant: MerchantClient, *scenarios: str) -> str:
        """The name by which the merchant knows the resident, who lets it ask about these scenarios."""
        with transaction():
            made = give_link(
                self.ctx, resident_id, merchant.merchant_id, scenarios, link_text(), self.ctx.now()
            )
            return made.pairwise_id
