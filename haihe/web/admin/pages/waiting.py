"""待办: what waits for a member of the staff, by role. Each group of pages adds its line to WAITING."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from haihe.usecases.context import day_of
from haihe.usecases.drafting import waiting_drafts
from haihe.usecases.sources import overdue_sources, waiting_lines
from haihe.usecases.staff_accounts import to_confirm
from haihe.usecases.staff_login import Role, StaffCaller
from haihe.usecases.withdraw_file import withdrawals_waiting


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


def _set_aside(caller: StaffCaller, _at: datetime) -> Waits:
    return Waits(waiting_lines(caller), "行记录被退回，待核对", "/console/data")


def _late(caller: StaffCaller, at: datetime) -> Waits:
    return Waits(len(overdue_sources(caller, day_of(at))), "个来源逾期未报送", "/console/data/sources")


def _to_withdraw(caller: StaffCaller, _at: datetime) -> Waits:
    return Waits(len(withdrawals_waiting(caller)), "份文件待批准撤回", "/console/data/withdrawals")


# Who is told, and what counts it (for this member of the staff, at this moment).
WAITING: tuple[tuple[tuple[Role, ...], Callable[[StaffCaller, datetime], Waits]], ...] = (
    ((Role.APPROVER,), _to_approve),
    ((Role.SCENARIO_EDITOR,), _to_mend),
    ((Role.SECURITY_ADMIN,), _to_confirm),
    ((Role.DATA_CLERK,), _set_aside),
    ((Role.DATA_CLERK,), _late),
    ((Role.DATA_CLERK, Role.APPROVER), _to_withdraw),
)


def what_waits(caller: StaffCaller, at: datetime) -> Iterable[Waits]:
    """What waits for somebody; nothing is left out because it is none."""
    return [count(caller, at) for roles, count in WAITING if caller.role in roles]
