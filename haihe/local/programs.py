"""A program we start, watch and stop, in such a way that it never outlives us."""

import contextlib
import ctypes
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1


class StartFailed(Exception):
    """A program did not come up; the message is meant for the person who started it."""


def die_with_parent(sig: signal.Signals) -> None:
    """Ask Linux to send this process `sig` when its parent ends, however the parent ends."""
    if sys.platform == "linux":
        LIBC.prctl(_PR_SET_PDEATHSIG, int(sig))


class Program:
    """One child process, together with the note on disk by which a later run recognises it as ours."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        note: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        log: Path | None = None,
        prepare: Callable[[], None] | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        patience: float = 20,
        own_session: bool = True,
    ) -> None:
        self.name = name
        self.command = list(command)
        self.note = note
        self.env = env
        self.cwd = cwd
        self.log = log
        self.prepare = prepare
        self.stop_signal = stop_signal
        self.patience = patience
        # A Ctrl-C reaches everything in the terminal's group at once. Programs that must stop in order stay
        # out of that group and are told by us.
        self.own_session = own_session
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.end_orphan()
        if self.log:
            self.log.touch(mode=0o600)  # a failed statement is logged with the data in it
        with contextlib.ExitStack() as files:
            output = files.enter_context(self.log.open("ab")) if self.log else None
            self.process = subprocess.Popen(
                self.command,
                env=self.env,
                cwd=self.cwd,
                stdin=subprocess.DEVNULL if self.own_session else None,
                stdout=output,
                stderr=output,
                start_new_session=self.own_session,
                preexec_fn=self._before_exec,
            )
        born = psutil.Process(self.process.pid).create_time()
        self.note.write_text(f"{self.process.pid} {born}\n")

    def _before_exec(self) -> None:
        if self.prepare:
            self.prepare()
        # This comes last because a change of identity would clear it.
        die_with_parent(self.stop_signal)

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not ready():
            if self.ended:
                raise StartFailed(f"{self.name}没有启动成功。{self._last_words()}")
            if time.monotonic() > deadline:
                raise StartFailed(f"{self.name}在 {seconds:.0f} 秒内没有就绪。{self._last_words()}")
            time.sleep(0.02)

    def _last_words(self) -> str:
        if self.log is None or not self.log.exists():
            return ""
        tail = self.log.read_text(errors="replace").splitlines()[-8:]
        return f"日志 {self.log} 的末尾：\n" + "\n".join(f"    {line}" for line in tail)

    @property
    def ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def ends_within(self, seconds: float) -> bool:
        assert self.process is not None
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def stop(self) -> None:
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(self.stop_signal)
            if not self.ends_within(self.patience):
                self.process.kill()
                self.process.wait()
        self.note.unlink(missing_ok=True)

    def end_orphan(self) -> None:
        """Stop what a killed run left behind."""
        with contextlib.suppress(psutil.NoSuchProcess):
            orphan = self._orphan()
            if orphan is not None:
                orphan.send_signal(self.stop_signal)
                if not _ends_within(orphan, self.patience):
                    orphan.kill()
                    _ends_within(orphan, 5)
        self.note.unlink(missing_ok=True)

    def _orphan(self) -> psutil.Process | None:
        try:
            pid, born = self.note.read_text().split()
        except (FileNotFoundError, ValueError):
            return None
        process = psutil.Process(int(pid))
        # The time of birth tells our process from a stranger that was given the same number later.
        return process if abs(process.create_time() - float(born)) < 1 else None


def _ends_within(process: psutil.Process, seconds: float) -> bool:
    """Whether a process that is not our child ends in time. In a container nobody may ever collect it, so one
    that has ended and only waits to be collected counts as gone."""
    deadline = time.monotonic() + seconds
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
