"""入驻申请页: a merchant applies by itself, and its first manager is given an account at once."""

from __future__ import annotations

import pyotp
from flask import request
from werkzeug.wrappers import Response

from haihe.domain.districts import DISTRICTS
from haihe.domain.errors import HaiheError, InvalidInput
from haihe.usecases.apply import Wish, apply
from haihe.usecases.merchant_people import MerchantRole, NewPerson
from haihe.web.context import context
from haihe.web.merchant.pages.people import second_factor
from haihe.web.pages import Pages, check_form, show
from haihe.web.problems import STATUS

blp = Pages("merchant_application", __name__, url_prefix="/merchant")

# What is asked for, and how long it may be.
TEXTS = {
    "name": ("执照上的名称", 128),
    "uscc": ("统一社会信用代码", 32),
    "kind": ("行业", 64),
    "contact": ("联系人", 32),
    "phone": ("联系电话", 32),
    "username": ("店长的用户名", 64),
}


@blp.before_request
def own_forms() -> None:
    """Nobody is known here yet, but the form must be ours."""
    check_form()


@blp.get("/apply")
def form() -> Response:
    """The form."""
    return _form({}, [], [])


@blp.post("/apply")
def hand_in() -> Response:
    """Hand it in; the second factor's secret is shown this once."""
    ctx, sent = context(), request.form
    shop = sent.get("district", "")
    districts = [shop, *(d for d in sent.getlist("districts") if d != shop)]
    scenarios = sent.getlist("scenarios")
    texts = {name: sent.get(name, "").strip() for name in TEXTS}
    secret = pyotp.random_base32()
    try:
        for name, (label, longest) in TEXTS.items():
            if not 0 < len(texts[name]) <= longest or not texts[name].isprintable():
                raise InvalidInput("FIELD_INVALID", f"请填写{label}，最多 {longest} 个字", name)
        manager = NewPerson(texts["username"], sent.get("password", ""), secret, MerchantRole.MANAGER)
        kept = {name: text for name, text in texts.items() if name != "username"}
        wish = Wish(**kept, districts=tuple(districts[:16]), scenarios=tuple(scenarios[:50]))
        apply(ctx, wish, ctx.now(), manager=manager)
    except HaiheError as error:
        status = next((s for kind, s in STATUS.items() if isinstance(error, kind)), 400)
        return _form(texts, districts, scenarios, status, error.detail, error.field)
    return second_factor(texts["username"], secret, "申请已提交", "/merchant/desk")


def _form(
    texts: dict[str, str],
    districts: list[str],
    scenarios: list[str],
    status: int = 200,
    wrong: str = "",
    where: str | None = None,
) -> Response:
    return show(
        "merchant/apply.html",
        status,
        labels={name: label for name, (label, _longest) in TEXTS.items()},
        longest={name: longest for name, (_label, longest) in TEXTS.items()},
        texts=texts,
        districts=DISTRICTS,
        chosen_districts=districts,
        scenarios=context().rules.up_to_date().scenarios(),
        chosen_scenarios=scenarios,
        wrong=wrong,
        where=where,
    )
