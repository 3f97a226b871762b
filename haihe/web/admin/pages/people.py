"""居民页: a person found for a purpose that is named, their lines and records, each led back to file and row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import redirect, request
from werkzeug.wrappers import Response

from haihe.domain.errors import InvalidInput, NotFound, OutOfReach
from haihe.domain.identity import IdType
from haihe.usecases.look_up_person import (
    PURPOSE_WORDS,
    Whom,
    look_up_person,
    reveal_person,
    see_person,
    sources_to_choose,
)
from haihe.web.admin.pages.lock import ConsolePages, page, staff
from haihe.web.admin.people import LookBody, RevealBody
from haihe.web.context import context
from haihe.web.forms import read_form

blp = ConsolePages("people", __name__)
blp.add_app_template_global(PURPOSE_WORDS, "PURPOSE_WORDS")
ID_TYPES = {
    IdType.RESIDENT: "居民身份证",
    IdType.HMT_RESIDENCE: "港澳台居民居住证",
    IdType.FOREIGN_PERMANENT: "外国人永久居留身份证",
}
FIELDS = ("purpose", "basis", "id_type", "id_number", "source", "record_no")


@blp.get("/people")
def people() -> Response:
    """What for, and who."""
    return _search({})


@blp.post("/people")
def look() -> Response:
    """Begin a look. Numbers are sent in a form, so that no address and no log holds them."""
    given = {name: request.form.get(name, "").strip() for name in FIELDS}
    said, faults = read_form(LookBody(), {k: v for k, v in given.items() if v or k in ("purpose", "basis")})
    if faults:
        return _search(faults, 422)
    ctx = context()
    whom = Whom(said["id_type"], said["id_number"], said["source"], said["record_no"])
    try:
        number = look_up_person(ctx, staff(), said["purpose"], said["basis"], whom, ctx.now())
    except OutOfReach:
        raise
    except InvalidInput as error:
        return _search({error.field or "": error.detail}, 422)
    except NotFound as error:
        return _search({"": error.detail}, 404)
    return redirect(f"/console/people/{number}", 303)


@blp.get("/people/<int:look_id>")
def person(look_id: int) -> Response:
    """What the look shows."""
    ctx = context()
    return page("person.html", p=see_person(ctx, staff(), look_id, ctx.now()), wrong="", reason="")


@blp.post("/people/<int:look_id>/reveal")
def reveal(look_id: int) -> Response:
    """See who it is, for a second reason."""
    ctx = context()
    reason = request.form.get("reason", "")
    said, faults = read_form(RevealBody(), {"reason": reason})
    try:
        if not faults:
            reveal_person(ctx, staff(), look_id, said["reason"], ctx.now())
            return redirect(f"/console/people/{look_id}", 303)
        told = faults["reason"]
    except InvalidInput as error:
        told = error.detail
    seen = see_person(ctx, staff(), look_id, ctx.now())
    return page("person.html", 422, p=seen, wrong=told, reason=reason)


def _search(faults: Mapping[str, str], status: int = 200) -> Response:
    typed: Any = request.form
    return page(
        "people.html",
        status,
        deed="look" if request.method == "POST" else "",
        faults=faults,
        typed=typed,
        ID_TYPES=ID_TYPES,
        sources=sources_to_choose(),
    )
