"""PostgreSQL refuses to run as root. Where we are root, this finds it somebody else to be."""

import ctypes
import os
import pwd
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from haihe.local.programs import LIBC, StartFailed

_CLONE_NEWUSER = 0x10000000
_NOBODY = 65534
_STAND_IN = "haihe-postgres"


@dataclass(frozen=True)
class Identity:
    """Who a server runs as: what its process does before it begins, and which user its files belong to."""

    become: Callable[[], None] | None
    owner: int
    group: int

    def give(self, tree: Path) -> None:
        """Hand over a directory and what is in it; a later run may have to take another identity."""
        if os.geteuid() != 0 or tree.stat().st_uid == self.owner:
            return
        for path in (tree, *tree.rglob("*")):
            os.chown(path, self.owner, self.group, follow_symlinks=False)

    def let_through(self, directory: Path) -> None:
        """Let the stand-in user pass through a directory of ours without being able to list it."""
        if self.owner != os.geteuid():
            directory.chmod(0o711)


def unprivileged(binary: str) -> Identity:
    """The identity under which `binary` agrees to run here."""
    if os.geteuid() != 0:
        return Identity(None, os.geteuid(), os.getegid())
    # In a user namespace of its own the server sees itself as nobody, while the files stay ours: no account
    # is made, and it works in a directory that only root may enter.
    namespace = Identity(_enter_namespace, 0, 0)
    if _runs(binary, namespace):
        return namespace
    # Containers often forbid namespaces. There a system account has to do.
    stand_in = _stand_in()
    if _runs(binary, stand_in):
        return stand_in
    raise StartFailed(
        f"以 root 运行时，PostgreSQL 要换成系统用户 {_STAND_IN}，而它进不了 {Path(binary).parent}。\n"
        "请把项目放到其他用户也能进入的目录，或改用普通用户运行。"
    )


def _runs(binary: str, identity: Identity) -> bool:
    try:
        # The question is whether this identity can be taken here at all, and whether it can reach the binary.
        done = subprocess.run([binary, "--version"], capture_output=True, preexec_fn=identity.become)
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def _enter_namespace() -> None:
    if sys.platform != "linux":
        raise OSError("user namespaces exist on Linux only")
    user, group = os.geteuid(), os.getegid()
    if LIBC.unshare(_CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{_NOBODY} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{_NOBODY} {group} 1")


def _stand_in() -> Identity:
    try:
        account = pwd.getpwnam(_STAND_IN)
    except KeyError:
        create = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", _STAND_IN]
        try:
            subprocess.run(create, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise StartFailed(
                f"以 root 运行时，PostgreSQL 需要系统用户 {_STAND_IN}，但没能建立它（{error}）。\n"
                "请改用普通用户运行，或用 HAIHE_DATABASE_URL 指向已有的 PostgreSQL。"
            ) from error
        account = pwd.getpwnam(_STAND_IN)

    def become() -> None:
        os.setgroups([])
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)

    return Identity(become, account.pw_uid, account.pw_gid)
