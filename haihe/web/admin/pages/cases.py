"""异议页: the list with its clocks, one case with everything that belongs to it, and the letter to the resident."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from flask import redirect, request
from marshmallow import Schema
from werkzeug.wrappers import Response

from haihe.domain.errors import Conflict, InvalidInput, NotFound
from haihe.domain.objections import ANSWERS, ObjectionState
from haihe.usecases.answer_objection import (
    CORRECTABLE,
    Answer,
    answer_objection,
    extend_objection,
    open_attachment,
)
from haihe.usecases.cases import CaseFile, Exchange, Pile, list_cases, name_for_letter, open_case
from haihe.usecases.context import Context, day_of
from haihe.usecases.handle_objection import (
    ask_source,
    hand_over_objection,
    note_source_answer,
    officers_for,
    take_objection,
)
from haihe.usecases.staff_login import Role
from haihe.web.admin.objections import (
    LONGEST_EXTENSION,
    AnswerBody,
    ExtensionBody,
    HandOverBody,
    NoteBody,
    QuestionBody,
    TakeBody,
)
from haihe.web.admin.pages.lock import ConsolePages, page, staff
from haihe.web.bodies import Body, Text
from haihe.web.context import context
from haihe.web.files import download
from haihe.web.forms import read_form
from haihe.web.problems import STATUS

blp = ConsolePages("cases", __name__)

STATES = {
    ObjectionState.OPEN: ("办理中", "wait", "clock"),
    ObjectionState.UPHELD: ("维持", "mute", "check"),
    ObjectionState.CORRECTED: ("已更正", "good", "pencil"),
    ObjectionState.REMOVED: ("已撤销记录", "good", "check"),
    ObjectionState.TAKEN_BACK: ("本人撤回", "mute", "undo-2"),
}
OUTCOMES = {
    ObjectionState.UPHELD: "维持：经核实，记录无误，恢复计分",
    ObjectionState.CORRECTED: "更正：记录有误，按下面填写的内容更正",
    ObjectionState.REMOVED: "撤销：记录不应存在，从此不计分",
}
EXCHANGES = {
    Exchange.NONE: ("", "", ""),
    Exchange.ASKED: ("等部门回复", "wait", "clock"),
    Exchange.ANSWERED: ("部门已回复", "good", "check"),
}
PILES = {
    Pile.OPEN: "全部在办",
    Pile.MINE: "我经办的",
    Pile.URGENT: "已升级（临期与超期）",
    Pile.CLOSED: "已办结",
}
blp.add_app_template_global(STATES, "CASE_STATES")
blp.add_app_template_global(EXCHANGES, "CASE_EXCHANGES")
CORRECTED_NAMES = dict(zip(CORRECTABLE, ("发生日期", "数量", "级别", "类别", "有效期至"), strict=True))
LONGEST_SEARCH = 64


@blp.app_template_filter("long_day")
def long_day(at: datetime) -> str:
    """A day as an official letter writes it."""
    day = day_of(at)
    return f"{day.year}年{day.month}月{day.day}日"


class RevealBody(Body):
    """Why the whole name is needed."""

    reason = Text(LONGEST_EXTENSION)


def _answer(ctx: Context, number: int, said: Mapping[str, Any], at: datetime) -> None:
    decided = Answer(ObjectionState(said["outcome"]), said["reason"], said["corrected"])
    answer_objection(ctx, staff(), number, decided, at)


# What can be done to a case: how its form is read, and what then happens.
DEEDS: Mapping[str, tuple[Schema, Callable[[Context, int, Mapping[str, Any], datetime], object]]] = {
    "take": (TakeBody(), lambda _c, n, said, at: take_objection(staff(), n, said["reason"], at)),
    "hand-over": (
        HandOverBody(),
        lambda _c, n, said, at: hand_over_objection(staff(), n, said["to"], said["reason"], at),
    ),
    "ask": (QuestionBody(), lambda ctx, n, said, at: ask_source(ctx, staff(), n, said["text"], at)),
    "note": (
        NoteBody(),
        lambda ctx, n, said, at: note_source_answer(ctx, staff(), n, said["text"], said["document_no"], at),
    ),
    "extend": (
        ExtensionBody(),
        lambda ctx, n, said, at: extend_objection(ctx, staff(), n, said["reason"], at),
    ),
    "answer": (AnswerBody(), _answer),
}


@blp.get("/cases")
def cases() -> Response:
    """One pile, searchable; what is due first comes first."""
    asked = request.args.get("q", "").strip()[:LONGEST_SEARCH].replace("\0", "")
    wanted = request.args.get("pile", "")
    pile = Pile(wanted) if wanted in set(Pile) else Pile.OPEN
    ctx = context()
    rows, more = list_cases(ctx, staff(), pile, asked, ctx.now())
    piles = (
        PILES if staff().role is Role.OBJECTION_OFFICER else {p: w for p, w in PILES.items() if p != "mine"}
    )
    return page("cases.html", rows=rows, more=more, pile=pile, piles=piles, q=asked)


@blp.get("/cases/<int:objection_id>")
def case(objection_id: int) -> Response:
    """One case; the look is on the record."""
    return _case(objection_id)


@blp.post("/cases/<int:objection_id>/<deed>")
def do(objection_id: int, deed: str) -> Response:
    """Take it, hand it over, ask the department, note its answer, extend, decide. What was typed is never lost."""
    if deed not in DEEDS:
        raise NotFound("NOT_FOUND", "没有这个页面")
    schema, act = DEEDS[deed]
    said, faults = read_form(schema, _typed(deed))
    if faults:
        return _case(objection_id, deed, faults, 422)
    ctx = context()
    try:
        act(ctx, objection_id, said, ctx.now())
    except (InvalidInput, Conflict) as error:
        status = next(s for kind, s in STATUS.items() if isinstance(error, kind))
        return _case(objection_id, deed, {error.field or "": error.detail}, status)
    return redirect(f"/console/cases/{objection_id}#{deed}", 303)


@blp.get("/cases/<int:objection_id>/attachments/<int:attachment_id>")
def attachment(objection_id: int, attachment_id: int) -> Response:
    """A file that the resident handed in; opening it is on the record."""
    ctx = context()
    opened = open_attachment(ctx, staff(), objection_id, attachment_id, ctx.now())
    return download(opened, f"objection-{objection_id}-{attachment_id}")


@blp.get("/cases/<int:objection_id>/letter")
def letter(objection_id: int) -> Response:
    """The letter to the resident, with the name masked."""
    file = _answered(objection_id)
    return _letter(file, file.name, file.id_number)


@blp.post("/cases/<int:objection_id>/letter")
def letter_with_name(objection_id: int) -> Response:
    """The same with the whole name, for a reason that stays on the record."""
    file = _answered(objection_id)
    said, faults = read_form(RevealBody(), {"reason": request.form.get("reason", "")})
    if faults:
        return _letter(file, file.name, file.id_number, faults["reason"])
    ctx = context()
    name, number = name_for_letter(ctx, staff(), objection_id, said["reason"], ctx.now())
    return _letter(file, name, number, revealed=True)


def _case(
    objection_id: int, deed: str = "", faults: Mapping[str, str] | None = None, status: int = 200
) -> Response:
    ctx = context()
    file = open_case(ctx, staff(), objection_id, ctx.now())
    return page(
        "case.html",
        status,
        f=file,
        o=file.objection,
        officers=officers_for(objection_id),
        deed=deed,
        faults=faults or {},
        typed=request.form if deed else {},
        officer=staff().role is Role.OBJECTION_OFFICER,
        works=staff().role is Role.OBJECTION_OFFICER and file.objection.state is ObjectionState.OPEN,
        OUTCOMES=OUTCOMES,
        CORRECTED_NAMES=CORRECTED_NAMES,
    )


def _answered(objection_id: int) -> CaseFile:
    ctx = context()
    file = open_case(ctx, staff(), objection_id, ctx.now())
    if file.objection.state not in ANSWERS:
        raise Conflict("OBJECTION_OPEN", "这项异议还没有决定，办结后才有答复函")
    return file


def _letter(file: CaseFile, name: str, number: str, wrong: str = "", revealed: bool = False) -> Response:
    return page(
        "case_letter.html",
        422 if wrong else 200,
        f=file,
        o=file.objection,
        name=name,
        number=number,
        wrong=wrong,
        revealed=revealed,
        CORRECTED_NAMES=CORRECTED_NAMES,
    )


def _typed(deed: str) -> dict[str, Any]:
    """What the form of this deed says, in the shape of the same deed's JSON."""
    names = {
        "take": ("reason",),
        "hand-over": ("to", "reason"),
        "ask": ("text",),
        "note": ("text", "document_no"),
        "extend": ("reason",),
        "answer": ("outcome", "reason"),
    }[deed]
    given: dict[str, Any] = {name: request.form.get(name, "").replace("\r\n", "\n") for name in names}
    if deed == "take" and not given["reason"].strip():
        del given["reason"]
    if deed == "answer":
        corrected = {name: request.form.get(name, "").strip() for name in CORRECTABLE}
        given["corrected"] = {name: value for name, value in corrected.items() if value}
    return given
