"""What an OAuth client registers (in RFC 7591's words): how it authenticates, where residents come back to, and the rest.

Keys are registered by value. A `jwks_uri` is not offered: it would have us call addresses that others choose.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn
from urllib.parse import urlsplit

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

from haihe.domain.errors import InvalidInput, NotFound
from haihe.storage.audit import write_audit
from haihe.storage.copies import next_generation
from haihe.storage.db import db, transaction
from haihe.storage.partners import OAuthClient
from haihe.usecases.context import Context
from haihe.usecases.publish_rules import configuration_changed

BASIC = "client_secret_basic"
PRIVATE_KEY_JWT = "private_key_jwt"
AUTH_METHODS = (BASIC, PRIVATE_KEY_JWT)
SCOPES = frozenset({"check", "order", "statement", "webhook", "records"})

SECRET_BYTES = 32
MOST_KEYS = 10
MOST_REDIRECT_URIS = 10
LONGEST_URI = 2000
SMALLEST_RSA = 2048
LARGEST_RSA = 8192
PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
# What is kept of a public key; whatever else comes with it serves nothing here.
KEPT_MEMBERS = ("kty", "crv", "x", "y", "n", "e", "kid", "use", "alg")
LONGEST_MEMBER = 2000
LOOPBACK = frozenset({"127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose client it is: a merchant's or a source department's, one of the two."""

    merchant_id: int | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Registration:
    """What a client registers. `jwks` is for private_key_jwt alone; redirect URIs are compared letter by letter."""

    auth_method: str
    scopes: tuple[str, ...]
    jwks: dict[str, Any] | None = None
    redirect_uris: tuple[str, ...] = ()
    dpop_required: bool = False
    sandbox: bool = False


@dataclass(frozen=True, slots=True)
class Registered:
    """A client as it is handed out; the secret is told this once and kept nowhere."""

    client_id: str
    client_secret: str | None


def register_client(
    ctx: Context, owner: Owner, registration: Registration, at: datetime, actor: str
) -> Registered:
    """Make a client for a merchant or department; InvalidInput names the member that is wrong."""
    check_registration(registration)
    client_id = ("m-" if owner.merchant_id is not None else "d-") + secrets.token_hex(8)
    with transaction():
        client = OAuthClient(
            client_id=client_id, merchant_id=owner.merchant_id, source=owner.source, created_at=at
        )
        secret = _write(client, registration)
        db.session.add(client)
        write_audit(at, actor, "register_client", client_id, auth_method=registration.auth_method)
        number = next_generation()
    configuration_changed(ctx, number)
    return Registered(client_id, secret)


def change_client(
    ctx: Context, client_id: str, registration: Registration, at: datetime, actor: str
) -> Registered:
    """Put another registration in the place of the present one, effective at once.

    A secret is made only where the client had none before; `renew_secret` makes another.
    """
    check_registration(registration)
    with transaction():
        client = _locked(client_id)
        secret = _write(client, registration)
        write_audit(at, actor, "change_client", client_id, auth_method=registration.auth_method)
        number = next_generation()
    configuration_changed(ctx, number)
    return Registered(client_id, secret)


def renew_secret(ctx: Context, client_id: str, at: datetime, actor: str) -> Registered:
    """A new secret in the place of the old one, which is worth nothing from the next request on."""
    with transaction():
        client = _locked(client_id)
        if client.auth_method != BASIC:
            raise InvalidInput(
                "CLIENT_INVALID", "该客户端以自己的密钥认证，没有 client_secret", "auth_method"
            )
        secret = secrets.token_urlsafe(SECRET_BYTES)
        client.secret_sha256 = hashlib.sha256(secret.encode()).digest()
        client.renewed_at = at
        write_audit(at, actor, "renew_secret", client_id)
        number = next_generation()
    configuration_changed(ctx, number)
    return Registered(client_id, secret)


def registration_of(client: OAuthClient) -> Registration:
    """What a client has registered."""
    return Registration(
        auth_method=client.auth_method,
        scopes=tuple(client.scopes),
        jwks=client.jwks,
        redirect_uris=tuple(client.redirect_uris),
        dpop_required=client.dpop_required,
        sandbox=client.sandbox,
    )


def check_registration(registration: Registration) -> None:
    """Is this what a client may register? InvalidInput CLIENT_INVALID tells what is wrong, in Chinese."""
    if registration.auth_method not in AUTH_METHODS:
        _wrong("auth_method", f"认证方式应为 {' 或 '.join(AUTH_METHODS)}")
    if not set(registration.scopes) <= SCOPES or not registration.scopes:
        _wrong("scopes", "权限应为 check、order、statement、webhook 或 records，至少一项")
    if registration.auth_method == PRIVATE_KEY_JWT:
        _check_keys(registration.jwks)
    elif registration.jwks is not None:
        _wrong("jwks", "以 client_secret_basic 认证的客户端不登记公钥")
    if len(registration.redirect_uris) > MOST_REDIRECT_URIS:
        _wrong("redirect_uris", f"回跳地址至多 {MOST_REDIRECT_URIS} 个")
    for uri in registration.redirect_uris:
        _check_redirect_uri(uri, registration.sandbox)


def _check_keys(jwks: dict[str, Any] | None) -> None:
    keys = jwks.get("keys") if isinstance(jwks, dict) else None
    if not isinstance(keys, list) or not 1 <= len(keys) <= MOST_KEYS:
        _wrong("jwks", f'公钥应为 {{"keys": […]}}，1 至 {MOST_KEYS} 把')
    kids = set()
    for key in keys:
        if not isinstance(key, dict) or not isinstance(key.get("kid"), str) or not key["kid"]:
            _wrong("jwks", "每把公钥须有 kid")
        members = [key[name] for name in KEPT_MEMBERS if name in key]
        if not all(isinstance(m, str) and m.isprintable() and len(m) <= LONGEST_MEMBER for m in members):
            _wrong("jwks", "公钥的各项应为文字，不含控制字符")
        if PRIVATE_MEMBERS & key.keys():
            _wrong("jwks", "请只登记公钥：私钥不可离开贵方；这把密钥已经泄露，请作废并重新生成")
        kids.add(key["kid"])
    if len(kids) != len(keys):
        _wrong("jwks", "各把公钥的 kid 不可相同")
    try:
        held = KeySet.import_key_set({"keys": keys}).keys  # type: ignore[arg-type]
    except (JoseError, ValueError, TypeError, KeyError):
        _wrong("jwks", "公钥格式不符合 RFC 7517")
    for public in held:
        right_ec = isinstance(public, ECKey) and public.curve_name == "P-256"
        right_okp = isinstance(public, OKPKey) and public.curve_name == "Ed25519"
        right_rsa = isinstance(public, RSAKey) and SMALLEST_RSA <= public.public_key.key_size <= LARGEST_RSA
        if not (right_ec or right_okp or right_rsa):
            _wrong("jwks", f"公钥应为 P-256、Ed25519 或 {SMALLEST_RSA}–{LARGEST_RSA} 位的 RSA")


def _check_redirect_uri(uri: str, sandbox: bool) -> None:
    """RFC 6749 §3.1.2, RFC 9700 §2.1: absolute, no fragment, and https; a sandbox may also come back to its own machine."""
    if len(uri) > LONGEST_URI or not uri.isascii() or not uri.isprintable() or " " in uri:
        _wrong("redirect_uris", f"回跳地址应为不超过 {LONGEST_URI} 个字符的 ASCII 网址")
    try:
        parts = urlsplit(uri)
        host, _port = parts.hostname, parts.port
    except ValueError:
        _wrong("redirect_uris", "回跳地址不是网址")
    local = sandbox and parts.scheme == "http" and host in LOOPBACK
    if not host or (parts.scheme != "https" and not local):
        _wrong("redirect_uris", "回跳地址应以 https:// 开头（沙箱可用 http://127.0.0.1）")
    if "#" in uri or "@" in parts.netloc or any(c in uri for c in '\\"<>^`{|}'):
        _wrong("redirect_uris", "回跳地址不可带 #、用户名或未转义的字符")


def _write(client: OAuthClient, registration: Registration) -> str | None:
    """Put the registration into the row; returns the secret if one had to be made."""
    secret = None
    if registration.auth_method != BASIC:
        client.secret_sha256 = None
    elif client.secret_sha256 is None:
        secret = secrets.token_urlsafe(SECRET_BYTES)
        client.secret_sha256 = hashlib.sha256(secret.encode()).digest()
    client.auth_method = registration.auth_method
    client.jwks = _kept(registration.jwks)
    client.scopes = list(dict.fromkeys(registration.scopes))
    client.redirect_uris = list(dict.fromkeys(registration.redirect_uris))
    client.dpop_required = registration.dpop_required
    client.sandbox = registration.sandbox
    return secret


def _kept(jwks: dict[str, Any] | None) -> dict[str, Any] | None:
    if jwks is None:
        return None
    return {"keys": [{name: key[name] for name in KEPT_MEMBERS if name in key} for key in jwks["keys"]]}


def _locked(client_id: str) -> OAuthClient:
    client = db.session.get(OAuthClient, client_id, with_for_update=True, populate_existing=True)
    if client is None or client.revoked_at is not None:
        raise NotFound("CLIENT_NOT_FOUND", f"没有客户端 {client_id}，或已吊销")
    return client


def _wrong(member: str, detail: str) -> NoReturn:
    raise InvalidInput("CLIENT_INVALID", detail, member)
