"""What all pages have in common: one base template, one stylesheet, a strict Content-Security-Policy, forms of our own,
and errors told on a page rather than in JSON. Each audience hangs its own pages on `Pages`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Blueprint, Flask, Response, current_app, make_response, redirect, render_template, request
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from haihe.domain.errors import HaiheError, TooOften
from haihe.usecases.context import TIANJIN
from haihe.web.assets import asset, icon
from haihe.web.context import context
from haihe.web.forms import FIELD, form_token, keep_browser_key, require_own_form, secure
from haihe.web.problems import STATUS, TITLES

LARGEST_FORM = 64 << 10
TYPE_COOKIE = "haihe_type"
A_YEAR = 365 * 24 * 3600

CONTENT_SECURITY_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "manifest-src": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
}


class Pages(Blueprint):
    """A group of pages. `camera` lets its pages ask for the camera; no other page may.

    Every unsafe request must come from a form of our own, except where the group's lock (a `before_request` registered on
    it) has answered first. Pages are never cached and never framed.
    """

    def __init__(self, name: str, import_name: str, camera: bool = False, **more: Any) -> None:
        super().__init__(name, import_name, **more)
        self.camera = camera
        self.after_request(self._seal)
        self.register_error_handler(HaiheError, domain_error)
        self.register_error_handler(HTTPException, http_error)
        self.register_error_handler(OperationalError, database_away)
        self.register_error_handler(Exception, unexpected)

    def _seal(self, response: Response) -> Response:
        if response.mimetype == "text/html":
            response.headers.setdefault("Content-Security-Policy", policy())
        response.headers.setdefault("X-Frame-Options", "DENY")
        response.headers.setdefault("Referrer-Policy", "same-origin")
        response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        camera = "(self)" if self.camera else "()"
        response.headers.setdefault("Permissions-Policy", f"camera={camera}, microphone=(), geolocation=()")
        return keep_browser_key(response)


def policy(**instead: str) -> str:
    """The Content-Security-Policy; `instead` replaces directives (`form_action="'self' https://shop.example"`)."""
    directives = CONTENT_SECURITY_POLICY | {name.replace("_", "-"): value for name, value in instead.items()}
    return "; ".join(f"{name} {value}" for name, value in directives.items())


def show(template: str, status: int = 200, /, **values: Any) -> Response:
    """A page."""
    return make_response(render_template(template, **values), status)


def check_form(largest: int = LARGEST_FORM) -> None:
    """For a group's `before_request`: an unsafe request must be a form of ours, of a modest size."""
    if request.method not in ("GET", "HEAD", "OPTIONS"):
        if request.max_content_length is None or request.max_content_length > largest:
            request.max_content_length = largest
        require_own_form()


def error_page(status: int, detail: str, code: str) -> Response:
    """What went wrong and what to do, on a page; `code` is the same stable code that the JSON doors give."""
    # Back to where this face of ours begins: /merchant from anywhere below it.
    held = current_app.blueprints.get(request.blueprint or "")
    face = ((held and held.url_prefix) or "/").split("/")[1]
    return show("error.html", status, status=status, detail=detail, code=code, error_home=f"/{face}")


def domain_error(error: HaiheError) -> Response:
    """A domain error on a page."""
    status = next((s for kind, s in STATUS.items() if isinstance(error, kind)), 400)
    answer = error_page(status, error.detail, error.code)
    if isinstance(error, TooOften):
        answer.headers["Retry-After"] = str(error.retry_after)
    return answer


def http_error(error: HTTPException) -> AnyResponse:
    """What HTTP itself refuses, on a page."""
    if error.response is not None:
        return error.response
    status = error.code or 500
    code, detail = TITLES.get(status, TITLES[400 if status < 500 else 500])
    return error_page(status, detail, code)


def database_away(error: OperationalError) -> Response:
    """The database does not answer."""
    current_app.logger.error("database: %s", type(error.orig).__name__)
    return error_page(503, TITLES[503][1], TITLES[503][0])


def unexpected(_error: Exception) -> Response:
    """A mistake of ours."""
    current_app.logger.exception("unexpected error on %s %s", request.method, request.endpoint)
    return error_page(500, TITLES[500][1], TITLES[500][0])


def moment(at: datetime | None) -> str:
    """A moment as people write it, in Tianjin's time."""
    return "" if at is None else f"{at.astimezone(TIANJIN):%Y-%m-%d %H:%M}"


def clock(at: datetime) -> str:
    """The time of day in Tianjin."""
    return f"{at.astimezone(TIANJIN):%H:%M}"


blp = Pages("look", __name__)


@blp.before_request
def _own_forms() -> None:
    check_form()


@blp.get("/")
def welcome() -> Response:
    """The way to each of the three faces."""
    return show("welcome.html", demo=context().demo)


@blp.post("/look")
def choose_look() -> AnyResponse:
    """Larger type, or ordinary type again; remembered by the browser alone."""
    answer = redirect(_back(), 303)
    larger = request.form.get("type") == "large"
    answer.set_cookie(
        TYPE_COOKIE,
        "large" if larger else "",
        max_age=A_YEAR if larger else 0,
        secure=secure(),
        samesite="Lax",
    )
    return answer


def _back() -> str:
    """The page on which the choice was made: a path of ours and nothing else."""
    path = request.form.get("back", "/")
    ours = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return path if ours else "/"


def _tianjin(at: datetime) -> str:
    """A moment as a page says it: the day and the minute in Tianjin."""
    return at.astimezone(TIANJIN).strftime("%Y-%m-%d %H:%M")


def register_pages(app: Flask) -> None:
    """What templates can call on, and the one page that belongs to nobody."""
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters["tianjin"] = _tianjin
    app.jinja_env.globals.update(asset=asset, icon_url=icon, form_token=form_token, FORM_FIELD=FIELD)

    app.jinja_env.filters.update(moment=moment, clock=clock)

    @app.context_processor
    def look() -> dict[str, Any]:
        larger = request.cookies.get(TYPE_COOKIE) == "large"
        safe = request.method in ("GET", "HEAD")
        return {"large_type": larger, "here": request.full_path.rstrip("?") if safe else request.path}

    app.register_blueprint(blp)
