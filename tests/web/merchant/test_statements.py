"""Statements over HTTP: equal to the orders, made once, the same to the byte ever after, and nobody else's."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import date, timedelta

import pytest
from flask.testing import FlaskClient
from joserfc import jws
from joserfc.jwk import KeySet
from sqlalchemy import func, select

from haihe.domain.errors import Conflict
from haihe.storage.db import db, transaction
from haihe.storage.decisions import Order
from haihe.storage.orders import OrderEvent, add_event
from haihe.storage.statements import StatementLine
from haihe.usecases.context import Context
from haihe.usecases.make_statements import make_statements
from tests.builders import Builders, MerchantClient
from tests.conftest import Clock
from tests.usecases.test_telling_merchants import order_of
from tests.web.merchant.test_orders import bearer

STATEMENTS = "/v1/merchant/statements"
DAY = date(2026, 11, 20)


@pytest.fixture
def merchant(a: Builders) -> MerchantClient:
    return a.merchant("XYZ-07", scopes=("statement",))


@pytest.fixture
def key(client: FlaskClient, merchant: MerchantClient) -> dict[str, str]:
    return bearer(client, merchant)


def happens(ctx: Context, order: Order, state: str, agreed: int, total: int | None) -> None:
    with transaction():
        order.state, order.agreed_fen, order.total_fen = state, agreed, total
        db.session.add(order)
        db.session.flush()
        add_event(order, state.lower(), "test", ctx.now())


def keys_shown(client: FlaskClient) -> KeySet:
    return KeySet.import_key_set(client.get("/v1/notice-keys").get_json())


def test_a_day_is_stated_once_it_is_over_and_signed(
    client: FlaskClient,
    a: Builders,
    ctx: Context,
    clock: Clock,
    merchant: MerchantClient,
) -> None:
    order = order_of(ctx, merchant.merchant_id, a.resident())
    happens(ctx, order, "DOING", 1000, None)
    happens(ctx, order, "COMPLETED", 1000, 900)
    with pytest.raises(Conflict):
        make_statements(ctx, DAY, ctx.now())
    clock.forward(days=1)

    assert make_statements(ctx, DAY, ctx.now()) == 1
    assert make_statements(ctx, DAY, ctx.now()) == 0
    key = bearer(client, merchant)
    (one,) = client.get(STATEMENTS, headers=key).get_json()["items"]

    assert (one["day"], one["lines"], one["change_fen"], one["corrections"]) == ("2026-11-20", 2, 900, 0)
    assert client.get(f"{STATEMENTS}/2026-11-20", headers=key).get_json() == one
    for kind in ("csv", "json"):
        answer = client.get(one[kind]["url"], headers=key)
        assert hashlib.sha256(answer.data).hexdigest() == one[kind]["sha256"]
        header, _, signature = one[kind]["jws"].split(".")
        payload = base64.urlsafe_b64encode(answer.data).rstrip(b"=").decode()
        whole = f"{header}.{payload}.{signature}"
        assert jws.deserialize_compact(whole, keys_shown(client)).payload == answer.data


def test_a_later_change_is_a_correction_on_the_day_it_became_known_and_the_old_file_stays(
    client: FlaskClient,
    a: Builders,
    ctx: Context,
    clock: Clock,
    merchant: MerchantClient,
) -> None:
    order = order_of(ctx, merchant.merchant_id, a.resident())
    happens(ctx, order, "COMPLETED", 1000, 900)
    clock.forward(days=1)
    make_statements(ctx, DAY, ctx.now())
    before = client.get(f"{STATEMENTS}/{DAY}/json", headers=bearer(client, merchant)).data
    happens(ctx, order, "COMPLETED", 1000, 700)
    clock.forward(days=1)
    make_statements(ctx, DAY + timedelta(days=1), ctx.now())
    key = bearer(client, merchant)

    next_day = json.loads(client.get(f"{STATEMENTS}/2026-11-21/json", headers=key).data)
    assert [(x["change_fen"], x["kind"], x["original_day"]) for x in next_day["lines"]] == [
        (-200, "CORRECTION", "2026-11-20")
    ]
    assert client.get(f"{STATEMENTS}/{DAY}/json", headers=key).data == before
    stated = db.session.execute(select(func.sum(StatementLine.change_fen))).scalar_one()
    assert int(stated) == order.total_fen == 700


def test_what_was_committed_too_late_for_its_day_stands_in_the_next_and_says_so(
    client: FlaskClient,
    a: Builders,
    ctx: Context,
    clock: Clock,
    merchant: MerchantClient,
) -> None:
    order = order_of(ctx, merchant.merchant_id, a.resident())
    clock.forward(days=1)
    make_statements(ctx, DAY, ctx.now())
    clock.forward(days=-1)
    happens(ctx, order, "COMPLETED", 1000, 900)
    clock.forward(days=2)
    make_statements(ctx, DAY + timedelta(days=1), ctx.now())

    body = json.loads(client.get(f"{STATEMENTS}/2026-11-21/json", headers=bearer(client, merchant)).data)
    assert [(x["change_fen"], x["late"]) for x in body["lines"]] == [(900, True)]
    assert db.session.execute(select(func.count()).select_from(OrderEvent)).scalar_one() == 1


def test_days_that_were_missed_are_made_up_for_and_an_empty_day_has_an_empty_statement(
    client: FlaskClient, ctx: Context, clock: Clock, merchant: MerchantClient
) -> None:
    clock.forward(days=40)
    made = make_statements(ctx, DAY + timedelta(days=39), ctx.now())
    key = bearer(client, merchant)

    first = client.get(STATEMENTS, headers=key).get_json()
    rest = client.get(STATEMENTS, query_string={"before": first["next_before"]}, headers=key).get_json()

    assert made == len(first["items"]) + len(rest["items"]) == 40
    assert {one["lines"] for one in first["items"]} == {0}


def test_another_merchants_statement_is_as_good_as_none(
    client: FlaskClient, a: Builders, ctx: Context, clock: Clock, merchant: MerchantClient
) -> None:
    order = order_of(ctx, merchant.merchant_id, a.resident())
    happens(ctx, order, "COMPLETED", 1000, 900)
    clock.forward(days=1)
    make_statements(ctx, DAY, ctx.now())
    other = a.merchant("XYZ-07", scopes=("statement",))

    answer = client.get(f"{STATEMENTS}/{DAY}", headers=bearer(client, other))

    assert (answer.status_code, answer.get_json()["code"]) == (404, "STATEMENT_NOT_FOUND")
    for odd in ("2026-02-30", "yesterday", "2026-11-20/xml"):
        assert client.get(f"{STATEMENTS}/{odd}", headers=bearer(client, merchant)).status_code == 404
