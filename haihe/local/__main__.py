"""`python -m haihe.local run` and `python -m haihe.local servers -- COMMAND…`."""

import argparse
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType
from typing import NoReturn

from haihe.local.keys import fresh_secrets
from haihe.local.programs import Program, StartFailed, die_with_parent
from haihe.local.run import run
from haihe.local.servers import local_servers


class _Stopped(BaseException):
    """Somebody asked us to stop. It passes through every `with` block, each of which clears up after itself."""

    def __init__(self, sig: int) -> None:
        self.sig = sig


def main() -> int:
    arguments = _arguments()
    if arguments.with_parent:
        # A killed `make` cannot tell us to stop, so the system does.
        die_with_parent(signal.SIGTERM)
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if (
            sig is not signal.SIGHUP or signal.getsignal(sig) is not signal.SIG_IGN
        ):  # nohup means what it says
            signal.signal(sig, _stop)
    try:
        if arguments.command == "run":
            run()
        return _with_servers(arguments.words, durable=arguments.durable)
    except StartFailed as failure:
        print(f"海河分 · {failure}", file=sys.stderr, flush=True)
        return 1
    except _Stopped as stopped:
        return 0 if arguments.command == "run" else 128 + stopped.sig


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m haihe.local", description="在裸机上运行海河分。")
    parser.add_argument("--with-parent", action="store_true", help="启动它的进程结束时一并结束")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="启动整个系统，数据在 var/")
    servers = commands.add_parser("servers", help="在全新的临时数据库与缓存上运行一条命令")
    servers.add_argument("--durable", action="store_true", help="像生产一样落盘；测量速度时使用")
    servers.add_argument("words", nargs="+", metavar="COMMAND", help="要运行的命令，写在 -- 之后")
    return parser.parse_args()


def _stop(sig: int, frame: FrameType | None) -> NoReturn:
    # Once is enough. A second signal must not interrupt the clearing up that the first one began.
    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, signal.SIG_IGN)
    raise _Stopped(sig)


def _with_servers(command: list[str], *, durable: bool) -> int:
    home = Path(tempfile.mkdtemp(prefix="haihe-data-"))
    try:
        with local_servers(home, durable=durable) as servers:
            urls = {"HAIHE_DATABASE_URL": servers.database_url, "HAIHE_REDIS_URL": servers.redis_url}
            program = Program(
                "命令",
                command,
                note=home / "command.pid",
                env={**os.environ, **fresh_secrets(), **urls},
                own_session=False,
            )
            try:
                program.start()
                assert program.process is not None
                code = program.process.wait()
            except FileNotFoundError as error:
                raise StartFailed(f"没有这条命令：{error.filename}") from error
            except _Stopped as stopped:
                if stopped.sig == signal.SIGINT and program.process is not None:
                    # The terminal has told the command too; leave it the time to end in its own way.
                    program.ends_within(10)
                raise
            finally:
                program.stop()
            return code if code >= 0 else 128 - code
    finally:
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
