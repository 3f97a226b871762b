"""为家人办理, at the lock: which doors a relative may go through for a resident, and in which matter.

The table names what is allowed; every other door, those still to be built included, is closed to whoever acts for somebody.
So nobody can give a consent, leave, delete, export, link a merchant or change helpers in another's name.
"""

from __future__ import annotations

from flask import g, request

from haihe.domain.errors import Forbidden
from haihe.domain.helping import SCOPE_WORDS, Scope
from haihe.usecases.act_for import Acting, act_through, acting_now
from haihe.usecases.sessions import Caller
from haihe.web.context import context

VIEW, PASS, ORDER, OBJECTION = Scope.VIEW, Scope.PASS, Scope.ORDER, Scope.OBJECTION
DOORS: dict[str, frozenset[Scope]] = {
    endpoint: frozenset(scopes)
    for scopes, endpoints in (
        (
            (VIEW,),
            (
                "resident_points.history",
                "resident_points.ledger",
                "resident_look_ahead.what_if",
                "resident_questions.questions",
                "resident_questions.question",
                "resident_orders.notifications",
                "m_points.home",
                "m_points.ledger",
                "m_asked.questions",
                "m_asked.question",
                "m_orders.messages",
            ),
        ),
        ((VIEW, OBJECTION), ("resident_points.points", "m_points.lines")),
        (
            (VIEW, PASS),
            (
                "resident_benefits.benefits",
                "resident_benefits.benefit",
                "resident_look_ahead.steps",
                "m_benefits.benefits",
                "m_benefits.benefit",
            ),
        ),
        (
            (PASS,),
            (
                "resident_passes.show",
                "resident_passes.picture",
                "m_benefits.show_pass",
                "m_benefits.watch_pass",
            ),
        ),
        (
            (ORDER,),
            (
                "resident_orders.orders",
                "resident_orders.order",
                "resident_orders.confirm",
                "resident_orders.cancel",
                "resident_orders.dispute",
                "resident_orders.undispute",
                "m_orders.orders",
                "m_orders.order",
                "m_orders.confirm",
                "m_orders.cancel",
                "m_orders.dispute",
                "m_orders.take_back",
            ),
        ),
        (
            (OBJECTION,),
            (
                "resident_objections.objections",
                "resident_objections.file",
                "resident_objections.objection",
                "resident_objections.take_back",
                "resident_objections.send_attachment",
                "resident_objections.view_attachment",
                "resident_objections.delete_attachment",
                "resident_reports.reports",
                "resident_reports.make",
                "resident_reports.report",
                "resident_reports.pdf",
                "m_objections.objections",
                "m_objections.new",
                "m_objections.file",
                "m_objections.objection",
                "m_objections.take_back",
                "m_objections.add",
                "m_objections.attachment",
                "m_objections.remove",
                "m_reports.reports",
                "m_reports.make",
                "m_reports.report",
                "m_reports.pdf",
            ),
        ),
    )
    for endpoint in endpoints
}
# Through these one goes as oneself, whomever one is acting for: the way back, and the way out.
AS_ONESELF = frozenset(
    {
        "resident_login.logout",
        "resident_helpers.acting",
        "resident_helpers.start",
        "resident_helpers.stop",
        "m_entrance.leave_page",
        "m_helpers.acting",
        "m_helpers.start",
        "m_helpers.stop",
    }
)


def come_in(caller: Caller) -> Caller:
    """Whose doors these are: the caller's own, or those of whom the caller acts for, where this very door allows it."""
    go_out()
    if caller.helping_id is None:
        return caller
    endpoint = request.endpoint or ""
    if endpoint in AS_ONESELF:
        return caller
    g.acting = acting = acting_of(caller)
    allowed = DOORS.get(endpoint)
    if allowed is None:
        raise Forbidden("HELPER_MAY_NOT", f"这一项只能由{acting.helped_name}本人办理，或请先回到您自己")
    if not allowed & acting.scopes:
        matters = "”或“".join(words for scope, words in SCOPE_WORDS.items() if scope in allowed)
        raise Forbidden("HELPER_SCOPE", f"{acting.helped_name}没有请您代办“{matters}”")
    act_through(acting)
    return Caller(caller.account_id, acting.helped_id)


def go_out(_error: BaseException | None = None) -> None:
    """The request is over: nobody acts for anybody any more."""
    act_through(None)
    g.pop("acting", None)


def acting_of(caller: Caller) -> Acting:
    """For whom this caller has turned to act; Forbidden HELPING_ENDED once they may not."""
    ctx = context()
    return acting_now(ctx, caller.resident_id, caller.helping_id or 0, ctx.now())


def acting_here() -> Acting | None:
    """For whom this request is done; None for oneself."""
    acting: Acting | None = g.get("acting")
    return acting


def only_oneself() -> None:
    """For what is part of a door that is open to relatives, but is the resident's own to decide."""
    acting = acting_here()
    if acting is not None:
        raise Forbidden("HELPER_MAY_NOT", f"这一项只能由{acting.helped_name}本人决定")
