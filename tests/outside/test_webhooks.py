"""Sending to a merchant's server, and to nowhere that is not one."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from haihe.domain.webhooks import WebhookUrl, read_webhook_url
from haihe.outside import webhooks
from haihe.outside.webhooks import WebhookSender
from tests.receiver import Receiver, receiver, trickle


@pytest.fixture
def server() -> Iterator[Receiver]:
    with receiver() as held:
        yield held


@pytest.fixture
def local() -> Iterator[WebhookSender]:
    sender = WebhookSender(local_allowed=True)
    yield sender
    sender.close()


@pytest.fixture
def strict() -> Iterator[WebhookSender]:
    sender = WebhookSender()
    yield sender
    sender.close()


def here(server: Receiver) -> WebhookUrl:
    return read_webhook_url(server.url, local_allowed=True)


def test_an_answer_is_told_with_its_status_and_beginning(server: Receiver, local: WebhookSender) -> None:
    sent = local.send(here(server), {"content-type": "application/json"}, b"{}")

    assert (sent.status, sent.failure, sent.excerpt, sent.arrived) == (200, None, b"ok", True)
    assert server.got[0][0]["host"] == here(server).authority


def test_a_redirect_is_not_followed(server: Receiver, local: WebhookSender) -> None:
    def elsewhere(_event: dict[str, Any], handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(307)
        handler.send_header("Location", server.url)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    server.answers = elsewhere
    sent = local.send(here(server), {}, b"{}")

    assert (sent.status, sent.arrived, len(server.got)) == (307, False, 1)


def test_an_answer_that_trickles_in_for_ever_is_over_in_time(
    server: Receiver, local: WebhookSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "TIMEOUT_SECONDS", 0.4)
    server.answers = trickle

    sent = local.send(here(server), {}, b"{}")

    assert (sent.status, sent.failure) == (None, "TIMEOUT")


def test_an_endless_answer_is_cut_short(server: Receiver, local: WebhookSender) -> None:
    def endless(_event: dict[str, Any], handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while True:
            handler.wfile.write(b"x" * 1000)

    server.answers = endless
    sent = local.send(here(server), {}, b"{}")

    assert sent.arrived
    assert len(sent.excerpt) == webhooks.MOST_READ


def test_nobody_listening_and_nobody_of_that_name_are_told_apart(local: WebhookSender) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    gone = read_webhook_url(f"http://127.0.0.1:{port}/", local_allowed=True)

    assert local.send(gone, {}, b"").failure == "NOT_CONNECTED"
    assert local.send(read_webhook_url("https://nobody.invalid/"), {}, b"").failure == "NAME_NOT_FOUND"


def test_a_server_that_speaks_no_tls_gets_nothing(server: Receiver, local: WebhookSender) -> None:
    sent = local.send(read_webhook_url(server.url.replace("http:", "https:"), local_allowed=True), {}, b"{}")

    assert (sent.status, sent.failure) == (None, "TLS")
    assert server.got == []


def resolving_to(*addresses: str) -> Callable[..., list[Any]]:
    def resolve(_host: str, port: int, **_more: Any) -> list[Any]:
        return [
            (socket.AF_INET6 if ":" in a else socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port))
            for a in addresses
        ]

    return resolve


@pytest.mark.parametrize(
    "addresses",
    [
        ("127.0.0.1",),
        ("10.1.2.3",),
        ("169.254.169.254",),
        ("::1",),
        ("::ffff:127.0.0.1",),
        ("fd00::1",),
        ("fe80::1%eth0",),
        ("64:ff9b::7f00:1",),
        ("2002:7f00:1::",),
        ("0.0.0.0",),  # noqa: S104 - an address like any other here
        ("8.8.8.8", "127.0.0.1"),
    ],
)
def test_a_name_that_leads_to_a_special_address_gets_nothing(
    server: Receiver, strict: WebhookSender, monkeypatch: pytest.MonkeyPatch, addresses: tuple[str, ...]
) -> None:
    port = here(server).port
    monkeypatch.setattr(webhooks.socket, "getaddrinfo", resolving_to(*addresses))

    sent = strict.send(read_webhook_url(f"https://pay.example.cn:{port}/hook"), {}, b"{}")

    assert (sent.status, sent.failure, server.got) == (None, "ADDRESS_NOT_ALLOWED", [])


def test_a_name_that_answers_differently_the_second_time_is_connected_to_as_checked(
    server: Receiver, strict: WebhookSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: public when looked at, this machine a moment later."""
    asked: list[str] = []
    connected: list[tuple[str, int]] = []
    port = here(server).port

    def resolve(host: str, port: int, **more: Any) -> list[Any]:
        asked.append(host)
        return resolving_to("8.8.8.8" if len(asked) == 1 else "127.0.0.1")(host, port)

    def connect(address: tuple[str, int], *_args: Any, **_more: Any) -> socket.socket:
        connected.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(webhooks.socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket, "create_connection", connect)

    assert (
        strict.send(read_webhook_url(f"https://pay.example.cn:{port}/"), {}, b"").failure == "NOT_CONNECTED"
    )
    assert connected == [("8.8.8.8", port)]
    assert asked == ["pay.example.cn"]


def test_where_local_development_is_allowed_other_private_addresses_still_are_not(
    local: WebhookSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks.socket, "getaddrinfo", resolving_to("192.168.1.1"))

    assert local.send(read_webhook_url("https://pay.example.cn/"), {}, b"").failure == "ADDRESS_NOT_ALLOWED"
