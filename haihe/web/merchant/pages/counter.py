"""柜台页: scan or type a code, see a large yes or no, open the order and close it. Works without scripts too."""

from __future__ import annotations

import re

from flask import redirect, request, url_for
from werkzeug.wrappers import Response

from haihe.domain.errors import HaiheError, InvalidInput
from haihe.domain.orders import Phase
from haihe.domain.scenarios import Scenario
from haihe.usecases.counter import (
    ask_at_counter,
    cancel_at_counter,
    complete_at_counter,
    draw_order_number,
    may_be_no_show,
    no_show_at_counter,
    open_at_counter,
    order_at_counter,
    running_orders,
    start_at_counter,
)
from haihe.usecases.merchant_login import partner_at_counter
from haihe.usecases.order_deeds import phase
from haihe.usecases.rules_in_force import Partner
from haihe.web.context import context
from haihe.web.merchant.pages.lock import caller, keep_locked
from haihe.web.merchant.pages.words import ORDER_STATES, VERDICTS, yuan
from haihe.web.pages import Pages, show
from haihe.web.problems import STATUS

blp = Pages("merchant_counter", __name__, url_prefix="/merchant", camera=True)
keep_locked(blp)
blp.add_app_template_filter(yuan, "yuan")

CODE = re.compile(r"[0-9]{18}")
BLANKS = re.compile(r"[\s-]+")
ORDER_NUMBER = re.compile(r"[0-9A-Za-z_\-|*]{1,32}")
REMEMBERED = "haihe_scenario"


@blp.get("")
def home() -> Response:
    """The counter is where most people of a merchant have work to do."""
    return redirect(url_for("merchant_counter.counter"), 303)


@blp.get("/counter")
def counter() -> Response:
    """The counter, waiting for the next person."""
    partner = _partner()
    return show("merchant/counter.html", **_around(partner, request.cookies.get(REMEMBERED, "")))


@blp.post("/counter")
def ask() -> Response:
    """The answer, large."""
    ctx, partner = context(), _partner()
    wanted = request.form.get("scenario", "")
    around = _around(partner, wanted)
    code = BLANKS.sub("", request.form.get("code", ""))
    try:
        scenario = _admitted(around["scenarios"], wanted)
        if not CODE.fullmatch(code):
            raise InvalidInput("CODE_FORM", "信用码是 18 位数字，请核对后再试", "code")
        at = ctx.now()
        told = ask_at_counter(ctx, partner, scenario.code, code, at)
    except HaiheError as error:
        status = next((s for kind, s in STATUS.items() if isinstance(error, kind)), 400)
        return show("merchant/counter.html", status, wrong=error.detail, **around)
    answer = show(
        "merchant/answer.html",
        told=told,
        verdict=VERDICTS[told.code],
        scenario=scenario,
        out_order_no=draw_order_number(at),
    )
    answer.set_cookie(REMEMBERED, scenario.code, max_age=30 * 24 * 3600, samesite="Lax", path="/merchant")
    return answer


@blp.post("/orders")
def open_one() -> Response:
    """Open the order with the yes that was just seen."""
    ctx, partner = context(), _partner()
    number = request.form.get("out_order_no", "").strip()
    if not ORDER_NUMBER.fullmatch(number):
        raise InvalidInput("OUT_ORDER_NO_INVALID", "订单号应为 1–32 位字母、数字或 _-|*", "out_order_no")
    order = open_at_counter(ctx, partner, number, request.form.get("decision_id", "")[:40], ctx.now())
    return redirect(url_for("merchant_counter.order", out_order_no=order.out_order_no), 303)


@blp.get("/orders/<out_order_no>")
def order(out_order_no: str) -> Response:
    """One order, and what can be done with it."""
    partner = _partner()
    found = order_at_counter(partner, out_order_no)
    names = {s.code: s.name for s in context().rules.scenarios()}
    at = context().now()
    return show(
        "merchant/order.html",
        order=found,
        states=ORDER_STATES,
        names=names,
        may_start=phase(found) is Phase.HELD and found.held_until is not None and at <= found.held_until,
        may_be_no_show=may_be_no_show(found, at),
    )


@blp.post("/orders/<out_order_no>/complete")
def complete_one(out_order_no: str) -> Response:
    """The benefit has been used."""
    complete_at_counter(context(), _partner(), out_order_no, context().now())
    return redirect(url_for("merchant_counter.order", out_order_no=out_order_no), 303)


@blp.post("/orders/<out_order_no>/start")
def start_one(out_order_no: str) -> Response:
    """Whoever booked has come."""
    start_at_counter(context(), _partner(), out_order_no, context().now())
    return redirect(url_for("merchant_counter.order", out_order_no=out_order_no), 303)


@blp.post("/orders/<out_order_no>/no-show")
def no_show_one(out_order_no: str) -> Response:
    """Nobody came for what was booked."""
    no_show_at_counter(context(), _partner(), out_order_no, context().now())
    return redirect(url_for("merchant_counter.order", out_order_no=out_order_no), 303)


@blp.post("/orders/<out_order_no>/cancel")
def cancel_one(out_order_no: str) -> Response:
    """The benefit was not used after all."""
    cancel_at_counter(context(), _partner(), out_order_no, context().now())
    return redirect(url_for("merchant_counter.order", out_order_no=out_order_no), 303)


def _partner() -> Partner:
    return partner_at_counter(context(), caller())


def _admitted(scenarios: list[Scenario], wanted: str) -> Scenario:
    found = next((s for s in scenarios if s.code == wanted), None)
    if found is None:
        raise InvalidInput("SCENARIO_NOT_ADMITTED", "请先选择贵店已接入的优惠", "scenario")
    return found


def _around(partner: Partner, chosen: str) -> dict[str, object]:
    """What stands around the question: the scenarios to choose from, and the orders still open."""
    scenarios = [s for s in context().rules.scenarios() if s.code in partner.scenarios]
    names = {s.code: s.name for s in scenarios}
    return {
        "scenarios": scenarios,
        "chosen": chosen,
        "running": running_orders(partner),
        "states": ORDER_STATES,
        "names": names,
    }
