"""The city's real-name verification (津心办): do this name and this number belong together?

The protocol is described in docs/outside-services.md.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
import time
from typing import Any

import httpx
import orjson

from haihe.config import Settings
from haihe.domain.districts import DISTRICTS
from haihe.domain.errors import InvalidInput, Unavailable
from haihe.domain.identity import Identity
from haihe.usecases.context import IdentityService, VerifiedIdentity

LEVELS = ("L2", "L3")
TIMEOUT = httpx.Timeout(5.0, connect=2.0)
NOT_TOGETHER, TOO_BUSY = "不符", "繁忙"

log = logging.getLogger(__name__)


def identity_service(settings: Settings) -> IdentityService:
    """The real service where one is set, the simulator in the demo city, and else one that says so."""
    if settings.identity_url and settings.identity_secret:
        return CityIdentity(settings.identity_url, settings.identity_secret.encode())
    if settings.demo and not settings.identity_url:
        return SimulatedIdentity()
    return NoIdentity()


class CityIdentity:
    """Asks over HTTP; every request is signed, and the number travels nowhere but in its body."""

    def __init__(self, url: str, secret: bytes) -> None:
        self._client = httpx.Client(timeout=TIMEOUT)
        self._url = url
        self._secret = secret

    def verify(self, openid: str, identity: Identity, name: str) -> VerifiedIdentity:
        """The confirmed identity with its level; InvalidInput where number and name do not belong together."""
        answer = self._ask(
            {"account": openid, "id_type": identity.id_type, "id_number": identity.number, "name": name}
        )
        if answer.get("result") == "MISMATCH":
            raise _mismatch()
        level = answer.get("level")
        if answer.get("result") != "MATCH" or level not in LEVELS:
            log.error("the identity service answered neither MATCH with a level nor MISMATCH")
            raise _unreachable()
        district = answer.get("district")
        return VerifiedIdentity(
            identity=identity,
            name=name,
            level=str(level),
            district=district if isinstance(district, str) and district in DISTRICTS else None,
        )

    def _ask(self, question: dict[str, str]) -> dict[str, Any]:
        body = orjson.dumps(question)
        headers = {"Content-Type": "application/json", **signature(self._secret, body, int(time.time()))}
        try:
            response = self._client.post(self._url, content=body, headers=headers)
            answer = orjson.loads(response.content) if response.status_code == httpx.codes.OK else None
        except (httpx.HTTPError, ValueError) as error:
            log.warning("the identity service failed: %s", type(error).__name__)
            raise _unreachable() from None
        if response.status_code in (httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE):
            raise _busy()
        if not isinstance(answer, dict):
            log.error("the identity service answered with status %s and no JSON object", response.status_code)
            raise _unreachable()
        return answer


def signature(secret: bytes, body: bytes, at: int, nonce: str | None = None) -> dict[str, str]:
    """The headers that prove where a request comes from and that it was neither changed nor sent before."""
    nonce = nonce or secrets.token_hex(16)
    signed = f"{at}\n{nonce}\n{hashlib.sha256(body).hexdigest()}".encode()
    return {
        "X-Haihe-Timestamp": str(at),
        "X-Haihe-Nonce": nonce,
        "X-Haihe-Signature": hmac.new(secret, signed, "sha256").hexdigest(),
    }


class SimulatedIdentity:
    """For the demo city: confirms everybody at L3, unless the name asks for something else."""

    def verify(self, openid: str, identity: Identity, name: str) -> VerifiedIdentity:
        """Always the same district for the same number; 不符 and 繁忙 in the name try the two ways to fail."""
        if not name.strip() or NOT_TOGETHER in name:
            raise _mismatch()
        if TOO_BUSY in name:
            raise _busy()
        codes = tuple(DISTRICTS)
        drawn = hashlib.sha256(identity.number.encode()).digest()[0]
        return VerifiedIdentity(identity, name, "L3", codes[drawn % len(codes)])


class NoIdentity:
    """Nobody can be verified before the operator has said by whom."""

    def verify(self, openid: str, identity: Identity, name: str) -> VerifiedIdentity:
        """Always Unavailable IDENTITY_NOT_CONFIGURED."""
        raise Unavailable("IDENTITY_NOT_CONFIGURED", "实名核验服务尚未配置，请联系管理员")


def _mismatch() -> InvalidInput:
    return InvalidInput("IDENTITY_MISMATCH", "姓名与证件号码未能通过核验，请核对后再试", "name")


def _busy() -> Unavailable:
    return Unavailable("IDENTITY_BUSY", "实名核验服务繁忙，请稍后再试")


def _unreachable() -> Unavailable:
    return Unavailable("IDENTITY_UNAVAILABLE", "暂时连不上实名核验服务，请稍后再试")
