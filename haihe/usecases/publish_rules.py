"""Publishing rulebooks and scenarios: what is published never changes, and every worker follows within a second."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update

from haihe.cache.copies import CacheDown
from haihe.domain.errors import Conflict
from haihe.domain.rulebook import Rulebook
from haihe.domain.rulebook_reader import read_rulebook
from haihe.domain.scenario_reader import read_scenario
from haihe.domain.scenarios import ScenarioState
from haihe.storage.audit import write_audit
from haihe.storage.copies import next_generation
from haihe.storage.db import db, transaction
from haihe.storage.rules import RulebookRow, ScenarioRow
from haihe.usecases.context import Context, day_of
from haihe.usecases.telling_redis import outlast_vouchers


def publish_rulebook(ctx: Context, body: Mapping[str, Any], at: datetime, actor: str) -> bool:
    """Publish a rulebook; False if this very one has been published before. A changed one needs a new version."""
    with transaction():
        number = place_rulebook(body, at, actor)
    if number is None:
        return False
    configuration_changed(ctx, number)
    return True


def publish_scenario(ctx: Context, body: Mapping[str, Any], at: datetime, actor: str) -> int:
    """Publish the next revision of a scenario, in place of the public one; returns the revision now public."""
    rulebook = ctx.rules.up_to_date().rulebook(day_of(at))
    with transaction():
        revision, number = place_scenario(body, rulebook, at, actor)
    if number is not None:
        configuration_changed(ctx, number)
    return revision


def place_rulebook(body: Mapping[str, Any], at: datetime, actor: str) -> int | None:
    """Inside a transaction: the new generation; None if this very rulebook has been published before."""
    rulebook = read_rulebook(body)
    held = db.session.get(RulebookRow, rulebook.version)
    if held is not None:
        if held.body == dict(body):
            return None
        raise Conflict("RULEBOOK_IMMUTABLE", f"规则集 {rulebook.version} 已发布，不可更改；请使用新的版本号")
    db.session.add(
        RulebookRow(
            version=rulebook.version,
            in_force_from=rulebook.in_force_from,
            body=dict(body),
            published_at=at,
        )
    )
    write_audit(at, actor, "publish_rulebook", rulebook.version)
    return next_generation()


def place_scenario(
    body: Mapping[str, Any], rulebook: Rulebook, at: datetime, actor: str
) -> tuple[int, int | None]:
    """Inside a transaction: the revision that is public now, and the new generation (None if it was public already)."""
    scenario = read_scenario(body, rulebook, revision=1, state=ScenarioState.PUBLISHED)
    public = public_row(scenario.code)
    if public is not None and public.body == dict(body) and public.state == "PUBLISHED":
        return public.revision, None
    last = db.session.execute(
        select(func.max(ScenarioRow.revision)).where(ScenarioRow.code == scenario.code)
    ).scalar()
    revision = (last or 0) + 1
    db.session.execute(
        update(ScenarioRow)
        .where(ScenarioRow.code == scenario.code, ScenarioRow.state.in_(("PUBLISHED", "PAUSED")))
        .values(state=ScenarioState.RETIRED)
    )
    db.session.add(
        ScenarioRow(
            code=scenario.code,
            revision=revision,
            state=ScenarioState.PUBLISHED,
            body=dict(body),
            published_at=at,
        )
    )
    write_audit(at, actor, "publish_scenario", scenario.code, revision=revision)
    return revision, next_generation()


def public_row(code: str) -> ScenarioRow | None:
    """Inside a transaction: the public revision of a scenario, held until the end of it."""
    return db.session.execute(
        select(ScenarioRow)
        .where(ScenarioRow.code == code, ScenarioRow.state.in_(("PUBLISHED", "PAUSED")))
        .with_for_update()
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()


def configuration_changed(ctx: Context, number: int) -> None:
    """After the commit: no worker may answer by the older configuration from here on."""
    try:
        ctx.copies.raise_floor(number)
    except CacheDown:
        # The keeper will not vouch for the older generation again; what it vouched for before runs out.
        outlast_vouchers(told=False)
