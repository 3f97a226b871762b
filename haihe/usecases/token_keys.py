"""The keys of our access tokens as one worker holds them in memory, with the times between which each may be used.

A key takes part in three stages. It is shown (RFC 7517) as soon as it exists; it signs once it has been shown for
SETTLES, so that nobody meets a token whose key they cannot have seen; and after the next key has taken over it goes on
verifying until the last token it can have signed has expired.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from joserfc.jwk import ECKey
from sqlalchemy import select

from haihe.storage.db import db
from haihe.storage.partners import SigningKey
from haihe.storage.vault import Vault

ALGORITHM = "ES256"
CURVE = "P-256"
PURPOSE = "signing_key"

TOKEN_LIVES = timedelta(seconds=3600)
SETTLES = timedelta(seconds=60)
# The clocks of two machines of ours may differ by this much.
LEEWAY = timedelta(seconds=5)


@dataclass(slots=True)
class TokenKey:
    """One signing key: the public half ready for use, the private half sealed until it is first needed."""

    kid: str
    public: ECKey
    created_at: datetime
    retired_at: datetime | None
    key_id: str
    private_sealed: bytes = field(repr=False)
    _private: ECKey | None = field(default=None, repr=False)

    def verifies(self, at: datetime) -> bool:
        """Can a token that it signed still be in use?"""
        return self.retired_at is None or at < self.retired_at + SETTLES + TOKEN_LIVES + LEEWAY

    def private(self, vault: Vault) -> ECKey:
        """The half that signs."""
        if self._private is None:
            pem = vault.open(self.key_id, self.private_sealed, PURPOSE)
            self._private = ECKey.import_key(pem, {"kid": self.kid, "alg": ALGORITHM, "use": "sig"})
        return self._private


def read_token_keys() -> dict[str, TokenKey]:
    """Every key there is, by its id, the oldest first."""
    rows = db.session.execute(
        select(SigningKey)
        .order_by(SigningKey.created_at, SigningKey.kid)
        .execution_options(populate_existing=True)
    ).scalars()
    return {
        row.kid: TokenKey(
            kid=row.kid,
            public=ECKey.import_key(row.public_jwk),
            created_at=row.created_at,
            retired_at=row.retired_at,
            key_id=row.key_id,
            private_sealed=row.private_sealed,
        )
        for row in rows
    }


def signs_at(keys: Mapping[str, TokenKey], at: datetime) -> TokenKey | None:
    """The key that signs now: the newest that has been shown long enough, else the first of all."""
    by_age = sorted(keys.values(), key=lambda key: key.created_at)
    settled = [key for key in by_age if key.created_at + SETTLES <= at]
    return settled[-1] if settled else next(iter(by_age), None)
