"""Signing keys of access tokens: the first is made when it is needed, the next by `flask keys rotate`."""

from __future__ import annotations

from datetime import datetime

from joserfc.jwk import ECKey
from sqlalchemy import delete, select, text, update

from haihe.storage.audit import write_audit
from haihe.storage.copies import next_generation
from haihe.storage.db import db, transaction
from haihe.storage.partners import SigningKey
from haihe.usecases.context import Context
from haihe.usecases.publish_rules import configuration_changed
from haihe.usecases.token_keys import (
    ALGORITHM,
    CURVE,
    LEEWAY,
    PURPOSE,
    SETTLES,
    TOKEN_LIVES,
    TokenKey,
    signs_at,
)

FIRST_NEED = "system:first-token"


def signing_key(ctx: Context, at: datetime) -> ECKey:
    """The private key to sign with now. Costs one short query; the key itself is kept in memory."""
    key = signs_at(ctx.rules.up_to_date().token_keys, at)
    if key is None:
        _make(ctx, at, FIRST_NEED, only_if_none=True)
        key = signs_at(ctx.rules.up_to_date().token_keys, at)
        assert key is not None
    return key.private(ctx.vault)


def public_keys(ctx: Context, at: datetime) -> list[TokenKey]:
    """The keys that a token in use now may have been signed by, and those about to sign (RFC 7517)."""
    if not ctx.rules.up_to_date().token_keys:
        _make(ctx, at, FIRST_NEED, only_if_none=True)
    return [key for key in ctx.rules.up_to_date().token_keys.values() if key.verifies(at)]


def rotate_signing_key(ctx: Context, at: datetime, actor: str) -> str:
    """Make the next key, which takes over once it has been shown long enough; returns its id.

    Tokens of the key before it stay good until they expire. Keys whose last token has expired are deleted, private
    half and all.
    """
    kid = _make(ctx, at, actor, only_if_none=False)
    assert kid is not None
    return kid


def _make(ctx: Context, at: datetime, actor: str, only_if_none: bool) -> str | None:
    made = ECKey.generate_key(CURVE)
    kid = made.thumbprint()
    public = made.as_dict(private=False, kid=kid, alg=ALGORITHM, use="sig")
    sealed = ctx.vault.seal(made.as_pem(private=True).decode(), PURPOSE)
    with transaction():
        # Several workers may find at once that there is no key: the first makes it, the others wait and see it.
        db.session.execute(text("LOCK TABLE signing_keys IN SHARE ROW EXCLUSIVE MODE"))
        if only_if_none and db.session.execute(select(SigningKey.kid).limit(1)).first() is not None:
            return None
        over = at - SETTLES - TOKEN_LIVES - LEEWAY
        db.session.execute(delete(SigningKey).where(SigningKey.retired_at <= over))
        db.session.execute(update(SigningKey).where(SigningKey.retired_at.is_(None)).values(retired_at=at))
        db.session.add(
            SigningKey(
                kid=kid,
                public_jwk=public,
                key_id=sealed.key_id,
                private_sealed=sealed.ciphertext,
                created_at=at,
            )
        )
        write_audit(at, actor, "rotate_signing_key", kid)
        number = next_generation()
    configuration_changed(ctx, number)
    return kid
