"""Keys that sign notices: shown before they sign, for ever after, and gone from our hands once they are done."""

from __future__ import annotations

import pytest
from joserfc.errors import JoseError
from sqlalchemy import select

from haihe.storage.db import db
from haihe.storage.notices import NoticeKey
from haihe.usecases.context import Context
from haihe.usecases.notice_keys import PURPOSE, SETTLES, notice_keys, notice_signer, rotate_notice_key
from tests.conftest import Clock


def test_the_next_key_is_shown_for_a_while_before_it_signs_and_the_old_one_stays_shown(
    ctx: Context, clock: Clock
) -> None:
    first = notice_signer(ctx, clock.now).kid
    clock.forward(days=1)
    second = rotate_notice_key(ctx, clock.now, "test")

    assert [key["kid"] for key in notice_keys(ctx, clock.now)] == [first, second]
    assert notice_signer(ctx, clock.now).kid == first
    clock.forward(seconds=SETTLES.total_seconds())
    assert notice_signer(ctx, clock.now).kid == second
    assert all("d" not in key for key in notice_keys(ctx, clock.now))


def test_the_private_half_of_a_key_that_is_done_is_destroyed(ctx: Context, clock: Clock) -> None:
    first = notice_signer(ctx, clock.now).kid
    for _ in range(2):
        clock.forward(days=1)
        rotate_notice_key(ctx, clock.now, "test")

    row = db.session.get_one(NoticeKey, first)
    assert ctx.vault.open(row.key_id, row.private_sealed, PURPOSE) == ""
    assert len(db.session.execute(select(NoticeKey.kid)).all()) == 3


def test_a_detached_signature_is_of_one_content_only(ctx: Context, clock: Clock) -> None:
    from joserfc import jws

    signer = notice_signer(ctx, clock.now)
    signed = signer.sign_detached(b"statement")
    keys = notice_keys(ctx, clock.now)
    public = type(signer.key).import_key(keys[0])
    header, _, signature = signed.split(".")

    assert jws.deserialize_compact(f"{header}.c3RhdGVtZW50.{signature}", public).payload == b"statement"
    with pytest.raises(JoseError):
        jws.deserialize_compact(f"{header}.c3RhdGVtZW51.{signature}", public)
