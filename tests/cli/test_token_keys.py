"""`flask keys`: the operator rotates the signing key and revokes a client."""

from __future__ import annotations

from flask import Flask
from flask.testing import FlaskClient

from haihe.usecases.context import Context
from haihe.usecases.signing_keys import public_keys
from tests.builders import Builders


def test_rotating_publishes_the_next_key(app: Flask, ctx: Context, a: Builders) -> None:
    a.merchant()
    before = {key.kid for key in public_keys(ctx, ctx.now())}

    result = app.test_cli_runner().invoke(args=["keys", "rotate"])

    (new,) = {key.kid for key in public_keys(ctx, ctx.now())} - before
    assert result.exit_code == 0
    assert new in result.output


def test_revoking_a_client_says_whether_it_was_revoked_before(
    app: Flask, client: FlaskClient, a: Builders
) -> None:
    client_id = a.merchant().client_id
    runner = app.test_cli_runner()

    assert f"{client_id}已吊销" in runner.invoke(args=["keys", "revoke-client", client_id]).output
    assert "此前已吊销" in runner.invoke(args=["keys", "revoke-client", client_id]).output


def test_a_client_that_does_not_exist_cannot_be_revoked(app: Flask, ctx: Context) -> None:
    result = app.test_cli_runner().invoke(args=["keys", "revoke-client", "m-unknown"])

    assert result.exit_code == 1
    assert "没有客户端 m-unknown" in result.output
