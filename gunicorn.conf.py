"""How gunicorn serves 海河分, under `make run` and in the container alike."""

import os
import sys
from pathlib import Path
from typing import Any

from haihe.config import ConfigurationError, read_settings

host = os.environ.get("HAIHE_BIND") or "127.0.0.1"
port = os.environ.get("HAIHE_PORT") or "8000"
bind = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

# Threads, because a question at the counter waits for Redis far longer than it computes.
# It is gunicorn's gthread, except that what it refuses by itself is told in our own words.
worker_class = "haihe.serving.ProblemWorker"
workers = int(os.environ.get("WEB_CONCURRENCY") or "2")
threads = int(os.environ.get("HAIHE_THREADS") or "4")

# Longer than the pause between two customers at a busy counter, so that a till keeps its connection.
keepalive = 15
# A request that takes longer is lost already; a merchant's own time limit is a few seconds.
timeout = 30
graceful_timeout = 15

# Workers prove that they live by touching a file, which on a slow disk would stall them.
if Path("/dev/shm").is_dir():  # noqa: S108 - only asked whether it is there
    worker_tmp_dir = "/dev/shm"  # noqa: S108 - gunicorn makes a private, unnamed file in it

# No access log: an address together with a path says who asked for what, when. Questions about a person are
# on the record in the database, where the person can see them.
accesslog = None
errorlog = "-"
loglevel = "warning"

# Believe X-Forwarded-* only from the proxies named here. By default nobody is believed, so that no caller can
# pass for another address and slip through the rate limits.
forwarded_allow_ips = os.environ.get("HAIHE_TRUSTED_PROXIES", "")
forwarder_headers = ""
header_map = "drop"

# Larger than any honest request line or header of ours.
limit_request_line = 4094
limit_request_fields = 60
limit_request_field_size = 8190

# Nobody steers a running server through a socket in a home directory; signals do.
control_socket_disable = True


def on_starting(_server: Any) -> None:
    """A missing setting ends the start here, once: workers that find it out would be started again for ever."""
    try:
        read_settings()
    except ConfigurationError as error:
        print(f"海河分 · 配置有误：{error}", file=sys.stderr)
        sys.exit(2)
