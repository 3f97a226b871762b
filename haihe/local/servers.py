"""Both embedded servers on one data directory, for as long as a `with` block lasts."""

import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from haihe.local.postgres import start_postgres
from haihe.local.programs import Program, StartFailed
from haihe.local.redis import start_redis

# A socket's path may have 107 bytes on Linux and 103 on macOS, and ours adds up to 35 to the directory's.
_LONGEST_SOCKET_HOME = 60
_SOCKET_PREFIX = "haihe-"
# Seconds to wait for a directory that is in use: a run that was just told to stop may need a moment.
PATIENCE = 5.0


@dataclass(frozen=True)
class Servers:
    """Where the servers are, and those among them that we run ourselves."""

    database_url: str
    redis_url: str
    programs: tuple[Program, ...]


@contextmanager
def local_servers(
    data_dir: Path,
    *,
    database_url: str | None = None,
    redis_url: str | None = None,
    durable: bool = True,
) -> Iterator[Servers]:
    """Run PostgreSQL and Redis on `data_dir` while the block lasts. A server whose URL is given is not started.

    Without `durable`, a power cut may ruin the database: right for tests, which throw it away.
    The thread that enters must live as long as the block, because Linux ties the servers' lives to it.
    """
    data_dir = data_dir.resolve()
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with ExitStack() as stack:
        stack.enter_context(only_owner(data_dir / "lock"))
        sockets = stack.enter_context(_socket_directory(data_dir))
        programs = []
        # Redis holds a copy of one database. Beside another database it begins another copy.
        copy_of = hashlib.sha256(database_url.encode()).hexdigest()[:8] if database_url else ""
        if database_url is None:
            postgres, database_url = start_postgres(data_dir, sockets, durable=durable)
            stack.callback(postgres.stop)
            programs.append(postgres)
        if redis_url is None:
            redis, redis_url = start_redis(data_dir, sockets, copy_of=copy_of)
            stack.callback(redis.stop)
            programs.append(redis)
        yield Servers(database_url, redis_url, tuple(programs))


@contextmanager
def only_owner(path: Path) -> Iterator[None]:
    """Hold the lock at `path`, and with it the directory it lies in. The system lets go of the lock with us, even if we are killed, so it is never stale."""
    with path.open("a+") as lock:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    lock.seek(0)
                    holder = lock.read().strip() or "未知"
                    raise StartFailed(
                        f"{path.parent} 正被另一个运行占用（进程 {holder}），请先停掉它。"
                    ) from None
                time.sleep(0.1)
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


@contextmanager
def _socket_directory(data_dir: Path) -> Iterator[Path]:
    """A short private path for the sockets; one left by a killed run is removed first."""
    record = data_dir / "sockets"
    with suppress(FileNotFoundError):
        left = Path(record.read_text().strip())
        if left.name.startswith(_SOCKET_PREFIX):
            shutil.rmtree(left, ignore_errors=True)
    usual = tempfile.gettempdir()
    short = usual if len(os.fsencode(usual)) < _LONGEST_SOCKET_HOME else "/tmp"  # noqa: S108 - mkdtemp is private
    sockets = Path(tempfile.mkdtemp(prefix=_SOCKET_PREFIX, dir=short))
    record.write_text(f"{sockets}\n")
    try:
        yield sockets
    finally:
        shutil.rmtree(sockets, ignore_errors=True)
        record.unlink(missing_ok=True)
