"""Settings, read once from the environment. Nothing else in the product reads it."""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

DUCKDB = "duckdb"
SPARK = re.compile(r"spark://\S+|local(\[([1-9]\d*|\*)\])?|yarn|k8s://\S+")


class ConfigurationError(Exception):
    """A setting is missing or malformed; the message names it and says what it should be."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that differs between one installation and another. Keys never appear in its repr."""

    database_url: str
    redis_url: str
    base_url: str
    data_keys: Mapping[str, bytes] = field(repr=False)
    current_data_key: str
    index_key: bytes = field(repr=False)
    pass_key: bytes = field(repr=False)
    secret_key: str = field(repr=False)
    demo: bool
    wechat_appid: str = ""
    wechat_secret: str = field(default="", repr=False)
    client_requests_per_minute: int = 60_000
    identity_url: str = ""
    identity_secret: str = field(default="", repr=False)
    city_engine: str = DUCKDB
    webhooks_local: bool = False


def read_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the environment, or say which variable is wrong and how it should look."""
    data_keys = _data_keys(_required(environ, "HAIHE_DATA_KEYS"))
    current = environ.get("HAIHE_CURRENT_DATA_KEY") or next(reversed(data_keys))
    if current not in data_keys:
        raise ConfigurationError(f"HAIHE_CURRENT_DATA_KEY 指定的密钥 {current!r} 不在 HAIHE_DATA_KEYS 里。")
    return Settings(
        database_url=_required(environ, "HAIHE_DATABASE_URL"),
        redis_url=_required(environ, "HAIHE_REDIS_URL"),
        base_url=environ.get("HAIHE_BASE_URL", "http://127.0.0.1:8000").rstrip("/"),
        data_keys=data_keys,
        current_data_key=current,
        index_key=_key("HAIHE_INDEX_KEY", _required(environ, "HAIHE_INDEX_KEY")),
        pass_key=_key("HAIHE_PASS_KEY", _required(environ, "HAIHE_PASS_KEY")),
        secret_key=_required(environ, "HAIHE_SECRET_KEY"),
        demo=environ.get("HAIHE_DEMO") == "1",
        wechat_appid=environ.get("HAIHE_WECHAT_APPID", ""),
        wechat_secret=environ.get("HAIHE_WECHAT_SECRET", ""),
        client_requests_per_minute=_whole(environ, "HAIHE_CLIENT_REQUESTS_PER_MINUTE", 60_000),
        identity_url=environ.get("HAIHE_IDENTITY_URL", ""),
        identity_secret=environ.get("HAIHE_IDENTITY_SECRET", ""),
        city_engine=_city_engine(environ.get("HAIHE_CITY_ENGINE") or DUCKDB),
        webhooks_local=environ.get("HAIHE_WEBHOOKS_LOCAL") == "1",
    )


def _whole(environ: Mapping[str, str], name: str, otherwise: int) -> int:
    value = environ.get(name) or str(otherwise)
    if not (value.isascii() and value.isdigit() and int(value) > 0):
        raise ConfigurationError(f"{name} 应为大于 0 的整数。")
    return int(value)


def _required(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "")
    if not value:
        raise ConfigurationError(
            f"没有设置环境变量 {name}；各变量的含义见 README.md，`make run` 运行时可先执行 set -a; . var/env; set +a"
        )
    return value


def _key(name: str, value: str) -> bytes:
    try:
        key = base64.b64decode(value, validate=True)
    except binascii.Error:
        key = b""
    if len(key) != 32:
        raise ConfigurationError(f"{name} 应为 32 字节的 base64。")
    return key


def _data_keys(value: str) -> dict[str, bytes]:
    try:
        keys = json.loads(value)
    except json.JSONDecodeError:
        keys = None
    if not isinstance(keys, dict) or not keys:
        raise ConfigurationError('HAIHE_DATA_KEYS 应为 JSON 对象，如 {"2026-01": "<32 字节的 base64>"}。')
    return {str(kid): _key(f"HAIHE_DATA_KEYS[{kid}]", str(key)) for kid, key in keys.items()}


def _city_engine(value: str) -> str:
    if value != DUCKDB and not SPARK.fullmatch(value):
        raise ConfigurationError(
            f"HAIHE_CITY_ENGINE 是 {value!r}，应为 duckdb、local[2]（本机 Spark）、spark://主机:端口、k8s://… 或 yarn。"
        )
    return value
