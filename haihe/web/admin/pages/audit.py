"""审计页: the trail searched by who, what, whom and when; exported; its chains verified. Nobody audits themselves here."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from urllib.parse import urlencode

from flask import request
from werkzeug.wrappers import Response

from haihe.domain.errors import InvalidInput
from haihe.usecases.context import TIANJIN
from haihe.usecases.read_audit import Sought, Verified, check_chains, export_audit, search_audit
from haihe.web.admin.audit import csv_of_audit
from haihe.web.admin.pages.asked import asked, number_of
from haihe.web.admin.pages.audit_words import BREAK_WORDS, DEED_WORDS
from haihe.web.admin.pages.lock import ConsolePages, page, staff
from haihe.web.context import context

blp = ConsolePages("audit", __name__)
SHOWN = 50
LONGEST = 96


@blp.get("/audit")
def audit() -> Response:
    """What was done, the latest first; the search itself is on the record."""
    try:
        return _list(_sought())
    except InvalidInput as error:
        return page("audit.html", 422, entries=[], following="", wrong=error, verified=None, **_words())


@blp.get("/audit.csv")
def export() -> Response:
    """The same as a file, with each entry's place in its chain."""
    return csv_of_audit(export_audit(staff(), _sought(), context().now()))


@blp.post("/audit/verify")
def verify() -> Response:
    """Whether the chains hold."""
    verified = check_chains(staff(), context().now())
    return page("audit.html", entries=[], following="", wrong=None, verified=verified, **_words())


def _list(sought: Sought, verified: Verified | None = None) -> Response:
    before = number_of(request.args.get("before", ""))
    entries, following = search_audit(staff(), replace(sought, before=before), SHOWN, context().now())
    kept = {k: v for k, v in request.args.items() if k != "before" and v}
    return page(
        "audit.html",
        entries=entries,
        following=urlencode({**kept, "before": following}) if following else "",
        exported=urlencode(kept),
        wrong=None,
        verified=verified,
        **_words(),
    )


def _words() -> dict[str, dict[str, str]]:
    return {"DEED_WORDS": DEED_WORDS, "BREAK_WORDS": BREAK_WORDS}


def _sought() -> Sought:
    since, until = _day("since"), _day("until")
    actor = asked("actor", LONGEST)
    return Sought(
        actor=(actor if ":" in actor else f"staff:{actor}") if actor else None,
        deed=asked("deed") or None,
        subject=asked("subject", LONGEST) or None,
        since=_midnight(since) if since else None,
        until=_midnight(until + timedelta(days=1)) if until and until < date.max else None,
    )


def _day(name: str) -> date | None:
    given = asked(name)
    try:
        return date.fromisoformat(given) if given else None
    except ValueError:
        raise InvalidInput("DAY_INVALID", "日期应写成 2026-11-20 的样子", name) from None


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), TIANJIN)
