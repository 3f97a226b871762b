"""Everything a bare machine needs: embedded PostgreSQL and Redis, and the supervisor behind `make run`.

Production never imports this package; it points HAIHE_DATABASE_URL and HAIHE_REDIS_URL at servers of its own.
"""

from haihe.local.programs import StartFailed
from haihe.local.servers import Servers, local_servers

__all__ = ["Servers", "StartFailed", "local_servers"]
