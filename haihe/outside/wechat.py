"""WeChat's login service: the one-time code of a mini-program becomes the person's openid.

The session key that comes with it could decrypt what the person's phone sends; nothing here needs it, so it is neither
kept nor logged.
"""

from __future__ import annotations

import logging
import re
from typing import Any

import httpx

from haihe.config import Settings
from haihe.domain.errors import Forbidden, HaiheError, InvalidInput, TooOften, Unavailable
from haihe.usecases.context import WeChatLogin

WECHAT = "https://api.weixin.qq.com"
TIMEOUT = httpx.Timeout(3.0, connect=2.0)
CODE_WRONG = frozenset({40029, 40163, 41008})
OUR_SETTINGS_WRONG = frozenset({40013, 40125, 41002, 41004})
BUSY, TOO_FREQUENT, BLOCKED = -1, 45011, 40226
DEMO_CODE = re.compile(r"demo-([0-9A-Za-z_\-]{1,64})")

log = logging.getLogger(__name__)
# httpx writes every address it calls into the log, and WeChat wants the app secret in the address.
logging.getLogger("httpx").setLevel(logging.WARNING)


def wechat_login(settings: Settings) -> WeChatLogin:
    """The real service where credentials are set, the simulator in the demo city, and else one that says so."""
    if settings.wechat_appid and settings.wechat_secret:
        return WeChat(settings.wechat_appid, settings.wechat_secret)
    if settings.demo and not settings.wechat_appid:
        return SimulatedWeChat()
    return NoWeChat()


class WeChat:
    """`GET /sns/jscode2session`, as WeChat documents it. On success `errcode` may be missing."""

    def __init__(self, appid: str, secret: str, address: str = WECHAT) -> None:
        self._client = httpx.Client(base_url=address, timeout=TIMEOUT)
        self._appid = appid
        self._secret = secret

    def openid(self, js_code: str) -> str:
        """The openid behind a code that has not been used yet."""
        answer = self._ask(js_code)
        number = answer.get("errcode") or 0
        if number != 0:
            raise _what_went_wrong(number)
        openid = answer.get("openid")
        if not isinstance(openid, str) or not openid:
            log.error("jscode2session answered without an openid")
            raise _unreachable()
        return openid

    def _ask(self, js_code: str) -> dict[str, Any]:
        parameters = {
            "appid": self._appid,
            "secret": self._secret,
            "js_code": js_code,
            "grant_type": "authorization_code",
        }
        try:
            response = self._client.get("/sns/jscode2session", params=parameters)
            # WeChat labels its JSON text/plain, so the label is not looked at.
            answer = response.json() if response.status_code == httpx.codes.OK else None
        except (httpx.HTTPError, ValueError) as error:
            # Only the kind of error: its text may hold the address, and with it the secret.
            log.warning("jscode2session failed: %s", type(error).__name__)
            raise _unreachable() from None
        if not isinstance(answer, dict):
            log.warning("jscode2session answered with status %s and no JSON object", response.status_code)
            raise _unreachable()
        return answer


class SimulatedWeChat:
    """For the demo city: `demo-<name>` may be used again and again and always means the same person."""

    def openid(self, js_code: str) -> str:
        """`demo-openid-<name>` for `demo-<name>`."""
        found = DEMO_CODE.fullmatch(js_code)
        if found is None:
            raise _code_wrong()
        return f"demo-openid-{found[1]}"


class NoWeChat:
    """Nobody can log in before the operator has said through which mini-program."""

    def openid(self, js_code: str) -> str:
        """Always Unavailable LOGIN_NOT_CONFIGURED."""
        raise Unavailable("LOGIN_NOT_CONFIGURED", "登录服务尚未配置，请联系管理员")


def _what_went_wrong(number: object) -> HaiheError:
    if not isinstance(number, int):
        log.error("jscode2session answered with an errcode that is no number")
        return _unreachable()
    if number in CODE_WRONG:
        return _code_wrong()
    if number == BUSY:
        return Unavailable("WECHAT_BUSY", "微信登录服务繁忙，请稍后再试")
    if number == TOO_FREQUENT:
        return TooOften("LOGIN_TOO_OFTEN", "登录过于频繁，请一分钟后再试", retry_after=60)
    if number == BLOCKED:
        return Forbidden("WECHAT_BLOCKED", "微信暂时限制了这个账号登录小程序，请在微信中按提示处理")
    if number in OUR_SETTINGS_WRONG:
        log.error("WeChat refuses the mini-program's credentials: errcode %s", number)
        return Unavailable("LOGIN_NOT_CONFIGURED", "登录服务配置有误，已通知管理员，请稍后再试")
    log.error("jscode2session answered with unknown errcode %s", number)
    return _unreachable()


def _code_wrong() -> InvalidInput:
    return InvalidInput("JS_CODE_INVALID", "登录凭证无效、已使用或已过期，请重新进入小程序", "js_code")


def _unreachable() -> Unavailable:
    return Unavailable("WECHAT_UNAVAILABLE", "暂时连不上微信登录服务，请稍后再试")
