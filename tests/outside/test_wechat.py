"""WeChat's login service: every answer it may give, over a real connection to a small server in its place."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from haihe.config import Settings
from haihe.domain.errors import Forbidden, HaiheError, InvalidInput, TooOften, Unavailable
from haihe.outside.wechat import NoWeChat, SimulatedWeChat, WeChat, wechat_login

SECRET = "an-app-secret"


@dataclass
class FakeWeChat:
    """Answers what a test tells it to, and remembers what it was asked."""

    address: str = ""
    status: int = 200
    body: bytes = b""
    asked: dict[str, list[str]] | None = None


@pytest.fixture
def server() -> Iterator[FakeWeChat]:
    fake = FakeWeChat()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            fake.asked = {"path": [urlsplit(self.path).path], **parse_qs(urlsplit(self.path).query)}
            self.send_response(fake.status)
            self.send_header("Content-Type", "text/plain")
            self.end_headers()
            self.wfile.write(fake.body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        fake.address = f"http://127.0.0.1:{http.server_port}"
        threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
        yield fake
        http.shutdown()


def ask(server: FakeWeChat, **answer: object) -> str:
    server.body = json.dumps(answer).encode()
    return WeChat("wx1", SECRET, server.address).openid("code-1")


def test_a_good_code_gives_the_openid_with_or_without_an_errcode(server: FakeWeChat) -> None:
    assert ask(server, openid="o1", session_key="k") == "o1"
    assert ask(server, openid="o1", session_key="k", errcode=0, errmsg="ok") == "o1"
    assert server.asked == {
        "path": ["/sns/jscode2session"],
        "appid": ["wx1"],
        "secret": [SECRET],
        "js_code": ["code-1"],
        "grant_type": ["authorization_code"],
    }


@pytest.mark.parametrize(
    ("errcode", "kind", "code"),
    [
        (40029, InvalidInput, "JS_CODE_INVALID"),
        (40163, InvalidInput, "JS_CODE_INVALID"),
        (41008, InvalidInput, "JS_CODE_INVALID"),
        (-1, Unavailable, "WECHAT_BUSY"),
        (45011, TooOften, "LOGIN_TOO_OFTEN"),
        (40226, Forbidden, "WECHAT_BLOCKED"),
        (40013, Unavailable, "LOGIN_NOT_CONFIGURED"),
        (40125, Unavailable, "LOGIN_NOT_CONFIGURED"),
        (41002, Unavailable, "LOGIN_NOT_CONFIGURED"),
        (41004, Unavailable, "LOGIN_NOT_CONFIGURED"),
        (99999, Unavailable, "WECHAT_UNAVAILABLE"),
        ([40029], Unavailable, "WECHAT_UNAVAILABLE"),
    ],
)
def test_every_errcode_has_its_own_answer(
    server: FakeWeChat, errcode: object, kind: type[HaiheError], code: str
) -> None:
    with pytest.raises(kind) as raised:
        ask(server, errcode=errcode, errmsg="…")
    assert raised.value.code == code


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b"{}", b'{"openid": ""}', b'{"openid": 7}'])
def test_an_answer_that_makes_no_sense_is_told_as_unavailable(server: FakeWeChat, body: bytes) -> None:
    server.body = body
    with pytest.raises(Unavailable, match="微信"):
        WeChat("wx1", SECRET, server.address).openid("code-1")


def test_a_server_error_and_a_closed_port_are_told_as_unavailable(server: FakeWeChat) -> None:
    server.status = 502
    with pytest.raises(Unavailable):
        ask(server, openid="o1")
    with pytest.raises(Unavailable):
        WeChat("wx1", SECRET, "http://127.0.0.1:1").openid("code-1")


def test_neither_the_secret_nor_the_session_key_is_ever_logged(
    server: FakeWeChat, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    ask(server, openid="o1", session_key="a-session-key")
    with pytest.raises(Unavailable):
        ask(server, errcode=40125, errmsg=f"invalid secret {SECRET}")
    with pytest.raises(Unavailable):
        WeChat("wx1", SECRET, "http://127.0.0.1:1").openid("code-1")
    assert "40125" in caplog.text
    assert SECRET not in caplog.text
    assert "a-session-key" not in caplog.text


def test_the_simulator_knows_demo_codes_for_ever_and_no_others() -> None:
    assert (
        SimulatedWeChat().openid("demo-lihua")
        == SimulatedWeChat().openid("demo-lihua")
        == "demo-openid-lihua"
    )
    for code in ("lihua", "demo-", "demo-李华", "demo-a\0", "DEMO-a", "demo-a\n"):
        with pytest.raises(InvalidInput) as raised:
            SimulatedWeChat().openid(code)
        assert raised.value.code == "JS_CODE_INVALID"


def settings(**more: object) -> Settings:
    given = {"demo": False, **more}
    return Settings(
        database_url="",
        redis_url="",
        base_url="",
        data_keys={},
        current_data_key="",
        index_key=b"",
        pass_key=b"",
        secret_key="k" * 32,
        **given,  # type: ignore[arg-type]
    )


def test_credentials_mean_the_real_service_even_in_the_demo() -> None:
    real = settings(demo=True, wechat_appid="wx1", wechat_secret=SECRET)
    assert isinstance(wechat_login(real), WeChat)
    assert isinstance(wechat_login(settings(demo=True)), SimulatedWeChat)


def test_outside_the_demo_nobody_is_let_in_by_a_simulator() -> None:
    login = wechat_login(settings())
    assert isinstance(login, NoWeChat)
    with pytest.raises(Unavailable) as raised:
        login.openid("demo-lihua")
    assert raised.value.code == "LOGIN_NOT_CONFIGURED"
    assert isinstance(wechat_login(settings(demo=True, wechat_appid="wx1")), NoWeChat)
