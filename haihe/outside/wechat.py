"""WeChat's login service."""

from __future__ import annotations

from haihe.config import Settings
from haihe.usecases.context import WeChatLogin


def wechat_login(settings: Settings) -> WeChatLogin: ...
