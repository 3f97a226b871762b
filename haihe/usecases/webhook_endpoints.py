"""通知地址: a merchant says where its events go; the office says at which hosts that may be."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey, import_key
from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from haihe.domain.errors import Conflict, InvalidInput, NotFound
from haihe.domain.webhooks import HERE, WebhookUrl, read_webhook_host, read_webhook_url
from haihe.storage.audit import write_audit
from haihe.storage.db import db, transaction
from haihe.storage.notices import Delivery, WebhookEndpoint, WebhookHost
from haihe.storage.partners import Merchant
from haihe.usecases.context import Context
from haihe.usecases.rules_in_force import Partner

MOST_ENDPOINTS = 3
SMALLEST_RSA_BITS = 2048
CURVES = ("P-256", "P-384", "P-521")
# What a public key may consist of; a private one that is sent by mistake is refused and not kept.
PUBLIC_MEMBERS = {
    "EC": frozenset({"kty", "crv", "x", "y"}),
    "RSA": frozenset({"kty", "n", "e"}),
}
OPTIONAL_MEMBERS = frozenset({"kid", "use", "alg", "key_ops"})


def register_webhook_host(merchant_id: int, host: str, actor: str, at: datetime) -> str:
    """The office allows a merchant's notices to go to this host; again changes nothing. Returns it as it is kept."""
    kept = read_webhook_host(host)
    with transaction():
        if db.session.get(Merchant, merchant_id) is None:
            raise NotFound("MERCHANT_NOT_FOUND", f"没有编号为 {merchant_id} 的商户")
        row = upsert(WebhookHost).values(merchant_id=merchant_id, host=kept, created_at=at)
        db.session.execute(row.on_conflict_do_nothing())
        write_audit(at, actor, "register_webhook_host", f"merchant:{merchant_id}", host=kept)
    return kept


def withdraw_webhook_host(merchant_id: int, host: str, actor: str, at: datetime) -> None:
    """From the next attempt on nothing goes to this host any more."""
    with transaction():
        gone = delete(WebhookHost).where(WebhookHost.merchant_id == merchant_id, WebhookHost.host == host)
        db.session.execute(gone)
        write_audit(at, actor, "withdraw_webhook_host", f"merchant:{merchant_id}", host=host)


def endpoints_of(partner: Partner) -> list[WebhookEndpoint]:
    """The merchant's endpoints, the oldest first."""
    query = _living(partner).order_by(WebhookEndpoint.id)
    return list(db.session.execute(query).scalars())


def register_endpoint(
    ctx: Context, partner: Partner, url: str, encryption_key: Mapping[str, Any] | None, at: datetime
) -> WebhookEndpoint:
    """From now on the merchant's events go here too. The same address with the same key again is the same endpoint."""
    address, jwk = str(_allowed(ctx, partner, url)), _public_key(encryption_key)
    with transaction():
        _lock(partner)
        held = endpoints_of(partner)
        same = next((one for one in held if one.url == address), None)
        if same is not None:
            if same.encryption_jwk != jwk:
                raise Conflict("WEBHOOK_URL_USED", "这个地址已登记过，要更换加密公钥请修改它", "url")
            return same
        if len(held) >= MOST_ENDPOINTS:
            raise Conflict("WEBHOOKS_TOO_MANY", f"最多登记 {MOST_ENDPOINTS} 个地址，请先删除不用的")
        endpoint = WebhookEndpoint(
            merchant_id=partner.merchant_id, url=address, encryption_jwk=jwk, created_at=at, changed_at=at
        )
        db.session.add(endpoint)
        db.session.flush()
        _trace(partner, "register_webhook", endpoint, at)
    return endpoint


def change_endpoint(
    ctx: Context,
    partner: Partner,
    endpoint_id: int,
    url: str,
    encryption_key: Mapping[str, Any] | None,
    at: datetime,
) -> WebhookEndpoint:
    """Another address or another key; what is still on its way goes there, sealed with the new key."""
    address, jwk = str(_allowed(ctx, partner, url)), _public_key(encryption_key)
    with transaction():
        _lock(partner)
        endpoint = find_endpoint(partner, endpoint_id)
        if any(one.url == address for one in endpoints_of(partner) if one.id != endpoint_id):
            raise Conflict("WEBHOOK_URL_USED", "这个地址已登记过", "url")
        endpoint.url, endpoint.encryption_jwk = address, jwk
        endpoint.changed_at, endpoint.failing_since = at, None
        _trace(partner, "change_webhook", endpoint, at)
    return endpoint


def delete_endpoint(partner: Partner, endpoint_id: int, at: datetime) -> None:
    """Nothing goes there any more; what was on its way is dropped."""
    with transaction():
        _lock(partner)
        endpoint = find_endpoint(partner, endpoint_id)
        endpoint.deleted_at = at
        waiting = update(Delivery).where(Delivery.endpoint_id == endpoint_id, Delivery.state == "WAITING")
        db.session.execute(waiting.values(state="DROPPED", settled_at=at, leased_until=None))
        _trace(partner, "delete_webhook", endpoint, at)


def find_endpoint(partner: Partner, endpoint_id: int) -> WebhookEndpoint:
    """One of the merchant's own; another's is as good as none."""
    query = _living(partner).where(WebhookEndpoint.id == endpoint_id)
    endpoint = db.session.execute(query).scalar_one_or_none() if endpoint_id < 1 << 31 else None
    if endpoint is None:
        raise NotFound("WEBHOOK_NOT_FOUND", "没有这个通知地址")
    return endpoint


def host_allowed(url: WebhookUrl, hosts: frozenset[str], local_allowed: bool) -> bool:
    """Is it at a host registered for the merchant, or on this machine where that is allowed?"""
    return url.authority in hosts or (local_allowed and url.host in HERE)


def _allowed(ctx: Context, partner: Partner, text: str) -> WebhookUrl:
    url = read_webhook_url(text, ctx.messenger.local_allowed)
    query = select(WebhookHost.host).where(WebhookHost.merchant_id == partner.merchant_id)
    if not host_allowed(url, frozenset(db.session.execute(query).scalars()), ctx.messenger.local_allowed):
        raise InvalidInput(
            "WEBHOOK_HOST_NOT_REGISTERED",
            f"主机 {url.authority} 没有为贵方登记，请联系管理员登记后再试",
            "url",
        )
    return url


def _public_key(jwk: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The public key that payloads are to be sealed with, or InvalidInput saying what is wrong with it."""
    if jwk is None:
        return None
    kind = jwk.get("kty")
    members = PUBLIC_MEMBERS.get(kind) if isinstance(kind, str) else None
    if members is None:
        raise _bad_key("公钥应为 EC（P-256、P-384、P-521）或 RSA 的 JWK")
    if not members <= jwk.keys() <= members | OPTIONAL_MEMBERS or jwk.get("use", "enc") != "enc":
        raise _bad_key("只发送用于加密的公钥：不能有私钥成员、证书链或其他用途")
    if not isinstance(jwk.get("kid", ""), str) or len(jwk.get("kid", "")) > 64:
        raise _bad_key("kid 应为不超过 64 个字符的文字")
    try:
        weak = kind == "RSA" and len(jwk["n"]) * 6 < SMALLEST_RSA_BITS
        key = None if weak else import_key(dict(jwk))
        # Only when the numbers are put together does a point that is not on its curve come to light.
        number = None if key is None else key.public_key
        weak = weak or (isinstance(key, RSAKey) and number.key_size < SMALLEST_RSA_BITS)
        other = isinstance(key, ECKey) and key.curve_name not in CURVES
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        raise _bad_key("公钥不是有效的 JWK") from None
    if weak or other:
        raise _bad_key(f"RSA 公钥至少 {SMALLEST_RSA_BITS} 位；EC 公钥应在 {'、'.join(CURVES)} 上")
    return {name: jwk[name] for name in (*sorted(members), "kid") if name in jwk}


def _living(partner: Partner) -> Any:
    return select(WebhookEndpoint).where(
        WebhookEndpoint.merchant_id == partner.merchant_id, WebhookEndpoint.deleted_at.is_(None)
    )


def _lock(partner: Partner) -> None:
    db.session.execute(select(Merchant.id).where(Merchant.id == partner.merchant_id).with_for_update())


def _trace(partner: Partner, deed: str, endpoint: WebhookEndpoint, at: datetime) -> None:
    write_audit(at, f"client:{partner.client_id}", deed, f"webhook:{endpoint.id}")


def _bad_key(detail: str) -> InvalidInput:
    return InvalidInput("ENCRYPTION_KEY_INVALID", detail, "encryption_key")
