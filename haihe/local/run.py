"""`make run`: the servers, the migrations, the demo city, the worker and gunicorn, and an orderly end."""

import errno
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from haihe.local.keys import kept_secrets, shown_environment
from haihe.local.programs import Program, StartFailed
from haihe.local.servers import local_servers, only_owner

_PROJECT = Path(__file__).resolve().parents[2]
_FLASK = (sys.executable, "-m", "flask", "--app", "wsgi")
_LONGEST_PAUSE = 30.0


def run() -> NoReturn:
    """Serve until a signal ends the process or the web server cannot go on."""
    began = time.monotonic()
    var = _PROJECT / "var"
    var.mkdir(mode=0o700, exist_ok=True)
    host, port = _address()
    here = _seen_from_here(host, port)
    with ExitStack() as stack:
        # Two first runs at once must not both make keys.
        stack.enter_context(only_owner(var / "run.lock"))
        secrets = kept_secrets(var / "secrets.env", database=var / "postgres")
        _say("启动数据库与缓存……")
        servers = stack.enter_context(
            local_servers(
                var,
                database_url=os.environ.get("HAIHE_DATABASE_URL") or None,
                redis_url=os.environ.get("HAIHE_REDIS_URL") or None,
            )
        )
        env = {
            **secrets,
            "HAIHE_BASE_URL": here,
            "HAIHE_WEBHOOKS_LOCAL": "1",
            **os.environ,
            "HAIHE_DEMO": "1",
            "HAIHE_DATABASE_URL": servers.database_url,
            "HAIHE_REDIS_URL": servers.redis_url,
            "PYTHONUNBUFFERED": "1",
        }
        stack.enter_context(shown_environment(var / "env", env))
        worker = _program("判定日志工作进程", (*_FLASK, "worker"), var / "worker.pid", env)
        notices = _program("商户通知工作进程", (*_FLASK, "webhooks", "deliver"), var / "webhooks.pid", env)
        city = _program("全市任务工作进程", (*_FLASK, "city", "worker"), var / "city-worker.pid", env)
        web = _program(
            "网页服务",
            (sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"),
            var / "gunicorn.pid",
            env,
        )
        for program in (web, worker, notices, city):
            program.end_orphan()
        _require_free(host, port)

        _say("更新数据库结构……")
        _step(("db", "upgrade"), env)
        _say("准备演示城市（第一次约需一分钟）……")
        _step(("demo", "create"), env)

        _say("启动服务……")
        for program in (worker, notices, city, web):
            program.start()
            stack.callback(program.stop)
        web.wait_until(lambda: _answers(f"{here}/healthz"), seconds=60)
        _welcome(here, seconds=time.monotonic() - began)
        stack.callback(_say, "正在停止……")
        _keep_running(web, [worker, notices, city, *servers.programs])


def _program(name: str, command: Sequence[str], note: Path, env: Mapping[str, str]) -> Program:
    return Program(name, command, note=note, env=env, cwd=_PROJECT)


def _address() -> tuple[str, int]:
    said = os.environ.get("HAIHE_PORT") or "8000"
    if not (said.isascii() and said.isdigit() and 0 < int(said) < 65536):
        raise StartFailed(f"HAIHE_PORT 应是 1 到 65535 的整数，现在是“{said}”。")
    return os.environ.get("HAIHE_BIND") or "127.0.0.1", int(said)


def _seen_from_here(host: str, port: int) -> str:
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared with, not bound to
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _require_free(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        # As gunicorn does: connections of an earlier run that are still fading away do not count as busy.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            reason = "正被别的程序使用" if error.errno == errno.EADDRINUSE else f"用不了：{error.strerror}"
            raise StartFailed(
                f"{host} 的 {port} 端口{reason}。\n"
                f"请停掉那个程序，或换一个端口：HAIHE_PORT={port + 1 if port < 65535 else 8000} make run"
            ) from error


def _step(command: Sequence[str], env: Mapping[str, str]) -> None:
    done = subprocess.run([*_FLASK, *command], env=env, cwd=_PROJECT)
    if done.returncode != 0:
        raise StartFailed(f"“flask {' '.join(command)}”没有成功，原因见上。")


def _answers(url: str) -> bool:
    # A proxy set for the outside world must not be asked about this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@dataclass
class _Watched:
    program: Program
    pause: float = 1.0
    started: float = 0.0
    due: float | None = None


def _keep_running(web: Program, others: Sequence[Program]) -> NoReturn:
    """Start again what ends unasked, waiting longer each time. Without the web server there is no use going on."""
    watched = [_Watched(program, started=time.monotonic()) for program in others]
    while True:
        time.sleep(0.2)
        if web.ended:
            raise StartFailed(f"{web.name}意外结束，其余程序随之停止。")
        for one in watched:
            now = time.monotonic()
            if one.due is None and one.program.ended:
                if now - one.started > 2 * _LONGEST_PAUSE:
                    one.pause = 1.0
                _say(f"{one.program.name}意外结束，{one.pause:.0f} 秒后重新启动。")
                one.due, one.pause = now + one.pause, min(2 * one.pause, _LONGEST_PAUSE)
            elif one.due is not None and now >= one.due:
                one.program.start()
                one.due, one.started = None, now


def _welcome(here: str, *, seconds: float) -> None:
    pages = {
        "首页": "/",
        "居民": "/m",
        "商户": "/merchant",
        "管理台": "/console",
        "接口文档": "/docs",
        "运行状况": "/healthz",
    }
    open_now = [f"    {here}{path}  {name}" for name, path in pages.items() if _answers(here + path)]
    known = "    var/demo.json  演示账号：商户凭据、示例居民、管理员"
    _say("\n".join([f"就绪，用时 {seconds:.1f} 秒。", "", *open_now, known, "", "按 Ctrl-C 停止。"]))


def _say(text: str) -> None:
    print(f"海河分 · {text}", flush=True)
