"""通知: where a notice may go, when it is tried again, and what its signature covers."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from haihe.domain.errors import InvalidInput

# After the n-th attempt that failed, how long until the next; the last pause is repeated until the days are over.
PAUSES = tuple(timedelta(seconds=s) for s in (15, 15, 30, 180, 1800, 1800, 1800, 1800, 3600))
TRIED_FOR = timedelta(days=3)

LONGEST_URL = 512
HOST = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
PATH = re.compile(r"/[0-9A-Za-z/_.~%!$&'()*+,;=:@-]*")
HERE = frozenset({"127.0.0.1", "localhost", "::1"})

# What the registries of special addresses (RFC 6890) hold beyond what `is_global` knows of.
GLOBAL_IPV6 = ipaddress.IPv6Network("2000::/3")
SPECIAL: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = tuple(
    ipaddress.ip_network(n)
    for n in ("192.0.0.0/24", "192.88.99.0/24", "2002::/16", "2001::/23", "2001:db8::/32", "3fff::/20")
)


@dataclass(frozen=True, slots=True)
class WebhookUrl:
    """An address that notices may be sent to: `authority` is the host, with its port where that is not the usual one."""

    scheme: str
    host: str
    port: int
    authority: str
    path: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"


def read_webhook_url(text: str, local_allowed: bool = False) -> WebhookUrl:
    """The address as a merchant writes it, or InvalidInput WEBHOOK_URL_INVALID saying what it should look like.

    https and a name, never a bare number; nothing before an `@`, no query, no fragment. Where local development is
    switched on, this very machine by http too.
    """
    if len(text) > LONGEST_URL or not text.isascii() or not text.isprintable() or "\\" in text or " " in text:
        raise _invalid("地址应为不超过 512 个字符的 https 网址")
    try:
        parts = urlsplit(text)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise _invalid("地址不是一个网址") from None
    if parts.username is not None or parts.query or parts.fragment or "?" in text or "#" in text:
        raise _invalid("地址里不能有用户名、查询参数或片段")
    here = local_allowed and host in HERE
    if parts.scheme != "https" and not (here and parts.scheme == "http"):
        raise _invalid("地址应以 https:// 开头")
    if not here and not HOST.fullmatch(host):
        raise _invalid("地址的主机应为域名，不能是 IP 地址")
    if not PATH.fullmatch(parts.path or "/"):
        raise _invalid("地址的路径含有不允许的字符")
    usual = 443 if parts.scheme == "https" else 80
    shown = f"[{host}]" if ":" in host else host
    authority = shown if port in (None, usual) else f"{shown}:{port}"
    return WebhookUrl(parts.scheme, host, usual if port is None else port, authority, parts.path or "/")


def read_webhook_host(text: str) -> str:
    """A host as the office registers it, `host` or `host:port`; InvalidInput WEBHOOK_HOST_INVALID where it is none."""
    try:
        url = read_webhook_url(f"https://{text.strip().lower()}/")
    except InvalidInput:
        raise InvalidInput(
            "WEBHOOK_HOST_INVALID", "主机应为域名，如 pay.example.cn 或 pay.example.cn:8443"
        ) from None
    if url.path != "/" or "/" in text:
        raise InvalidInput("WEBHOOK_HOST_INVALID", "只写主机，不要带协议与路径")
    return url.authority


def is_public(address: str) -> bool:
    """May a notice be sent to this IP address? Not to private, loopback, link-local, shared, multicast, translated or
    otherwise special ones (RFC 6890), whichever way they are written."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if ip.version == 6 and (ip not in GLOBAL_IPV6 or ip.scope_id is not None):
        # IPv4 written as IPv6 (::ffff:10.0.0.1, ::10.0.0.1, 64:ff9b::10.0.0.1) falls out here too.
        return False
    return (
        ip.is_global and not ip.is_multicast and not any(ip in n for n in SPECIAL if n.version == ip.version)
    )


def is_loopback(address: str) -> bool:
    """Is it this very machine?"""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def next_attempt(failed: int, first_at: datetime, at: datetime) -> datetime | None:
    """When to try again after `failed` attempts, the first at `first_at`, the last ending now; None to give up."""
    due = at + PAUSES[min(failed, len(PAUSES)) - 1]
    return due if due <= first_at + TRIED_FOR else None


def signature_params(components: Sequence[str], **parameters: int | str) -> str:
    """RFC 9421 §2.3: the covered components and the parameters of a signature, as Signature-Input carries them."""
    covered = " ".join(f'"{name}"' for name in components)
    said = "".join(
        f";{name}={value}" if isinstance(value, int) else f';{name}="{value}"'
        for name, value in parameters.items()
    )
    return f"({covered}){said}"


def signature_base(components: Sequence[str], values: Mapping[str, str], params: str) -> bytes:
    """RFC 9421 §2.5: the bytes that are signed. `values` holds every component by its name in lower case."""
    lines = [f'"{name}": {values[name].strip()}' for name in components]
    return "\n".join([*lines, f'"@signature-params": {params}']).encode("ascii")


def _invalid(detail: str) -> InvalidInput:
    return InvalidInput("WEBHOOK_URL_INVALID", detail, "url")
