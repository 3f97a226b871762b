"""Residents at the mini-program, in the states in which they come."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from haihe.outside.identity import SimulatedIdentity
from haihe.outside.wechat import SimulatedWeChat
from haihe.storage.db import db, transaction
from haihe.storage.residents import Account
from haihe.usecases.context import Context
from tests.web.resident.phone import Phone


@pytest.fixture(autouse=True)
def demo_world(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """WeChat and the identity service are the only things stood in for."""
    monkeypatch.setitem(ctx.__dict__, "wechat", SimulatedWeChat())
    monkeypatch.setitem(ctx.__dict__, "identity", SimulatedIdentity())


@pytest.fixture
def phone(client: FlaskClient) -> Phone:
    """Logged in, with no real name yet."""
    phone = Phone(client, "lihua")
    assert phone.log_in().status_code == 200
    return phone


@pytest.fixture
def stranger(client: FlaskClient) -> Phone:
    """Somebody else, bound and joined."""
    phone = Phone(client, "stranger")
    phone.log_in()
    assert phone.bind(number=2, name="王芳").status_code == 200
    assert phone.join().status_code == 200
    return phone


@pytest.fixture
def member(phone: Phone) -> Phone:
    """Bound and joined."""
    assert phone.bind().status_code == 200
    assert phone.join().status_code == 200
    return phone


@pytest.fixture
def resident_of(ctx: Context) -> Callable[[Phone], int]:
    """The resident behind a phone."""

    def find(phone: Phone) -> int:
        index = ctx.vault.index(f"demo-openid-{phone.name}", "openid")
        return db.session.query(Account).filter_by(openid_index=index).one().resident_id

    return find


@pytest.fixture
def belongs_to(ctx: Context) -> Callable[[Phone, int], None]:
    """Bind a phone's account to a resident made by the builders."""

    def bind(phone: Phone, resident_id: int) -> None:
        index = ctx.vault.index(f"demo-openid-{phone.name}", "openid")
        with transaction():
            db.session.query(Account).filter_by(openid_index=index).one().resident_id = resident_id

    return bind
