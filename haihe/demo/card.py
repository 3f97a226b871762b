"""`var/demo.json`: everything somebody needs to walk through the demo city, written anew at every start."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from sqlalchemy import select

from haihe.demo.city import City, ordinary_residents
from haihe.demo.credentials import client_secret, password, totp_secret
from haihe.demo.departments import SENDERS
from haihe.demo.departments import client_id_of as department_client_id
from haihe.demo.merchants import SHOPS, uscc
from haihe.demo.merchants import client_id_of as merchant_client_id
from haihe.demo.named import Named
from haihe.demo.shop_people import username_of
from haihe.demo.staff import ADMINISTRATORS
from haihe.domain.districts import DISTRICTS
from haihe.domain.facts import Facts
from haihe.storage.db import db
from haihe.storage.residents import Resident
from haihe.storage.vault import Vault
from haihe.usecases.context import Context, day_of
from haihe.usecases.gather_facts import gather_facts
from haihe.usecases.merchant_people import MerchantRole

ORDINARY = 12


def card_of(ctx: Context, city: City) -> dict[str, Any]:
    """The contents of the card; points and grades are what the resident would be shown now."""
    return {
        "base_url": ctx.base_url,
        "merchants": _merchants(ctx.vault),
        "residents": _residents(ctx, city),
        "administrators": [
            {
                "username": a.username,
                "password": password(ctx.vault, a.username),
                "totp_secret": totp_secret(ctx.vault, a.username),
                "role": a.role,
            }
            for a in ADMINISTRATORS
        ],
        "departments": [
            {
                "source": d.code,
                "name": d.name,
                "client_id": department_client_id(d),
                "client_secret": client_secret(ctx.vault, department_client_id(d)),
            }
            for d in SENDERS
        ],
    }


def write_card(card: dict[str, Any], file: Path) -> None:
    """Put the card in place whole, readable by its owner alone: it holds credentials."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    unfinished.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            json.dump(card, out, ensure_ascii=False, indent=2)
            out.write("\n")
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)


def _merchants(vault: Vault) -> list[dict[str, Any]]:
    return [
        {
            "name": shop.name,
            "uscc": uscc(number),
            "district": DISTRICTS[shop.district],
            "client_id": merchant_client_id(number),
            "client_secret": client_secret(vault, merchant_client_id(number)),
            "scenarios": list(shop.scenarios),
            "people": [
                {
                    "username": username,
                    "password": password(vault, username),
                    "totp_secret": totp_secret(vault, username),
                    "role": role,
                }
                for role in MerchantRole
                for username in (username_of(number, role),)
            ],
        }
        for number, shop in enumerate(SHOPS, 1)
    ]


def _residents(ctx: Context, city: City) -> list[dict[str, Any]]:
    people = [(p.named.key, p.resident_id, p.named) for p in city.placed]
    people += [(key, resident_id, None) for key, resident_id in ordinary_residents(ctx, ORDINARY)]
    on = day_of(ctx.now())
    ids = [resident_id for _key, resident_id, _named in people]
    gathered = gather_facts(ids, ctx.rules.up_to_date().rulebook(on), on)
    rows = {r.id: r for r in db.session.execute(select(Resident).where(Resident.id.in_(ids))).scalars()}
    told = []
    for key, resident_id, named in people:
        row, facts = rows[resident_id], gathered[resident_id].facts
        told.append(
            {
                "js_code": f"demo-{key}",
                "name": ctx.vault.open(row.key_id, row.name_sealed, "name"),
                # Numbers under 120100 belong to nobody; whoever tries out a file of records needs one.
                "id_type": row.id_type,
                "id_number": ctx.vault.open(row.key_id, row.id_number_sealed, "id_number"),
                "district": DISTRICTS.get(row.district or "", ""),
                "points": facts.points,
                "grade": facts.grade,
                "note": _note(ctx, named, row, facts) if named else "普通居民",
            }
        )
    return told


def _note(ctx: Context, named: Named, row: Resident, facts: Facts) -> str:
    note = named.note
    if facts.points != named.points:
        before = "没有积分" if named.points is None else f"{named.points} 分"
        note = f"{note}（建立时{before}，此后有了变化）"
    if named.account:
        return note
    return f"{note}；首次登录须以卡片上的姓名与证件号码实名"
