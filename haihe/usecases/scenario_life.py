"""场景的一生: what is public is paused, resumed and retired by an approver; every revision stays to be seen."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from haihe.domain.errors import Conflict, Forbidden, InvalidInput, NotFound
from haihe.storage.audit import write_audit
from haihe.storage.copies import next_generation
from haihe.storage.db import db, transaction
from haihe.storage.rules import RulebookRow, ScenarioRow
from haihe.usecases.context import Context
from haihe.usecases.publish_rules import configuration_changed, public_row
from haihe.usecases.staff_login import StaffCaller

# Deed to the states it may begin in, and the state it ends in.
MOVES = {
    "pause": (("PUBLISHED",), "PAUSED"),
    "resume": (("PAUSED",), "PUBLISHED"),
    "retire": (("PUBLISHED", "PAUSED"), "RETIRED"),
}


def move_scenario(ctx: Context, code: str, deed: str, reason: str, caller: StaffCaller, at: datetime) -> None:
    """Pause, resume or retire the public revision of a scenario; every worker follows within a second."""
    begins, ends = MOVES[deed]
    if not reason.strip():
        raise InvalidInput("REASON_MISSING", "请写明理由", "reason")
    with transaction():
        row = public_row(code)
        if row is None:
            raise NotFound("SCENARIO_NOT_FOUND", "没有这个公开的场景")
        named = row.body.get("districts") or []
        if caller.districts and not (named and set(named) <= caller.districts):
            raise Forbidden("DISTRICT_NOT_YOURS", "这个场景超出您的管辖范围")
        if row.state not in begins:
            raise Conflict("SCENARIO_STATE", "场景的状态已改变，请刷新后查看")
        row.state = ends
        write_audit(
            at, caller.actor, f"{deed}_scenario", code, revision=row.revision, reason=reason.strip()[:500]
        )
        number = next_generation()
    configuration_changed(ctx, number)


def revisions_of(code: str) -> list[ScenarioRow]:
    """Every revision of a scenario, the latest first."""
    found = select(ScenarioRow).where(ScenarioRow.code == code).order_by(ScenarioRow.revision.desc())
    return list(db.session.execute(found).scalars())


def latest_revisions() -> list[ScenarioRow]:
    """The latest revision of every scenario there has ever been."""
    every = select(ScenarioRow).order_by(ScenarioRow.code, ScenarioRow.revision)
    latest = {row.code: row for row in db.session.execute(every).scalars()}
    return list(latest.values())


def published_rulebooks() -> list[RulebookRow]:
    """Every rulebook that is or was in force, the latest first."""
    return list(db.session.execute(select(RulebookRow).order_by(RulebookRow.in_force_from.desc())).scalars())
