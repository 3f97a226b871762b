"""The embedded servers leave nothing behind, survive a killed owner, and are nobody else's business."""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from haihe.local import Servers, StartFailed, local_servers
from haihe.local.keys import fresh_secrets, kept_secrets, shown_environment
from haihe.local.programs import Program

OWNER = textwrap.dedent("""
    import sys, time
    from pathlib import Path
    from haihe.local import local_servers, programs

    if "orphans" in sys.argv:
        programs.die_with_parent = lambda sig: None
    with local_servers(Path(sys.argv[1]), durable=False) as servers:
        print(*(program.process.pid for program in servers.programs), servers.redis_url, flush=True)
        time.sleep(60)
""")


@dataclass
class Owner:
    process: subprocess.Popen[str]
    servers: list[int]
    sockets: Path

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def another_owner(data_dir: Path, *options: str) -> Iterator[Owner]:
    """A process of its own that keeps the servers running on `data_dir`."""
    command = [sys.executable, "-c", OWNER, str(data_dir), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            *pids, redis_url = process.stdout.readline().split()
            owner = Owner(process, [int(pid) for pid in pids], socket_directory(redis_url))
            yield owner
            shutil.rmtree(owner.sockets, ignore_errors=True)
        finally:
            process.kill()


def socket_directory(redis_url: str) -> Path:
    return Path(redis_url.removeprefix("unix://").partition("?")[0]).parent.parent


def postgres(servers: Servers) -> psycopg.Connection:
    return psycopg.connect(servers.database_url.replace("+psycopg", ""), autocommit=True)


def runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_until_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + 10
    while running := [pid for pid in pids if runs(pid)]:
        assert time.monotonic() < deadline, f"still running: {running}"
        time.sleep(0.02)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_both_servers_answer_and_nothing_is_left_when_the_block_ends(tmp_path: Path) -> None:
    with local_servers(tmp_path / "data", durable=False) as servers:
        pids = [program.process.pid for program in servers.programs if program.process]
        assert len(pids) == 2
        with postgres(servers) as connection:
            row = connection.execute(
                "SELECT current_database(), current_setting('server_encoding'), current_setting('TimeZone'),"
                " current_setting('server_version_num')::int / 10000"
            ).fetchone()
        assert row == ("haihe", "UTF8", "UTC", 18)
        with redis.from_url(servers.redis_url, decode_responses=True) as client:
            assert client.config_get("append*")["appendfsync"] == "everysec"
            assert client.config_get("appendonly") == {"appendonly": "yes"}
    wait_until_gone(pids)
    assert not socket_directory(servers.redis_url).exists()
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == [
        "lock",
        "postgres",
        "postgres.log",
        "redis",
        "redis.log",
    ]


def test_what_was_stored_is_there_the_next_time(tmp_path: Path) -> None:
    with local_servers(tmp_path) as servers:
        with postgres(servers) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS n")
        with redis.from_url(servers.redis_url) as client:
            client.set("kept", "1")
    with local_servers(tmp_path) as servers:
        with postgres(servers) as connection:
            assert connection.execute("SELECT n FROM kept").fetchone() == (1,)
        with redis.from_url(servers.redis_url) as client:
            assert client.get("kept") == b"1"


def test_nobody_else_on_the_machine_or_the_network_can_reach_them(tmp_path: Path) -> None:
    with local_servers(tmp_path / "data", durable=False) as servers:
        sockets = socket_directory(servers.redis_url)
        for directory in (
            sockets / "pg",
            sockets / "redis",
            tmp_path / "data/postgres",
            tmp_path / "data/redis",
        ):
            assert mode(directory) == 0o700, directory
        for log in ("postgres.log", "redis.log"):
            assert mode(tmp_path / "data" / log) == 0o600, log
        for program in servers.programs:
            assert program.process is not None
            assert psutil.Process(program.process.pid).net_connections("inet") == []


def test_the_servers_end_by_themselves_when_their_owner_is_killed(tmp_path: Path) -> None:
    with another_owner(tmp_path) as owner:
        owner.kill()
        wait_until_gone(owner.servers)


def test_servers_left_behind_by_a_killed_owner_give_way_to_the_next(tmp_path: Path) -> None:
    with another_owner(tmp_path, "orphans") as owner:
        owner.kill()
        assert all(runs(pid) for pid in owner.servers)
        with local_servers(tmp_path, durable=False) as servers:
            assert not any(runs(pid) for pid in owner.servers)
            assert not owner.sockets.exists()
            with postgres(servers) as connection:
                assert connection.execute("SELECT 1").fetchone() == (1,)


def test_servers_killed_outright_are_recovered(tmp_path: Path) -> None:
    with local_servers(tmp_path) as servers:
        with postgres(servers) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS n")
        for program in servers.programs:
            assert program.process is not None
            program.process.kill()
    with local_servers(tmp_path) as servers, postgres(servers) as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (1,)


def test_a_directory_in_use_is_refused_and_its_user_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("haihe.local.servers.PATIENCE", 0.1)
    with another_owner(tmp_path) as owner:
        with pytest.raises(StartFailed, match=f"进程 {owner.process.pid}"), local_servers(tmp_path):
            pass
        assert all(runs(pid) for pid in owner.servers)


def test_a_process_that_only_has_the_same_number_is_left_alone(tmp_path: Path) -> None:
    note = tmp_path / "server.pid"
    note.write_text(f"{os.getpid()} {time.time() - 86400}\n")
    Program("陌生进程", ["true"], note=note, stop_signal=signal.SIGKILL).end_orphan()
    assert not note.exists()


def test_a_command_runs_on_fresh_servers_and_its_exit_code_comes_back() -> None:
    script = (
        "import os, sys, psycopg; from pathlib import Path;"
        "url = os.environ['HAIHE_DATABASE_URL'].replace('+psycopg', '');"
        "psycopg.connect(url).close(); print(os.environ['HAIHE_REDIS_URL']); sys.exit(7)"
    )
    done = subprocess.run(
        [sys.executable, "-m", "haihe.local", "servers", "--", sys.executable, "-c", script],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 7, done.stderr
    assert not socket_directory(done.stdout.strip()).exists()


def test_a_terminated_command_takes_its_servers_with_it() -> None:
    script = "import os, time; print(os.environ['HAIHE_REDIS_URL'], flush=True); time.sleep(60)"
    command = [sys.executable, "-m", "haihe.local", "servers", "--", sys.executable, "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        sockets = socket_directory(process.stdout.readline().strip())
        family = [child.pid for child in psutil.Process(process.pid).children(recursive=True)]
        process.terminate()
        assert process.wait(20) == 128 + signal.SIGTERM
    wait_until_gone(family)
    assert not sockets.exists()


def test_keys_are_made_once_and_only_their_owner_can_read_them(tmp_path: Path) -> None:
    path = tmp_path / "secrets.env"
    made = kept_secrets(path, database=tmp_path / "postgres")
    assert made.keys() == fresh_secrets().keys()
    assert mode(path) == 0o600
    assert kept_secrets(path, database=tmp_path / "postgres") == made


def test_lost_keys_are_not_replaced_under_a_database_encrypted_with_them(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    with pytest.raises(StartFailed, match="HAIHE_DATA_KEYS"):
        kept_secrets(tmp_path / "secrets.env", database=tmp_path / "postgres")


def test_another_database_gets_another_copy_in_redis(tmp_path: Path) -> None:
    with local_servers(tmp_path, database_url="postgresql+psycopg://elsewhere/one") as servers:
        assert servers.database_url == "postgresql+psycopg://elsewhere/one"
        with redis.from_url(servers.redis_url) as client:
            client.set("copy", "of one")
    with (
        local_servers(tmp_path, database_url="postgresql+psycopg://elsewhere/two") as servers,
        redis.from_url(servers.redis_url) as client,
    ):
        assert client.get("copy") is None


def test_the_environment_is_shown_to_its_owner_while_we_run(tmp_path: Path) -> None:
    file = tmp_path / "env"
    keys = {"HAIHE_DATA_KEYS": '{"k1": "a=\'b\'"}', "HAIHE_DATABASE_URL": "postgresql+psycopg:///x?host=/a b"}
    with shown_environment(file, {**keys, "PATH": "/bin"}):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert "PATH" not in file.read_text()
        show = f"set -a; . {file}; set +a; exec {sys.executable} -c 'import os, json; print(json.dumps(dict(os.environ)))'"
        told = json.loads(subprocess.check_output(["sh", "-c", show], env={}, text=True))
        assert {name: told.get(name) for name in keys} == keys
    assert list(tmp_path.iterdir()) == []
