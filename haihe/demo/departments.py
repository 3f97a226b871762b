"""来源部门: everyone who states something about residents, with a client of scope `records` each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from haihe.demo.credentials import client_secret, secret_sha256
from haihe.domain.districts import DISTRICTS
from haihe.domain.rulebook import Rulebook
from haihe.storage.db import db
from haihe.storage.partners import OAuthClient
from haihe.storage.records import Source
from haihe.storage.vault import Vault
from haihe.usecases.own_records import (
    REAL_NAME,
    REAL_NAME_INDICATOR,
    REAL_NAME_NAME,
    SELF,
    SELF_NAME,
)

RECORDS_SCOPE = "records"


@dataclass(frozen=True, slots=True)
class Department:
    """One source. It supplies the indicators whose rule names it, or names one of the `also` that it is part of, and
    those `besides` that it supplies on another's behalf."""

    code: str
    name: str
    also: tuple[str, ...] = ()
    besides: tuple[str, ...] = ()
    district: str | None = None
    expected_days: int | None = 7

    def indicators(self, rulebook: Rulebook) -> list[str]:
        """The codes of the indicators and facts that it may state."""
        return [
            rule.code
            for rule in (*rulebook.indicators, *rulebook.facts)
            if rule.code in self.besides or any(name in rule.department for name in (self.name, *self.also))
        ]


PENALTIES, APPROVALS = "作出处罚决定的机关", "各审批部门"

CITY_DEPARTMENTS = (
    Department("platform", "市信用信息共享平台", ("平台", "合作医院")),
    Department(REAL_NAME, REAL_NAME_NAME, (), (REAL_NAME_INDICATOR,), expected_days=None),
    Department(SELF, SELF_NAME, expected_days=None),
    Department("police", "市公安局", (PENALTIES,)),
    Department("court", "市高级人民法院"),
    Department("tax", "天津市税务局", (PENALTIES,)),
    Department("labour", "市人社局", (PENALTIES,)),
    Department("housing_fund", "市住房公积金管理中心"),
    Department("housing", "市住房城乡建设委", (PENALTIES,)),
    Department("water", "市水务局", (PENALTIES,)),
    Department("urban_management", "市城市管理委", (PENALTIES,)),
    Department("utilities", "公用企业"),
    Department("culture", "市文化和旅游局", (PENALTIES,)),
    Department("market", "市市场监管委", (PENALTIES,)),
    Department("approvals", "市政务服务办", (APPROVALS,)),
    Department("civil_affairs", "市民政局"),
    Department("education", "市教委"),
    Department("science", "市科技局"),
    Department("health", "市卫生健康委", ("合作医院",)),
    Department("patents", "市知识产权局"),
    Department("volunteers", "团市委"),
    Department("civility", "市文明办"),
    Department("publicity", "市委宣传部"),
    Department("political_legal", "市委政法委"),
    Department("union", "市总工会"),
)
DISTRICT_NODES = tuple(
    Department(f"district_{code}", f"{name}信用信息节点", ("各区", PENALTIES, APPROVALS), (), code, 30)
    for code, name in DISTRICTS.items()
)
DEPARTMENTS = CITY_DEPARTMENTS + DISTRICT_NODES
# What residents say of themselves and what the platform verified comes in through the mini-program, never as a file.
SENDERS = tuple(d for d in DEPARTMENTS if d.code not in (REAL_NAME, SELF))


def client_id_of(department: Department) -> str:
    """The department's OAuth client."""
    return f"demo-{department.code.lower().replace('_', '-')}"


def ensure_departments(vault: Vault, rulebook: Rulebook, at: datetime) -> bool:
    """Store the sources and clients that are not there yet; True if there was anything to store."""
    made = False
    for department in DEPARTMENTS:
        if db.session.get(Source, department.code) is None:
            indicators = department.indicators(rulebook)
            db.session.add(
                Source(
                    code=department.code,
                    name=department.name,
                    indicators=indicators,
                    district=department.district,
                    expected_days=department.expected_days,
                )
            )
            db.session.flush()
            made = True
        client_id = client_id_of(department)
        if department in SENDERS and db.session.get(OAuthClient, client_id) is None:
            db.session.add(
                OAuthClient(
                    client_id=client_id,
                    secret_sha256=secret_sha256(client_secret(vault, client_id)),
                    scopes=[RECORDS_SCOPE],
                    source=department.code,
                    created_at=at,
                )
            )
            made = True
    return made
