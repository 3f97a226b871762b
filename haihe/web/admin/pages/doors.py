"""Which page is whose: the one table that the console's lock reads, that its navigation is made of, and that a test walks."""

from __future__ import annotations

from dataclasses import dataclass

from haihe.usecases.staff_login import Role

EVERYBODY = tuple(Role)

ROLE_NAMES = {
    Role.SCENARIO_EDITOR: "场景编辑",
    Role.APPROVER: "审批",
    Role.DATA_CLERK: "数据管理",
    Role.OBJECTION_OFFICER: "异议办理",
    Role.PARTNER_MANAGER: "商户管理",
    Role.SYSTEM_ADMIN: "系统管理",
    Role.SECURITY_ADMIN: "安全管理",
    Role.AUDITOR: "审计",
}

# Whoever writes the rules, whoever approves them, and whoever looks at how that was done.
EDITORS = (Role.SCENARIO_EDITOR,)
APPROVERS = (Role.APPROVER,)
RULE_READERS = (Role.SCENARIO_EDITOR, Role.APPROVER, Role.AUDITOR)
RULE_PEOPLE = (Role.SCENARIO_EDITOR, Role.APPROVER)
# Whoever opens accounts, whoever confirms them, and whoever looks at how that was done (三员分立).
SYSTEM = (Role.SYSTEM_ADMIN,)
SECURITY = (Role.SECURITY_ADMIN,)
GUARDS = (Role.SYSTEM_ADMIN, Role.SECURITY_ADMIN, Role.AUDITOR)
AUDITORS = (Role.AUDITOR,)
OFFICERS = (Role.OBJECTION_OFFICER,)
CASE_READERS = (Role.OBJECTION_OFFICER, Role.AUDITOR)

PARTNER_MANAGERS = (Role.PARTNER_MANAGER,)
PARTNER_READERS = (Role.PARTNER_MANAGER, Role.AUDITOR)

# Whoever looks after the data; approvers see what they are to approve.
CLERKS = (Role.DATA_CLERK,)
DATA_READERS = (Role.DATA_CLERK, Role.APPROVER, Role.SYSTEM_ADMIN, Role.AUDITOR)
LINE_READERS = (Role.DATA_CLERK, Role.AUDITOR)
WITHDRAWERS = (Role.DATA_CLERK, Role.APPROVER)
TRACERS = (Role.DATA_CLERK, Role.OBJECTION_OFFICER, Role.AUDITOR)

# Method and route, as Flask knows it, to the roles that may. What is not here is closed to everybody.
DOORS: dict[str, tuple[Role, ...]] = {
    "GET /console": EVERYBODY,
    "GET /console/<path:anything>": EVERYBODY,
    "POST /console/<path:anything>": EVERYBODY,
    "POST /console/logout": EVERYBODY,
    "GET /console/password": EVERYBODY,
    "POST /console/password": EVERYBODY,
    "GET /console/scenarios": RULE_READERS,
    "POST /console/scenarios": EDITORS,
    "GET /console/scenarios/<code>": RULE_READERS,
    "POST /console/scenarios/<code>/<deed>": APPROVERS,
    "GET /console/rulebooks": RULE_READERS,
    "POST /console/rulebooks": EDITORS,
    "GET /console/drafts/<int:draft_id>": RULE_READERS,
    "POST /console/drafts/<int:draft_id>": EDITORS,
    "GET /console/drafts/<int:draft_id>/review": RULE_READERS,
    "POST /console/drafts/<int:draft_id>/approve": APPROVERS,
    "POST /console/drafts/<int:draft_id>/return": APPROVERS,
    "POST /console/drafts/<int:draft_id>/drop": EDITORS,
    "GET /console/trials/<int:job_id>": RULE_READERS,
    "GET /console/golden-cases": RULE_READERS,
    "POST /console/golden-cases": RULE_PEOPLE,
    "POST /console/golden-cases/<int:case_id>/retire": APPROVERS,
    "GET /console/staff": GUARDS,
    "POST /console/staff": SYSTEM,
    "GET /console/staff.csv": GUARDS,
    "GET /console/staff/<username>": GUARDS,
    "POST /console/staff/<username>/post": SYSTEM,
    "POST /console/staff/<username>/password": SYSTEM,
    "POST /console/staff/<username>/close": SYSTEM,
    "POST /console/staff/<username>/confirm": SECURITY,
    "POST /console/staff/<username>/second-factor": SECURITY,
    "POST /console/staff/<username>/lock": SECURITY,
    "POST /console/staff/<username>/unlock": SECURITY,
    "GET /console/refusals": (Role.SECURITY_ADMIN, Role.AUDITOR),
    "GET /console/refusals.csv": (Role.SECURITY_ADMIN, Role.AUDITOR),
    "GET /console/partners": PARTNER_READERS,
    "GET /console/partners.csv": PARTNER_READERS,
    "GET /console/partners/health": PARTNER_READERS,
    "GET /console/partners/health.csv": PARTNER_READERS,
    "GET /console/partners/new": PARTNER_MANAGERS,
    "POST /console/partners": PARTNER_MANAGERS,
    "POST /console/partners/<int:merchant_id>/documents": PARTNER_MANAGERS,
    "GET /console/partners/<int:merchant_id>": PARTNER_READERS,
    "GET /console/partners/<int:merchant_id>/documents/<int:document_id>": PARTNER_READERS,
    "POST /console/partners/<int:merchant_id>/<deed>": PARTNER_MANAGERS,
    "POST /console/partners/<int:merchant_id>/people": PARTNER_MANAGERS,
    "POST /console/partners/<int:merchant_id>/people/<username>/close": PARTNER_MANAGERS,
    "POST /console/partners/<int:merchant_id>/clients": PARTNER_MANAGERS,
    "POST /console/partners/<int:merchant_id>/clients/<client_id>/rotate": PARTNER_MANAGERS,
    "POST /console/partners/<int:merchant_id>/clients/<client_id>/revoke": PARTNER_MANAGERS,
    "GET /console/data": DATA_READERS,
    "GET /console/data/imports.csv": DATA_READERS,
    "GET /console/data/sources": DATA_READERS,
    "GET /console/data/sources.csv": DATA_READERS,
    "GET /console/data/sources/new": CLERKS,
    "POST /console/data/sources": CLERKS,
    "GET /console/data/sources/<code>": DATA_READERS,
    "GET /console/data/sources/<code>/edit": CLERKS,
    "POST /console/data/sources/<code>": CLERKS,
    "POST /console/data/sources/<code>/credentials": CLERKS,
    "POST /console/data/sources/<code>/credentials/<client_id>/rotate": CLERKS,
    "POST /console/data/sources/<code>/credentials/<client_id>/revoke": CLERKS,
    "GET /console/data/imports/<int:import_id>": DATA_READERS,
    "GET /console/data/imports/<int:import_id>/report.csv": DATA_READERS,
    "POST /console/data/imports/<int:import_id>/retry": CLERKS,
    "GET /console/data/imports/<int:import_id>/lines/<int:line_no>": LINE_READERS,
    "POST /console/data/imports/<int:import_id>/lines/<int:line_no>": CLERKS,
    "POST /console/data/imports/<int:import_id>/lines/<int:line_no>/back": CLERKS,
    "GET /console/data/uploads": CLERKS,
    "POST /console/data/uploads": CLERKS,
    "GET /console/data/uploads/<int:upload_id>": CLERKS,
    "GET /console/data/imports/<int:import_id>/withdrawal": CLERKS,
    "POST /console/data/imports/<int:import_id>/withdrawal": CLERKS,
    "GET /console/data/withdrawals": DATA_READERS,
    "GET /console/data/withdrawals/<int:withdrawal_id>": DATA_READERS,
    "POST /console/data/withdrawals/<int:withdrawal_id>/approve": WITHDRAWERS,
    "POST /console/data/withdrawals/<int:withdrawal_id>/refuse": WITHDRAWERS,
    "GET /console/data/records": TRACERS,
    "GET /console/data/records/<int:record_id>": TRACERS,
    "GET /console/audit": AUDITORS,
    "GET /console/audit.csv": AUDITORS,
    "POST /console/audit/verify": AUDITORS,
    "GET /console/people": CASE_READERS,
    "POST /console/people": CASE_READERS,
    "GET /console/people/<int:look_id>": CASE_READERS,
    "POST /console/people/<int:look_id>/reveal": CASE_READERS,
    "GET /console/cases": CASE_READERS,
    "GET /console/cases/<int:objection_id>": CASE_READERS,
    "POST /console/cases/<int:objection_id>/<deed>": OFFICERS,
    "GET /console/cases/<int:objection_id>/attachments/<int:attachment_id>": OFFICERS,
    "GET /console/cases/<int:objection_id>/letter": CASE_READERS,
    "POST /console/cases/<int:objection_id>/letter": OFFICERS,
}

# Whoever may have the city's report worked out anew.
REPORTERS = (Role.SCENARIO_EDITOR, Role.APPROVER, Role.SYSTEM_ADMIN, Role.AUDITOR)
DOORS |= {
    "GET /console/dashboards": EVERYBODY,
    "GET /console/dashboards/reach.csv": EVERYBODY,
    "GET /console/dashboards/<code>": EVERYBODY,
    "POST /console/dashboards": REPORTERS,
}

# Where somebody shows who they are: nobody is logged in here yet.
OPEN_DOORS = {"GET /console/login", "POST /console/login"}

# Where nothing is: told to anybody.
NO_PAGE = {"GET /console/<path:anything>", "POST /console/<path:anything>"}


@dataclass(frozen=True, slots=True)
class Section:
    """One entry of the navigation; shown to the roles that may open `path`."""

    path: str
    name: str
    icon: str


# In the order in which the navigation shows them. An entry appears once its page is in DOORS.
SECTIONS = (
    Section("/console", "待办", "house"),
    Section("/console/scenarios", "场景", "heart"),
    Section("/console/rulebooks", "规则集", "scale"),
    Section("/console/golden-cases", "标准案例", "flask-conical"),
    Section("/console/cases", "异议", "clock"),
    Section("/console/people", "居民", "user-round"),
    Section("/console/data", "数据", "upload"),
    Section("/console/partners", "商户", "store"),
    Section("/console/dashboards", "看板", "chart-column"),
    Section("/console/staff", "人员", "users"),
    Section("/console/audit", "审计", "search"),
)


def may(role: Role, method: str, route: str) -> bool:
    """Whether somebody with this role may go through this door."""
    return role in DOORS.get(f"{'GET' if method == 'HEAD' else method} {route}", ())


def sections_for(role: Role) -> list[Section]:
    """What somebody with this role finds in the navigation."""
    return [s for s in SECTIONS if may(role, "GET", s.path)]
