"""待办: what waits for a member of the staff, by role. Each group of pages adds its line to WAITING."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from haihe.usecases.cases import Exchange, Pile, count_cases, list_cases
from haihe.usecases.context import day_of
from haihe.usecases.drafting import waiting_drafts
from haihe.usecases.judge_merchant import Judge, count_applications
from haihe.usecases.partner_health import alarms_to_see
from haihe.usecases.sources import overdue_sources, waiting_lines
from haihe.usecases.staff_accounts import to_confirm
from haihe.usecases.staff_login import Role, StaffCaller
from haihe.usecases.withdraw_file import withdrawals_waiting
from haihe.web.context import context


@dataclass(frozen=True, slots=True)
class Waits:
    """So many things that somebody is to look at, and where they are."""

    count: int
    words: str
    path: str


def _to_approve(caller: StaffCaller, _at: datetime) -> Waits:
    return Waits(waiting_drafts(caller, "IN_REVIEW"), "份草稿待您审批", "/console/scenarios")


def _to_mend(caller: StaffCaller, _at: datetime) -> Waits:
    return Waits(waiting_drafts(caller, "RETURNED"), "份草稿被退回，待修改", "/console/scenarios")


def _to_confirm(_caller: StaffCaller, _at: datetime) -> Waits:
    return Waits(to_confirm(), "个账号待您确认岗位", "/console/staff?state=PROPOSED")


def _applied(caller: StaffCaller, _at: datetime) -> Waits:
    waiting = count_applications(Judge(caller.actor, caller.districts))
    return Waits(waiting, "份商户申请待您审批", "/console/partners?state=APPLIED")


def _alarming(caller: StaffCaller, at: datetime) -> Waits:
    found = alarms_to_see(context(), Judge(caller.actor, caller.districts), at)
    return Waits(found, "家商户沉默或在探测", "/console/partners/health")


def _set_aside(caller: StaffCaller, _at: datetime) -> Waits:
    return Waits(waiting_lines(caller), "行记录被退回，待核对", "/console/data")


def _late(caller: StaffCaller, at: datetime) -> Waits:
    return Waits(len(overdue_sources(caller, day_of(at))), "个来源逾期未报送", "/console/data/sources")


def _to_withdraw(caller: StaffCaller, _at: datetime) -> Waits:
    return Waits(len(withdrawals_waiting(caller)), "份文件待批准撤回", "/console/data/withdrawals")


def _cases_to_answer(caller: StaffCaller, at: datetime) -> Waits:
    return Waits(count_cases(caller, at)[0], "项异议由您经办或待接办", "/console/cases")


def _cases_answered_by_source(caller: StaffCaller, at: datetime) -> Waits:
    cases, _more = list_cases(context(), caller, Pile.MINE, "", at)
    answered = sum(c.exchange is Exchange.ANSWERED for c in cases)
    return Waits(answered, "项异议来源部门已回复，等您办结", "/console/cases?pile=mine")


def _cases_escalated(caller: StaffCaller, at: datetime) -> Waits:
    return Waits(count_cases(caller, at)[1], "项异议时间已过八成或已超期", "/console/cases?pile=urgent")


# Who is told, and what counts it (for this member of the staff, at this moment).
WAITING: tuple[tuple[tuple[Role, ...], Callable[[StaffCaller, datetime], Waits]], ...] = (
    ((Role.APPROVER,), _to_approve),
    ((Role.SCENARIO_EDITOR,), _to_mend),
    ((Role.SECURITY_ADMIN,), _to_confirm),
    ((Role.PARTNER_MANAGER,), _applied),
    ((Role.PARTNER_MANAGER,), _alarming),
    ((Role.DATA_CLERK,), _set_aside),
    ((Role.DATA_CLERK,), _late),
    ((Role.DATA_CLERK, Role.APPROVER), _to_withdraw),
    ((Role.OBJECTION_OFFICER,), _cases_to_answer),
    ((Role.OBJECTION_OFFICER,), _cases_answered_by_source),
    ((Role.OBJECTION_OFFICER, Role.AUDITOR), _cases_escalated),
)


def what_waits(caller: StaffCaller, at: datetime) -> Iterable[Waits]:
    """What waits for somebody; nothing is left out because it is none."""
    return [count(caller, at) for roles, count in WAITING if caller.role in roles]
