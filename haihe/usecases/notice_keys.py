"""The keys that sign notices and statements: shown before they sign, and shown for ever after, so that what they signed
can be checked years later. The private half is destroyed once the next key has taken over."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc import jws
from joserfc.jwk import ECKey
from sqlalchemy import select, text, update

from haihe.storage.audit import write_audit
from haihe.storage.db import db, transaction
from haihe.storage.notices import NoticeKey
from haihe.usecases.context import Context

ALGORITHM = "ES256"
CURVE = "P-256"
COORDINATE_BYTES = 32
PURPOSE = "notice_key"
FIRST_NEED = "system:first-notice"
# Whoever keeps our keys for so long has the next one before they meet a signature of it.
SETTLES = timedelta(seconds=300)


@dataclass(frozen=True, slots=True)
class Signer:
    """The key that signs now."""

    kid: str
    key: ECKey = field(repr=False)

    def sign(self, base: bytes) -> bytes:
        """RFC 9421 §3.3.4, ecdsa-p256-sha256: r and s, 32 bytes each."""
        r, s = decode_dss_signature(self.key.private_key.sign(base, ECDSA(SHA256())))
        return r.to_bytes(COORDINATE_BYTES, "big") + s.to_bytes(COORDINATE_BYTES, "big")

    def sign_detached(self, content: bytes) -> str:
        """RFC 7515 appendix F: a compact JWS without its payload, which is the file itself."""
        signed = jws.serialize_compact({"alg": ALGORITHM, "kid": self.kid}, content, self.key)
        return jws.detach_compact_content(signed)


def notice_signer(ctx: Context, at: datetime) -> Signer:
    """The key to sign with: the newest that has been shown long enough, else the first of all."""
    rows = _keys()
    if not rows:
        _make(ctx, at, FIRST_NEED, only_if_none=True)
        rows = _keys()
    row = next((row for row in reversed(rows) if row.created_at + SETTLES <= at), rows[0])
    pem = ctx.vault.open(row.key_id, row.private_sealed, PURPOSE)
    return Signer(row.kid, ECKey.import_key(pem))


def notice_keys(ctx: Context, at: datetime) -> list[dict[str, str]]:
    """Every public key that a notice or statement was, is or will next be signed with (RFC 7517), the oldest first."""
    if not _keys():
        _make(ctx, at, FIRST_NEED, only_if_none=True)
    return [row.public_jwk for row in _keys()]


def rotate_notice_key(ctx: Context, at: datetime, actor: str) -> str:
    """Make the next key, which signs once it has been shown long enough; returns its id. Private halves that have
    nothing left to sign are destroyed."""
    kid = _make(ctx, at, actor, only_if_none=False)
    assert kid is not None
    return kid


def _keys() -> list[NoticeKey]:
    query = select(NoticeKey).order_by(NoticeKey.created_at, NoticeKey.kid)
    return list(db.session.execute(query.execution_options(populate_existing=True)).scalars())


def _make(ctx: Context, at: datetime, actor: str, only_if_none: bool) -> str | None:
    made = ECKey.generate_key(CURVE)
    kid = made.thumbprint()
    sealed = ctx.vault.seal(made.as_pem(private=True).decode(), PURPOSE)
    nothing = ctx.vault.seal("", PURPOSE)
    with transaction():
        # Several workers may find at once that there is no key: the first makes it, the others wait and see it.
        db.session.execute(text("LOCK TABLE notice_keys IN SHARE ROW EXCLUSIVE MODE"))
        if only_if_none and db.session.execute(select(NoticeKey.kid).limit(1)).first() is not None:
            return None
        spent = update(NoticeKey).where(NoticeKey.retired_at <= at - SETTLES)
        db.session.execute(spent.values(key_id=nothing.key_id, private_sealed=nothing.ciphertext))
        db.session.execute(update(NoticeKey).where(NoticeKey.retired_at.is_(None)).values(retired_at=at))
        db.session.add(
            NoticeKey(
                kid=kid,
                public_jwk=made.as_dict(private=False, kid=kid, alg=ALGORITHM, use="sig"),
                key_id=sealed.key_id,
                private_sealed=sealed.ciphertext,
                created_at=at,
            )
        )
        write_audit(at, actor, "rotate_notice_key", kid)
    return kid
