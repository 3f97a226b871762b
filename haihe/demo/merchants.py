"""商户: invented partners of every kind that the scenarios name, each with a client of its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from stdnum.cn.uscc import calc_check_digit

from haihe.demo.credentials import client_secret, secret_sha256
from haihe.domain.scenarios import Scenario
from haihe.storage.db import db
from haihe.storage.partners import Admission, Merchant, OAuthClient
from haihe.storage.vault import Vault

MERCHANT_SCOPES = ("check", "order", "statement", "webhook")
# 91: an enterprise. No district of Tianjin has the code 120199, so no real enterprise has such a number.
PREFIX = "91120199"
ORGANISATION_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)


@dataclass(frozen=True, slots=True)
class Shop:
    """One merchant as the demo city invents it; its kind is that of the first scenario it is admitted to."""

    name: str
    district: str
    scenarios: tuple[str, ...]


SHOPS = (
    Shop("演示公租房与长租公寓", "120103", ("XYZ-01",)),
    Shop("演示数码与工具租赁行", "120104", ("XYZ-02", "XYZ-14")),
    Shop("演示第一公立医院", "120101", ("XYZ-03", "XYZ-04", "XYZ-15")),
    Shop("演示第二公立医院", "120116", ("XYZ-03", "XYZ-04")),
    Shop("演示公交与轨道交通", "120102", ("XYZ-05",)),
    Shop("演示路边停车公司", "120105", ("XYZ-06",)),
    Shop("演示共享单车企业", "120106", ("XYZ-07",)),
    Shop("演示租车公司", "120110", ("XYZ-08",)),
    Shop("演示出行平台", "120111", ("XYZ-09",)),
    Shop("演示养老院与日间照料站", "120119", ("XYZ-10",)),
    Shop("演示家政企业", "120112", ("XYZ-11",)),
    Shop("演示景区与酒店", "120115", ("XYZ-12",)),
    Shop("演示公共图书馆", "120113", ("XYZ-13",)),
    Shop("演示商超与老字号", "120114", ("XYZ-14", "XYZ-12")),
    Shop("演示共享充电宝", "120117", ("XYZ-15",)),
    Shop("演示充电运营商", "120118", ("XYZ-16",)),
    Shop("演示体育场馆", "120104", ("XYZ-17", "XYZ-15")),
)


def uscc(number: int) -> str:
    """A 统一社会信用代码 with right checksums that no enterprise has (GB 32100, GB 11714)."""
    organisation = f"{number:08d}"
    remainder = sum(int(d) * w for d, w in zip(organisation, ORGANISATION_WEIGHTS, strict=True)) % 11
    body = PREFIX + organisation + "0X987654321"[remainder]
    return body + calc_check_digit(body)


def client_id_of(number: int) -> str:
    """The OAuth client of the n-th shop, counted from 1."""
    return f"demo-merchant-{number:02d}"


def ensure_merchants(vault: Vault, scenarios: list[Scenario], at: datetime) -> bool:
    """Store the merchants that are not there yet; True if there was anything to store. One that is stays as it is."""
    kinds = {s.code: s.partner_kind for s in scenarios}
    made = False
    for number, shop in enumerate(SHOPS, 1):
        held = db.session.execute(select(Merchant.id).where(Merchant.uscc == uscc(number))).scalar()
        if held is not None:
            continue
        merchant = Merchant(
            name=shop.name,
            uscc=uscc(number),
            district=shop.district,
            kind=kinds.get(shop.scenarios[0], shop.name),
            state="ACTIVE",
            created_at=at,
        )
        db.session.add(merchant)
        db.session.flush()
        for code in shop.scenarios:
            db.session.add(Admission(merchant_id=merchant.id, scenario=code, admitted_at=at))
        client_id = client_id_of(number)
        db.session.add(
            OAuthClient(
                client_id=client_id,
                secret_sha256=secret_sha256(client_secret(vault, client_id)),
                scopes=list(MERCHANT_SCOPES),
                merchant_id=merchant.id,
                created_at=at,
            )
        )
        made = True
    return made
