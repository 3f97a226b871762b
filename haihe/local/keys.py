"""The secrets of a machine of one's own: made once, kept in a file that only its owner can read."""

import base64
import json
import os
import secrets
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from haihe.local.programs import StartFailed


def fresh_secrets() -> dict[str, str]:
    def key() -> str:
        return base64.b64encode(secrets.token_bytes(32)).decode()

    return {
        "HAIHE_DATA_KEYS": json.dumps({"k1": key()}),
        "HAIHE_INDEX_KEY": key(),
        "HAIHE_PASS_KEY": key(),
        "HAIHE_SECRET_KEY": secrets.token_urlsafe(32),
    }


def kept_secrets(path: Path, *, database: Path) -> dict[str, str]:
    """The secrets in `path`, with any that is missing made and added."""
    kept = dict(_pairs(path)) if path.exists() else {}
    missing = {name: value for name, value in fresh_secrets().items() if name not in kept}
    if "HAIHE_DATA_KEYS" in missing and database.exists():
        raise StartFailed(
            f"{path} 里没有 HAIHE_DATA_KEYS，而 {database} 里的身份信息是用原来的密钥加密的，换新密钥就再也读不出来。\n"
            "请找回这个文件；若只是演示数据，`make clean` 后重新运行即可。"
        )
    if missing:
        _write(path, kept | missing)
    return kept | missing


@contextmanager
def shown_environment(path: Path, env: Mapping[str, str]) -> Iterator[None]:
    """While the block lasts, `path` holds the settings in `env` for whoever wants to run a command beside us:
    `set -a; . path; set +a`."""
    _write(path, {name: value for name, value in sorted(env.items()) if name.startswith("HAIHE_")})
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _write(path: Path, pairs: Mapping[str, str]) -> None:
    # Written aside and renamed: a run cut short here must not leave half a file of keys.
    unfinished = path.with_name(f"{path.name}.new")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.writelines(f"{name}={shlex.quote(value)}\n" for name, value in pairs.items())
    unfinished.rename(path)


def _pairs(path: Path) -> list[tuple[str, str]]:
    words = shlex.split(path.read_text(), comments=True)
    return [(name, value) for name, sep, value in (word.partition("=") for word in words) if sep]
