"""标准案例页: what officials expect of the rules, in words that any draft is held to."""

from __future__ import annotations

from flask import redirect, request
from werkzeug.wrappers import Response

from haihe.usecases.drafts import InvalidDraft
from haihe.usecases.golden_cases import golden_case, golden_cases, retire_case, write_case
from haihe.web.admin.pages.lock import ConsolePages, page, staff
from haihe.web.context import context

blp = ConsolePages("golden", __name__)
LONGEST = 20_000
EXAMPLE = """name: 有 620 分、没有失信记录的居民可以免押骑行
scenario: XYZ-07
day: 2026-12-01
facts: {points: 620}
outcome: 可以
merchant_code: OK
offer: 免押金骑行
"""


@blp.get("/golden-cases")
def cases() -> Response:
    """Every case, searchable; one of them in the form where the address names it."""
    asked = request.args.get("q", "").strip()[:64]
    number = request.args.get("edit", "")
    text = (
        golden_case(int(number)).written if number.isascii() and number.isdigit() and len(number) < 18 else ""
    )
    return _page(asked, text or EXAMPLE, [])


@blp.post("/golden-cases")
def write() -> Response:
    """Keep a case, anew or in place of the one of the same name."""
    text = request.form.get("text", "").replace("\r\n", "\n")[:LONGEST]
    try:
        write_case(text, staff(), context().now())
    except InvalidDraft as error:
        return _page("", text, error.lines, 422)
    return redirect("/console/golden-cases", 303)


@blp.post("/golden-cases/<int:case_id>/retire")
def retire(case_id: int) -> Response:
    """No draft is held to this case any more."""
    retire_case(case_id, staff(), context().now())
    return redirect("/console/golden-cases", 303)


def _page(asked: str, text: str, lines: list[object], status: int = 200) -> Response:
    rows = [r for r in golden_cases() if asked in r.written]
    return page("golden_cases.html", status, rows=rows, q=asked, text=text, lines=lines)
