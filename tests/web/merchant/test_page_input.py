"""Whatever a browser sends to a merchant's pages is told what is wrong with it, and is never a mistake of ours."""

from __future__ import annotations

import json
import re

import pytest
from flask.testing import FlaskClient
from joserfc.jwk import ECKey

from haihe.usecases.context import Context
from haihe.usecases.merchant_login import log_in_merchant
from tests.builders import Builders
from tests.pages.merchant import PASSWORD, code_at, person

TOKEN = re.compile(r'name="form_token" value="([0-9a-f]{64})"')
KEY = ECKey.generate_key("P-256", {"kid": "mine"}).as_dict(private=False)
NUL = "\0"


@pytest.fixture
def form(client: FlaskClient, ctx: Context, a: Builders) -> dict[str, str]:
    """A manager is logged in; this is what every form of theirs carries."""
    username = person(ctx, a.merchant("XYZ-07").merchant_id)
    token = log_in_merchant(ctx, username, PASSWORD, code_at(ctx.now()), ctx.now())
    client.set_cookie("haihe_merchant", token)
    found = TOKEN.search(client.get("/merchant/desk/sandbox").get_data(as_text=True))
    assert found is not None
    return {"form_token": found[1]}


@pytest.mark.parametrize(
    ("path", "sent", "status"),
    [
        ("/merchant/orders", {"out_order_no": "A-1", "decision_id": NUL}, 404),
        ("/merchant/orders", {"out_order_no": "A-1", "decision_id": "d" + "0" * 32}, 404),
        ("/merchant/orders", {"out_order_no": NUL, "decision_id": "d"}, 422),
        ("/merchant/counter", {"scenario": NUL, "code": NUL}, 422),
        ("/merchant/desk/sandbox/passes", {"resident": NUL, "scenario": NUL}, 422),
        ("/merchant/desk/sandbox/passes", {"resident": "eligible", "scenario": NUL}, 404),
        ("/merchant/desk/sandbox/clients", {"jwks": json.dumps({**KEY, "kid": NUL})}, 422),
        ("/merchant/desk/keys", {"jwks": json.dumps({**KEY, "alg": [NUL]})}, 422),
        ("/merchant/desk/keys", {"jwks": json.dumps({**KEY, "x-more": {"deep": [NUL]}})}, 200),
        ("/merchant/desk/keys", {"jwks": json.dumps(KEY), "redirect_uris": f"https://a.cn/{NUL}"}, 422),
        ("/merchant/desk/keys", {"jwks": "[" * 9_999}, 422),
        ("/merchant/desk/people", {"username": NUL, "password": "x" * 20, "role": NUL}, 422),
        ("/merchant/desk/people", {"username": "abc", "password": "x" * 20, "role": NUL}, 422),
        ("/merchant/desk/people/%00/close", {}, 404),
        ("/merchant/desk/keys/%00/revoke", {}, 404),
        ("/merchant/desk/documents", {}, 422),
    ],
)
def test_odd_input_is_refused(
    client: FlaskClient, form: dict[str, str], path: str, sent: dict[str, str], status: int
) -> None:
    assert client.post(path, data={**form, **sent}).status_code == status


def test_a_notice_key_with_a_sign_that_postgresql_cannot_keep_is_refused(
    client: FlaskClient, a: Builders
) -> None:
    merchant = a.merchant("XYZ-07", scopes=("webhook",))
    answer = client.post(
        "/oauth/token",
        data={"grant_type": "client_credentials"},
        auth=(merchant.client_id, merchant.client_secret),
    )
    key = {"Authorization": f"Bearer {answer.json['access_token']}"}
    body = {"url": "https://pay.example.cn/x", "encryption_key": {**KEY, "kid": NUL}}
    assert client.post("/v1/merchant/webhooks", json=body, headers=key).status_code == 422
