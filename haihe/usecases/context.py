"""What every deed is handed: the clock, the vault, the copies, the rules in force, and the doors to the outside world."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from haihe.cache.copies import Copies
from haihe.domain.allowances import PER_CLIENT, Allowance
from haihe.domain.identity import Identity
from haihe.domain.webhooks import WebhookUrl
from haihe.storage.vault import Vault
from haihe.usecases.rules_in_force import RulesInForce

TIANJIN = ZoneInfo("Asia/Shanghai")


class WeChatLogin(Protocol):
    """Turns the one-time code of a mini-program into the person's openid."""

    def openid(self, js_code: str) -> str:
        """The openid, or InvalidInput / Unavailable as WeChat's error codes say."""
        ...


@dataclass(frozen=True, slots=True)
class VerifiedIdentity:
    """What the identity service confirms: who it is, how surely (L2, L3), and where in the city they live, if known."""

    identity: Identity
    name: str
    level: str
    district: str | None


class IdentityService(Protocol):
    """Real-name verification by the city (津心办)."""

    def verify(self, openid: str, identity: Identity, name: str) -> VerifiedIdentity:
        """The confirmed identity; InvalidInput where number and name do not belong together."""
        ...


@dataclass(frozen=True, slots=True)
class Sent:
    """How one attempt to deliver a notice went: the HTTP status, or why there was none; the beginning of the answer."""

    status: int | None
    failure: str | None
    took_ms: int
    excerpt: bytes

    @property
    def arrived(self) -> bool:
        """The merchant's server has taken it."""
        return self.status is not None and 200 <= self.status < 300


class Messenger(Protocol):
    """Sends notices to merchants' own servers; `local_allowed` where this machine may be one of them."""

    local_allowed: bool

    def send(self, url: WebhookUrl, headers: dict[str, str], body: bytes) -> Sent:
        """POST once, to public addresses only, without following redirects, within five seconds."""
        ...


@dataclass(frozen=True)
class Context:
    """One per worker. `now` is the only clock; everything below the doors is handed the time.

    In a `demo` city anybody may walk in as one of its residents.
    """

    now: Callable[[], datetime]
    base_url: str
    pass_key: bytes
    vault: Vault
    copies: Copies
    rules: RulesInForce
    wechat: WeChatLogin
    identity: IdentityService
    messenger: Messenger
    demo: bool = False
    # How often one client of a merchant or a department may call.
    client_allowance: Allowance = PER_CLIENT


def day_of(at: datetime) -> date:
    """The calendar day in Tianjin."""
    return at.astimezone(TIANJIN).date()
