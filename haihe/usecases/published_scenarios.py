"""The scenarios that are public now, as a rulebook reads them: the one in force, or one that is only being tried."""

from __future__ import annotations

from sqlalchemy import select

from haihe.domain.reading import Fault, InvalidRules
from haihe.domain.rulebook import Rulebook
from haihe.domain.scenario_reader import read_scenario
from haihe.domain.scenarios import Scenario, ScenarioState
from haihe.storage.db import db
from haihe.storage.rules import ScenarioRow


def published_scenarios(rulebook: Rulebook) -> list[Scenario]:
    """Every public scenario by code; `InvalidRules` where this rulebook no longer has what one of them asks for."""
    rows = db.session.execute(
        select(ScenarioRow)
        .where(ScenarioRow.state.in_((ScenarioState.PUBLISHED, ScenarioState.PAUSED)))
        .order_by(ScenarioRow.code)
    ).scalars()
    scenarios: list[Scenario] = []
    faults: list[Fault] = []
    for row in rows:
        try:
            scenarios.append(read_scenario(row.body, rulebook, row.revision, ScenarioState(row.state)))
        except InvalidRules as error:
            detail = f"已发布的场景 {row.code} 依赖的内容不见了：{error.detail}；请保留它，或先修订该场景"
            faults.append(Fault("文件", detail))
    if faults:
        raise InvalidRules("RULEBOOK_BREAKS_SCENARIOS", tuple(faults))
    return scenarios
