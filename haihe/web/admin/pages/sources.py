"""来源部门页: who sends records, how fresh they are, and with which credentials they come."""

from __future__ import annotations

from typing import Any

from flask import redirect, request
from werkzeug.wrappers import Response

from haihe.domain.districts import DISTRICTS
from haihe.domain.errors import Conflict, HaiheError, InvalidInput
from haihe.storage.partners import OAuthClient
from haihe.storage.records import Source
from haihe.usecases.client_registrations import Registered
from haihe.usecases.context import day_of
from haihe.usecases.sources import (
    Wanted,
    change_source,
    credentials_of,
    find_source,
    freshness_of,
    give_credentials,
    imports_of,
    open_source,
    revoke_credentials,
    rotate_credentials,
    sources_of,
)
from haihe.web.admin.pages.asked import asked
from haihe.web.admin.pages.export import csv_file
from haihe.web.admin.pages.lock import ConsolePages, page, staff
from haihe.web.context import context
from haihe.web.problems import status_of

blp = ConsolePages("sources", __name__)
LATEST = 10
COLUMNS = ("代码", "名称", "区", "指标", "约定天数", "最近报送", "逾期")


@blp.get("/data/sources")
def sources() -> Response:
    """Every source with its freshness, those that are late first."""
    rows, sought = _rows()
    return page("sources.html", rows=rows, q=sought, DISTRICTS=DISTRICTS)


@blp.get("/data/sources.csv")
def export() -> Response:
    """The same table for a spreadsheet."""
    rows, _sought = _rows()
    return csv_file(
        "sources",
        COLUMNS,
        (
            (
                s.code,
                s.name,
                DISTRICTS.get(s.district or "", "全市"),
                " ".join(s.indicators) or "全部",
                s.expected_days,
                fresh.last_on,
                "是" if fresh.overdue else "否",
            )
            for s, fresh in rows
        ),
    )


@blp.get("/data/sources/new")
def new() -> Response:
    """An empty form."""
    return _form(None, {})


@blp.post("/data/sources")
def register() -> Response:
    """Register a source."""
    ctx, code = context(), request.form.get("code", "").strip()
    try:
        open_source(ctx, staff(), code, _wanted(), ctx.now())
    except (InvalidInput, Conflict) as error:
        return _form(None, request.form, error)
    return redirect(f"/console/data/sources/{code}", 303)


@blp.get("/data/sources/<code>")
def source(code: str) -> Response:
    """One source: its rhythm, its credentials, its latest files."""
    return _source(find_source(staff(), code))


@blp.get("/data/sources/<code>/edit")
def edit(code: str) -> Response:
    """The form, filled in."""
    held = find_source(staff(), code)
    return _form(
        held,
        {
            "name": held.name,
            "district": held.district or "",
            "indicators": " ".join(held.indicators),
            "expected_days": held.expected_days or "",
        },
    )


@blp.post("/data/sources/<code>")
def change(code: str) -> Response:
    """Put it anew."""
    ctx, held = context(), find_source(staff(), code)
    try:
        change_source(ctx, staff(), code, _wanted(), ctx.now())
    except InvalidInput as error:
        return _form(held, request.form, error)
    return redirect(f"/console/data/sources/{code}", 303)


@blp.post("/data/sources/<code>/credentials")
def credentials(code: str) -> Response:
    """A client, its secret shown this once."""
    ctx, held = context(), find_source(staff(), code)
    if request.form.get("seen") != str(len(credentials_of(code))):
        raise seen_before()
    return _source(held, give_credentials(ctx, staff(), code, ctx.now()))


@blp.post("/data/sources/<code>/credentials/<client_id>/rotate")
def rotate(code: str, client_id: str) -> Response:
    """Another secret, shown this once; the old one is worth nothing from now on."""
    ctx, held = context(), find_source(staff(), code)
    if request.form.get("seen") not in [seen_of(c) for c in credentials_of(code) if c.client_id == client_id]:
        raise seen_before()
    return _source(held, rotate_credentials(ctx, staff(), code, client_id, ctx.now()))


@blp.post("/data/sources/<code>/credentials/<client_id>/revoke")
def revoke(code: str, client_id: str) -> Response:
    """Take it away."""
    ctx = context()
    revoke_credentials(ctx, staff(), code, client_id, ctx.now())
    return redirect(f"/console/data/sources/{code}", 303)


@blp.app_template_filter("seen_of")
def seen_of(client: OAuthClient) -> str:
    """Which credentials a page showed: a form sent twice must not make them anew twice."""
    return (client.renewed_at or client.created_at).isoformat()


def seen_before() -> Conflict:
    """What a form is told that was sent twice, or from a page that is out of date."""
    return Conflict("PAGE_OUT_OF_DATE", "凭据在您打开页面之后已变动，这次没有改动；请返回刷新后再试")


def _rows() -> tuple[list[tuple[Source, Any]], str]:
    sought, on = asked("q"), day_of(context().now())
    rows = [(s, freshness_of(s, on)) for s in sources_of(staff()) if sought in f"{s.code} {s.name}"]
    rows.sort(key=lambda row: (not row[1].overdue, row[0].code))
    return rows, sought


def _wanted() -> Wanted:
    form = request.form
    days = form.get("expected_days", "").strip()
    if days and not (days.isascii() and days.isdigit() and len(days) < 5):
        raise InvalidInput("DAYS_INVALID", "天数应为整数，如 7；没有约定就留空", "expected_days")
    return Wanted(
        form.get("name", "").strip(),
        form.get("district", "") or None,
        tuple(dict.fromkeys(form.get("indicators", "").replace(",", " ").replace("，", " ").split())),
        int(days) if days else None,
    )


def _form(held: Source | None, values: Any, error: HaiheError | None = None) -> Response:
    own = sorted(staff().districts) or sorted(DISTRICTS)
    return page(
        "source_edit.html",
        200 if error is None else status_of(error),
        held=held,
        values=values,
        error=error,
        districts={code: DISTRICTS[code] for code in own},
        whole_city=not staff().districts,
    )


def _source(held: Source, handed: Registered | None = None) -> Response:
    return page(
        "source.html",
        source=held,
        fresh=freshness_of(held, day_of(context().now())),
        clients=credentials_of(held.code),
        imports=imports_of(staff(), held.code, "", None, LATEST),
        handed=handed,
        DISTRICTS=DISTRICTS,
    )
