"""标准案例: officials write what the rules must answer; every draft is checked against all of it before it is approved."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select

from haihe.domain.errors import NotFound
from haihe.domain.golden_cases import DecisionCase, Difference, GoldenCase, PointsCase, read_case
from haihe.domain.reading import InvalidRules
from haihe.domain.rulebook import Rulebook
from haihe.domain.scenarios import Scenario, ScenarioState
from haihe.storage.audit import write_audit
from haihe.storage.db import db, transaction
from haihe.storage.drafts import GoldenCaseRow
from haihe.usecases.drafts import InvalidDraft, parsed
from haihe.usecases.fault_lines import check_written, with_lines
from haihe.usecases.published_scenarios import published_scenarios
from haihe.usecases.staff_login import StaffCaller


@dataclass(frozen=True, slots=True)
class Checked:
    """One case and where a draft disagrees with it (nowhere: it passed)."""

    name: str
    differences: tuple[Difference, ...]

    @property
    def passed(self) -> bool:
        """The draft says what the case expects."""
        return not self.differences


def write_case(text: str, caller: StaffCaller, at: datetime) -> str:
    """Keep a case, anew or in place of the one of the same name; InvalidDraft with line and reason where it is wrong."""
    try:
        check_written(text)
        case = read_case(parsed(text))
    except InvalidRules as error:
        raise InvalidDraft(error.code, error.faults, with_lines(text, error.faults)) from error
    with transaction():
        found = select(GoldenCaseRow).where(GoldenCaseRow.name == case.name).with_for_update()
        row = db.session.execute(found).scalar_one_or_none()
        before = row.written if row else None
        if row is None:
            row = GoldenCaseRow(name=case.name)
            db.session.add(row)
        row.written, row.author, row.changed_at, row.retired_at = text, caller.actor, at, None
        write_audit(
            at, caller.actor, "write_golden_case", "golden_cases", name=case.name, before=before, after=text
        )
    return case.name


def retire_case(case_id: int, caller: StaffCaller, at: datetime) -> None:
    """A case that no draft is held to any more."""
    with transaction():
        row = golden_case(case_id)
        row.retired_at = at
        write_audit(at, caller.actor, "retire_golden_case", "golden_cases", name=row.name)


def golden_case(case_id: int) -> GoldenCaseRow:
    """One case."""
    row = db.session.get(GoldenCaseRow, case_id)
    if row is None:
        raise NotFound("GOLDEN_CASE_NOT_FOUND", "没有这个标准案例")
    return row


def golden_cases() -> list[GoldenCaseRow]:
    """Every case that drafts are held to, by name."""
    kept = select(GoldenCaseRow).where(GoldenCaseRow.retired_at.is_(None)).order_by(GoldenCaseRow.name)
    return list(db.session.execute(kept).scalars())


def check_scenario(scenario: Scenario) -> list[Checked]:
    """A scenario, as if it were open, against the cases about it."""
    return _checked(_read(), {scenario.code: scenario}, None)


def check_rulebook(rulebook: Rulebook) -> list[Checked]:
    """A rulebook against all cases: the points it gives, and what the public scenarios answer by it."""
    scenarios = [replace(s, state=ScenarioState.PUBLISHED) for s in published_scenarios(rulebook)]
    return _checked(_read(), {s.code: s for s in scenarios}, rulebook)


def _read() -> list[GoldenCase]:
    written: list[Any] = [parsed(row.written) for row in golden_cases()]
    return [read_case(one) for one in written]


def _checked(
    cases: Iterable[GoldenCase], scenarios: dict[str, Scenario], rulebook: Rulebook | None
) -> list[Checked]:
    checked = []
    for case in cases:
        if isinstance(case, PointsCase) and rulebook is not None:
            checked.append(Checked(case.name, tuple(case.differences(rulebook))))
        if isinstance(case, DecisionCase) and case.scenario in scenarios:
            checked.append(Checked(case.name, tuple(case.differences(scenarios[case.scenario]))))
    return sorted(checked, key=lambda c: c.passed)
