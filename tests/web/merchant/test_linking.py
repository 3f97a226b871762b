"""A resident links an online merchant: consent page, code with PKCE, tokens for that resident, and the end of it all."""

from __future__ import annotations

import threading
import warnings
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from authlib.deprecate import AuthlibDeprecationWarning
from flask import Flask
from flask.testing import FlaskClient

from haihe.app import create_app
from haihe.config import read_settings
from haihe.storage.db import db
from haihe.usecases.client_registrations import Registration, change_client
from haihe.usecases.consents import withdraw_consent
from haihe.usecases.context import Context
from haihe.usecases.links import linked_resident, withdraw_link
from haihe.usecases.oauth_clients import revoke_client
from haihe.usecases.web_tickets import make_ticket
from tests.builders import Builders
from tests.conftest import Clock
from tests.web.merchant.standard import (
    BACK,
    VERIFIER,
    Person,
    Shop,
    a_person,
    asking,
    claims_of,
    is_error,
    link,
    open_shop,
    redeem,
    sent_back,
)

with warnings.catch_warnings():
    # Authlib announces a successor to httpx; the client is the same.
    warnings.simplefilter("ignore", AuthlibDeprecationWarning)
    from authlib.integrations.httpx_client import OAuth2Client


@pytest.fixture
def shop(client: FlaskClient, ctx: Context, a: Builders) -> Shop:
    """An online merchant admitted to two scenarios."""
    return open_shop(client, ctx, a)


@pytest.fixture
def person(client: FlaskClient, ctx: Context, a: Builders) -> Person:
    """A resident who has joined."""
    return a_person(client, ctx, a)


def tokens(person: Person, shop: Shop, *scenarios: str) -> dict[str, Any]:
    answer = redeem(shop, link(person, shop, *scenarios))
    assert answer.status_code == 200, answer.get_data(as_text=True)
    told: dict[str, Any] = answer.get_json()
    return told


def refresh(shop: Shop, token: str, **more: str) -> Any:
    return shop.token(grant_type="refresh_token", refresh_token=token, **more)


def test_a_standard_client_links_refreshes_introspects_and_revokes(
    app: Flask, shop: Shop, person: Person, ctx: Context
) -> None:
    base = ctx.base_url
    with OAuth2Client(
        shop.client_id,
        shop.secret,
        scope="check",
        redirect_uri=BACK,
        code_challenge_method="S256",
        token_endpoint=f"{base}/oauth/token",
        revocation_endpoint_auth_method="client_secret_basic",
        transport=httpx.WSGITransport(app=app),
    ) as standard_client:
        address, state = standard_client.create_authorization_url(
            f"{base}/oauth/authorize", code_verifier=VERIFIER
        )
        back = person.decide(person.look(urlsplit(address).query)).location
        assert parse_qs(urlsplit(back).query)["iss"] == [base]
        token = standard_client.fetch_token(authorization_response=back, state=state, code_verifier=VERIFIER)
        assert token["scope"] == "check scenario:XYZ-07 scenario:XYZ-12"
        newer = standard_client.refresh_token()
        assert newer["refresh_token"] != token["refresh_token"]
        told = standard_client.introspect_token(f"{base}/oauth/introspect", newer["access_token"]).json()
        assert (told["active"], told["client_id"]) == (True, shop.client_id)
        assert standard_client.revoke_token(f"{base}/oauth/revoke", newer["refresh_token"]).status_code == 200
        told = standard_client.introspect_token(f"{base}/oauth/introspect", newer["access_token"]).json()
        assert told == {"active": False}


def test_the_page_says_who_asks_for_what_for_how_long_and_how_to_take_it_back(
    shop: Shop, person: Person
) -> None:
    page = person.look(asking(shop))
    text = page.get_data(as_text=True)

    assert page.status_code == 200
    for said in ("测试商户", "可以询问您能否使用", "永远得不到", "365 天", "撤回", "您是 测＊", "授权书全文"):
        assert said in text
    policy = page.headers["Content-Security-Policy"]
    assert "form-action 'self' https://shop.example;" in policy
    assert "frame-ancestors 'none'" in policy
    assert page.headers["Cache-Control"] == "no-store"


def test_the_token_speaks_for_the_resident_by_a_name_for_this_merchant_alone(
    client: FlaskClient, ctx: Context, a: Builders, shop: Shop, person: Person
) -> None:
    told = tokens(person, shop, "XYZ-07")
    claims = claims_of(told["access_token"])
    other = claims_of(tokens(person, open_shop(client, ctx, a))["access_token"])

    assert told["scope"] == claims["scope"] == "check scenario:XYZ-07"
    assert claims["sub"] != other["sub"]
    found = linked_resident(shop.merchant_id, claims["sub"], ctx.now())
    assert found is not None
    assert (found.resident_id, found.scenarios) == (person.resident_id, {"XYZ-07"})
    assert shop.question(told["access_token"]).status_code == 200
    assert shop.door(told["access_token"]).status_code == 403


@pytest.mark.parametrize("path", ["evaluation", "evaluations", "search/resource", "search/action"])
def test_the_token_of_one_resident_asks_about_nobody_else(
    client: FlaskClient, ctx: Context, a: Builders, shop: Shop, person: Person, path: str
) -> None:
    mine, other = (tokens(who, shop)["access_token"] for who in (person, a_person(client, ctx, a)))
    for subject, status in (
        ({"type": "resident", "id": claims_of(mine)["sub"]}, 200),
        ({"type": "resident", "id": claims_of(other)["sub"]}, 403),
        ({"type": "pass", "id": "000000000000000000"}, 403),
    ):
        asked = {
            "subject": subject,
            "action": {"name": "use"},
            "resource": {"type": "scenario", "id": "XYZ-07"},
        }
        if path == "evaluations":
            asked = {**asked, "evaluations": [{}]}
        answer = client.post(f"/access/v1/{path}", json=asked, headers={"Authorization": f"Bearer {mine}"})
        assert answer.status_code == status, answer.get_data(as_text=True)


def test_whoever_says_no_gives_nothing(shop: Shop, person: Person) -> None:
    told = sent_back(person.decide(person.look(asking(shop)), "no"))

    assert told["error"] == "access_denied"
    assert (told["state"], told["iss"]) == ("a state & more", shop.ctx.base_url)


def test_whoever_has_not_joined_cannot_link(
    client: FlaskClient, ctx: Context, a: Builders, shop: Shop
) -> None:
    person = a_person(client, ctx, a, joined=False)
    page = person.look(asking(shop))

    assert "disabled" in page.get_data(as_text=True)
    assert sent_back(person.decide(page))["error"] == "access_denied"


def test_the_resident_chooses_among_the_scenarios_and_cannot_be_given_more(
    shop: Shop, person: Person
) -> None:
    assert tokens(person, shop, "XYZ-12", "XYZ-01")["scope"] == "check scenario:XYZ-12"
    nothing = person.decide(person.look(asking(shop)), "yes", "XYZ-01")
    assert (nothing.status_code, "NOTHING_CHOSEN" in nothing.get_data(as_text=True)) == (422, True)


def test_a_stranger_is_sent_to_the_mini_program(shop: Shop) -> None:
    answer = shop.http.get(f"/oauth/authorize?{asking(shop)}")

    assert answer.status_code == 403
    assert "小程序" in answer.get_data(as_text=True)
    assert 'href="/m/login?next=%2Foauth%2Fauthorize' in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    "changed",
    [
        {"client_id": "m-unknown"},
        {"client_id": "\x00"},
        {"client_id": None},
        {"redirect_uri": "https://shop.example/back"},
        {"redirect_uri": BACK + "&more"},
        {"redirect_uri": BACK.upper()},
        {"redirect_uri": "https://elsewhere.example/"},
        {"redirect_uri": "javascript:alert(1)"},
    ],
)
def test_an_unregistered_address_is_never_redirected_to(
    shop: Shop, person: Person, changed: dict[str, str | None]
) -> None:
    for answer in (
        person.look(asking(shop, **changed)),
        shop.http.get(f"/oauth/authorize?{asking(shop, **changed)}"),
    ):
        assert answer.status_code == 400
        assert "Location" not in answer.headers
        assert answer.mimetype == "text/html"


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code token"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "x" * 42}, "invalid_request"),
        ({"code_challenge": "!" * 43}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"scope": "order"}, "invalid_scope"),
        ({"scope": "check order"}, "invalid_scope"),
        ({"scope": "check scenario:XYZ-01"}, "invalid_scope"),
        ({"scope": "check  check"}, "invalid_scope"),
        ({"scope": "海河"}, "invalid_scope"),
        ({"resource": "https://elsewhere.example/"}, "invalid_target"),
        ({"dpop_jkt": "x"}, "invalid_request"),
        ({"request": "x.y.z"}, "request_not_supported"),
    ],
)
def test_what_is_wrong_is_told_to_the_client_with_its_state_and_our_name(
    shop: Shop, person: Person, changed: dict[str, str | None], error: str
) -> None:
    told = sent_back(person.look(asking(shop, **changed)))

    assert told["error"] == error
    assert (told["state"], told["iss"]) == ("a state & more", shop.ctx.base_url)
    is_error(shop.post("/oauth/par", **form_of(asking(shop, **changed))), 400, error)


def form_of(query: str) -> dict[str, str]:
    return {name: value for name, (value,) in parse_qs(query).items()}


def test_a_parameter_sent_twice_is_an_invalid_request(shop: Shop, person: Person) -> None:
    assert sent_back(person.look(asking(shop, ("scope", "check"))))["error"] == "invalid_request"
    assert (
        sent_back(person.look(asking(shop, ("nonsense", "1"), ("nonsense", "1"))))["error"]
        == "invalid_request"
    )
    assert person.look(asking(shop, ("redirect_uri", BACK))).status_code == 400
    assert person.look(asking(shop, ("client_id", shop.client_id))).status_code == 400


def test_a_form_that_is_not_this_page_of_this_visit_is_refused(
    client: FlaskClient, ctx: Context, a: Builders, shop: Shop, person: Person, clock: Clock
) -> None:
    page = person.look(asking(shop))
    assert person.decide(page, asked="x").status_code == 422
    assert person.decide(page, form_token="x").status_code == 403
    other = a_person(client, ctx, a)
    other.come_in()
    assert other.decide(page).status_code == 422
    person.come_in()
    assert person.decide(page).status_code == 422
    page = person.look(asking(shop))
    clock.forward(minutes=11)
    assert person.decide(page).status_code == 422


def test_a_client_revoked_or_changed_meanwhile_gets_no_code(shop: Shop, person: Person) -> None:
    page = person.look(asking(shop))
    change_client(
        shop.ctx, shop.client_id, Registration("client_secret_basic", ("check",)), shop.ctx.now(), "test"
    )

    assert person.decide(page).status_code == 422


# The token endpoint.


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"code": ""}, "invalid_request"),
        ({"code": "unknown"}, "invalid_grant"),
        ({"code": "\x00"}, "invalid_grant"),
        ({"code_verifier": ""}, "invalid_request"),
        ({"code_verifier": "short"}, "invalid_request"),
        ({"code_verifier": "w" * 43}, "invalid_grant"),
        ({"redirect_uri": "https://shop.example/back"}, "invalid_grant"),
        ({"redirect_uri": ""}, "invalid_grant"),
        ({"resource": "https://elsewhere.example/"}, "invalid_target"),
    ],
)
def test_a_wrong_exchange_gets_the_error_that_its_rfc_names_and_spends_nothing(
    shop: Shop, person: Person, changed: dict[str, str], error: str
) -> None:
    code = link(person, shop)

    is_error(redeem(shop, code, **changed), 400, error)
    assert redeem(shop, code).status_code == 200


def test_a_code_lives_for_a_minute(shop: Shop, person: Person, clock: Clock) -> None:
    code = link(person, shop)
    clock.forward(seconds=60)
    is_error(redeem(shop, code), 400, "invalid_grant")


def test_a_code_belongs_to_the_client_that_asked(
    client: FlaskClient, ctx: Context, a: Builders, shop: Shop, person: Person
) -> None:
    code = link(person, shop)
    is_error(redeem(open_shop(client, ctx, a), code), 400, "invalid_grant")
    assert redeem(shop, code).status_code == 200


def test_a_code_shown_twice_ends_what_came_of_it(shop: Shop, person: Person) -> None:
    code = link(person, shop)
    told = redeem(shop, code).get_json()

    is_error(redeem(shop, code), 400, "invalid_grant")
    assert shop.question(told["access_token"]).status_code == 401
    is_error(refresh(shop, told["refresh_token"]), 400, "invalid_grant")


def test_a_client_without_a_redirect_uri_may_not(client: FlaskClient, ctx: Context, a: Builders) -> None:
    shop = open_shop(client, ctx, a, redirect_uris=())
    is_error(redeem(shop, "x"), 400, "unauthorized_client")
    is_error(refresh(shop, "x"), 400, "unauthorized_client")
    is_error(shop.post("/oauth/par", response_type="code"), 400, "unauthorized_client")


def test_a_refresh_token_serves_once_and_one_shown_twice_ends_the_family(shop: Shop, person: Person) -> None:
    first = tokens(person, shop)
    second = refresh(shop, first["refresh_token"]).get_json()
    assert second["refresh_token"] != first["refresh_token"]
    assert claims_of(second["access_token"])["sub"] == claims_of(first["access_token"])["sub"]

    is_error(refresh(shop, first["refresh_token"]), 400, "invalid_grant")

    is_error(refresh(shop, second["refresh_token"]), 400, "invalid_grant")
    for told in (first, second):
        assert shop.question(told["access_token"]).status_code == 401


def test_of_two_refreshes_at_once_at_most_one_succeeds_and_the_family_ends(
    app: Flask, shop: Shop, person: Person
) -> None:
    told, answers, together = tokens(person, shop), [], threading.Barrier(3)

    def one() -> None:
        with app.app_context():
            mine = Shop(app.test_client(), shop.ctx, shop.client_id, shop.merchant_id, shop.secret)
            together.wait()
            answers.append(refresh(mine, told["refresh_token"]))
            db.session.remove()

    threads = [threading.Thread(target=one) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    good = [answer.get_json() for answer in answers if answer.status_code == 200]
    assert len(good) == 1
    is_error(refresh(shop, good[0]["refresh_token"]), 400, "invalid_grant")


def test_a_refresh_may_ask_for_less_and_not_for_more(shop: Shop, person: Person) -> None:
    told = tokens(person, shop)
    is_error(refresh(shop, told["refresh_token"], scope="check order"), 400, "invalid_scope")
    less = refresh(shop, told["refresh_token"], scope="check").get_json()
    assert less["scope"] == "check"
    assert refresh(shop, less["refresh_token"]).get_json()["scope"] == told["scope"]


def test_a_refresh_token_is_kept_as_a_hash_alone(shop: Shop, person: Person) -> None:
    told = tokens(person, shop)
    for table in ("refresh_tokens", "oauth_grants"):
        for row in db.session.execute(db.metadata.tables[table].select()):
            assert told["refresh_token"] not in str(row)
            assert told["refresh_token"].encode() not in b"".join(v for v in row if isinstance(v, bytes))


# Resource indicators (RFC 8707).


def test_a_token_serves_the_resource_it_was_asked_for_and_no_other(shop: Shop) -> None:
    base = shop.ctx.base_url
    narrow = shop.token(resource=f"{base}/access/v1").get_json()["access_token"]
    assert claims_of(narrow)["aud"] == f"{base}/access/v1"
    assert shop.question(narrow).status_code == 200
    assert shop.door(narrow).status_code == 401

    pairs = [("resource", f"{base}/access/v1"), ("resource", f"{base}/v1/merchant")]
    both = shop.token(*pairs).get_json()["access_token"]
    assert claims_of(both)["aud"] == [value for _name, value in pairs]
    assert shop.door(both).status_code == 404
    for wrong in ("https://elsewhere.example", f"{base}/access/v1#x", "access", f"{base}/access"):
        is_error(shop.token(resource=wrong), 400, "invalid_target")


def test_a_code_for_one_resource_gives_no_token_for_another(shop: Shop, person: Person) -> None:
    base = shop.ctx.base_url
    code = link(person, shop, resource=f"{base}/access/v1")
    is_error(redeem(shop, code, resource=base), 400, "invalid_target")
    assert claims_of(redeem(shop, code).get_json()["access_token"])["aud"] == f"{base}/access/v1"


# Pushed authorization requests (RFC 9126).


def test_a_pushed_request_serves_once_within_a_minute_to_its_own_client(
    client: FlaskClient, ctx: Context, a: Builders, shop: Shop, person: Person, clock: Clock
) -> None:
    def push() -> str:
        answer = shop.post("/oauth/par", **form_of(asking(shop)))
        assert (answer.status_code, answer.get_json()["expires_in"]) == (201, 60)
        assert answer.headers["Cache-Control"] == "no-store"
        return str(answer.get_json()["request_uri"])

    uri = push()
    stranger = client.application.test_client().get(
        f"/oauth/authorize?client_id={shop.client_id}&request_uri={uri}"
    )
    assert stranger.status_code == 403
    other = open_shop(client, ctx, a)
    assert person.look(f"client_id={other.client_id}&request_uri={uri}").status_code == 400

    page = person.look(f"client_id={shop.client_id}&request_uri={uri}&scope=order&state=forged")
    told = sent_back(person.decide(page))
    assert told["state"] == "a state & more"
    assert redeem(shop, told["code"]).status_code == 200

    assert person.look(f"client_id={shop.client_id}&request_uri={uri}").status_code == 400
    uri = push()
    clock.forward(seconds=60)
    assert person.look(f"client_id={shop.client_id}&request_uri={uri}").status_code == 400


def test_what_is_pushed_is_looked_at_at_once(shop: Shop) -> None:
    form = form_of(asking(shop))
    is_error(
        shop.post("/oauth/par", **{**form, "redirect_uri": "https://elsewhere.example/"}),
        400,
        "invalid_request",
    )
    is_error(shop.post("/oauth/par", **form, request_uri="urn:x"), 400, "invalid_request")
    is_error(shop.post("/oauth/par", ("scope", "check"), **form), 400, "invalid_request")
    is_error(shop.http.post("/oauth/par", data=form), 401, "invalid_client")


# What ends it, in every worker, on the very next request.


@pytest.fixture
def other_worker(app: Flask, clock: Clock) -> Any:
    """A second worker on the same database."""
    worker = create_app(read_settings(), now=clock)
    worker.testing = True
    yield worker
    with worker.app_context():
        db.session.remove()
        db.engine.dispose()


ENDINGS = {
    "the merchant is unlinked": lambda p, s, _t: withdraw_link(
        s.ctx, p.resident_id, s.merchant_id, s.ctx.now()
    ),
    "the resident leaves": lambda p, s, _t: withdraw_consent(s.ctx, p.resident_id, "JOIN", s.ctx.now()),
    "the client is revoked": lambda _p, s, _t: revoke_client(s.ctx, s.client_id, s.ctx.now(), "test"),
    "the token is revoked": lambda _p, s, t: s.post("/oauth/revoke", token=t["access_token"]),
    "the refresh token is revoked": lambda _p, s, t: s.post("/oauth/revoke", token=t["refresh_token"]),
    "the resident links anew": lambda p, s, _t: link(p, s),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_very_next_request_is_refused_in_every_worker(
    shop: Shop, person: Person, other_worker: Flask, ending: str
) -> None:
    told = tokens(person, shop)
    elsewhere = Shop(other_worker.test_client(), shop.ctx, shop.client_id, shop.merchant_id, shop.secret)
    for worker in (shop, elsewhere):
        assert worker.question(told["access_token"]).status_code == 200

    ENDINGS[ending](person, shop, told)

    for worker in (elsewhere, shop):
        assert worker.question(told["access_token"]).status_code == 401
    if ending != "the token is revoked":
        refused = refresh(shop, told["refresh_token"])
        assert refused.get_json()["error"] in ("invalid_grant", "invalid_client")


def test_a_token_of_the_clients_own_that_is_revoked_is_refused_in_every_worker(
    shop: Shop, other_worker: Flask
) -> None:
    elsewhere = Shop(other_worker.test_client(), shop.ctx, shop.client_id, shop.merchant_id, shop.secret)
    revoked, kept = (shop.token().get_json()["access_token"] for _ in range(2))
    assert [w.door(t).status_code for w in (shop, elsewhere) for t in (revoked, kept)] == [404] * 4

    assert shop.post("/oauth/revoke", token=revoked).status_code == 200

    assert [w.door(t).status_code for w in (elsewhere, shop) for t in (revoked, kept)] == [401, 404] * 2
    assert elsewhere.question(revoked).status_code == 401


def test_revoking_what_is_unknown_or_revoked_already_is_no_error_and_anothers_is_refused(
    client: FlaskClient, ctx: Context, a: Builders, shop: Shop, person: Person
) -> None:
    told, other = tokens(person, shop), open_shop(client, ctx, a)

    for _ in range(2):
        assert shop.post("/oauth/revoke", token="unknown", token_type_hint="nonsense").status_code == 200
    is_error(shop.post("/oauth/revoke"), 400, "invalid_request")
    is_error(shop.http.post("/oauth/revoke", data={"token": "x"}), 401, "invalid_client")
    for token in (told["access_token"], told["refresh_token"]):
        is_error(other.post("/oauth/revoke", token=token), 400, "invalid_grant")
        assert other.post("/oauth/introspect", token=token).get_json() == {"active": False}
        assert shop.post("/oauth/introspect", token=token).get_json()["active"] is True


def test_nobody_keeps_the_workers_busy_by_revoking(shop: Shop, clock: Clock) -> None:
    made = [shop.token().get_json()["access_token"] for _ in range(31)]
    assert {shop.post("/oauth/revoke", token=t).status_code for t in made[:30]} == {200}

    answer = shop.post("/oauth/revoke", token=made[30])
    is_error(answer, 503, "temporarily_unavailable")
    assert answer.headers["Retry-After"] == "60"
    assert shop.door(made[30]).status_code == 404
    clock.forward(seconds=61)
    assert shop.post("/oauth/revoke", token=made[30]).status_code == 200


def test_introspection_tells_a_client_what_its_own_tokens_say(
    shop: Shop, person: Person, clock: Clock
) -> None:
    told = tokens(person, shop)
    claims = claims_of(told["access_token"])

    of_access = shop.post("/oauth/introspect", token=told["access_token"]).get_json()
    assert of_access == {
        "active": True,
        "token_type": "Bearer",
        **{n: claims[n] for n in ("scope", "client_id", "exp", "iat", "sub", "aud", "iss", "jti")},
    }
    of_refresh = shop.post("/oauth/introspect", token=told["refresh_token"]).get_json()
    assert (of_refresh["active"], of_refresh["sub"]) == (True, claims["sub"])
    is_error(shop.post("/oauth/introspect"), 400, "invalid_request")
    is_error(shop.http.post("/oauth/introspect", data={"token": "x"}), 401, "invalid_client")
    clock.forward(seconds=3605)
    assert shop.post("/oauth/introspect", token=told["access_token"]).get_json() == {"active": False}
    refresh(shop, told["refresh_token"])
    assert shop.post("/oauth/introspect", token=told["refresh_token"]).get_json() == {"active": False}
    # To look at a used refresh token is not to use it: the family lives on.
    assert shop.post("/oauth/introspect", token=told["refresh_token"]).status_code == 200


# From the mini-program to the page.


def test_a_ticket_opens_the_page_once_and_within_a_minute(
    ctx: Context, shop: Shop, person: Person, clock: Clock
) -> None:
    def enter(ticket: str) -> Any:
        return shop.http.get(f"/m/enter?ticket={ticket}")

    ticket, _until = make_ticket(ctx, person.account_id, f"/oauth/authorize?{asking(shop)}", ctx.now())
    answer = enter(ticket)
    assert (answer.status_code, answer.location) == (303, f"/oauth/authorize?{asking(shop)}")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert shop.http.get(answer.location).status_code == 200

    assert enter(ticket).status_code == 401
    late, _until = make_ticket(ctx, person.account_id, f"/oauth/authorize?{asking(shop)}", ctx.now())
    clock.forward(seconds=60)
    for bad in (late, "", "x", "x.y", "海"):
        assert enter(bad).status_code == 401
