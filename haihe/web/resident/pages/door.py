"""What the residents' pages have in common: whoever has no session is shown the way in, and comes back to where they were."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask import Response, g, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from haihe.domain.errors import Conflict, Forbidden, Unauthenticated
from haihe.domain.helping import Scope
from haihe.usecases.act_for import Acting
from haihe.usecases.sessions import Caller, caller_of
from haihe.web.context import context
from haihe.web.page_session import forget_page_session, page_session
from haihe.web.pages import LARGEST_FORM, Pages, check_form, show
from haihe.web.resident.acting import acting_here, come_in, go_out
from haihe.web.resident.lock import BoundCaller, require_bound

HOME = "/m"
LOGIN = "/m/login"
JOIN = "/m/join"
TABS = (
    (("home", "/m", "首页", "house"), {Scope.VIEW}),
    (("benefits", "/m/benefits", "优惠", "heart"), {Scope.VIEW, Scope.PASS}),
    (("points", "/m/points", "明细", "list"), {Scope.VIEW, Scope.OBJECTION}),
    (("asked", "/m/questions", "谁查过", "eye"), {Scope.VIEW}),
    (("me", "/m/me", "我的", "user-round"), set()),
)
HELPING_TAB = ("helping", "/m/helping", "代办", "users")


class MemberPages(Pages):
    """A group of pages for somebody who is logged in; `open_views` are for everybody. A form may have so many bytes at most."""

    def __init__(
        self, name: str, import_name: str, *open_views: str, largest_form: int = LARGEST_FORM
    ) -> None:
        super().__init__(f"m_{name}", import_name, url_prefix=HOME)
        self.largest_form = largest_form
        self.open_views = open_views
        self.before_request(self._ask)
        self.teardown_request(go_out)
        self.register_error_handler(Unauthenticated, _to_login)
        self.register_error_handler(Forbidden, _to_join)
        self.register_error_handler(Conflict, _to_join)

    def _ask(self) -> None:
        g.error_home = HOME
        if (request.endpoint or "").rpartition(".")[2] not in self.open_views:
            g.caller = come_in(whoever_is_here())
        request.max_content_length = self.largest_form
        check_form(self.largest_form)


def whoever_is_here() -> Caller:
    """Who holds the page's cookie; Unauthenticated if nobody does."""
    token = page_session()
    if not token:
        raise Unauthenticated("SESSION_MISSING", "请先登录")
    return caller_of(token, context().now())


def member() -> BoundCaller:
    """Whoever is here, with a real name; somebody without one is sent to where names are bound."""
    return require_bound()


def page(template: str, tab: str, status: int = 200, /, **values: Any) -> Response:
    """A page under one of the tabs; whoever acts for somebody is told so on every one of them."""
    acting = acting_here()
    return show(
        f"m/{template}", status, tab=tab, tabs=_tabs(acting), error_home=HOME, acting=acting, **values
    )


def _tabs(acting: Acting | None) -> list[tuple[str, str, str, str]]:
    """One's own five; of somebody one acts for, those that were agreed, and where everything of theirs is."""
    if acting is None:
        return [tab for tab, _scopes in TABS]
    return [tab for tab, scopes in TABS if scopes & acting.scopes] + [HELPING_TAB]


def back_to(path: str) -> str:
    """A path of these pages or of the page that links a merchant; the home page where it is anything else."""
    ours = path == HOME or path.startswith((f"{HOME}/", f"{HOME}?", "/oauth/authorize?"))
    return path if ours and "\\" not in path and path.isprintable() else HOME


def _to_login(_error: Unauthenticated) -> AnyResponse:
    if "HX-Request" in request.headers:
        # A part of a page cannot be a login page; the whole page goes there.
        return Response(status=204, headers={"HX-Redirect": LOGIN})
    wanted = request.full_path.rstrip("?") if request.method == "GET" else HOME
    answer = redirect(LOGIN if wanted == HOME else f"{LOGIN}?{urlencode({'next': wanted})}", 303)
    forget_page_session(answer)
    return answer


def _to_join(error: Forbidden | Conflict) -> AnyResponse:
    """Whoever has no real name, or has not joined, is shown how; every other refusal is told on a page."""
    if error.code in ("HELPER_MAY_NOT", "HELPER_SCOPE", "HELPING_ENDED"):
        return page("helping_refused.html", "", 403, detail=error.detail, code=error.code)
    if error.code in ("NOT_BOUND", "NOT_JOINED"):
        return redirect(JOIN, 303)
    status = 403 if isinstance(error, Forbidden) else 409
    return show("error.html", status, status=status, detail=error.detail, code=error.code, error_home=HOME)
