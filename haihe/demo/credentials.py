"""Credentials of the demo city: drawn from the installation's own index key, so that they are the same at every start
and different on every machine, and nothing secret needs to be kept."""

from __future__ import annotations

import base64
import hashlib

from haihe.storage.vault import Vault

PURPOSE = "demo_credential"


def client_secret(vault: Vault, client_id: str) -> str:
    """The secret of an OAuth client: 256 bits."""
    return _words(vault.index(f"client:{client_id}", PURPOSE))


def secret_sha256(secret: str) -> bytes:
    """What is stored of a client's secret."""
    return hashlib.sha256(secret.encode()).digest()


def password(vault: Vault, username: str) -> str:
    """A password of letters of both cases, a digit and a sign, long enough for any rule."""
    return f"Hh7-{_words(vault.index(f'password:{username}', PURPOSE))[:20]}"


def totp_secret(vault: Vault, username: str) -> str:
    """The secret of the second factor: 160 bits in base32, as authenticator apps take it."""
    return base64.b32encode(vault.index(f"totp:{username}", PURPOSE)[:20]).decode()


def _words(key: bytes) -> str:
    return base64.urlsafe_b64encode(key).decode().rstrip("=")
