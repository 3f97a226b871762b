"""The token endpoint under gunicorn, for both ways of authenticating, beside an empty Flask route and the bare cryptography."""

from __future__ import annotations

import base64
import http.client
import json
import os
import secrets
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from urllib.parse import urlencode

from argon2 import PasswordHasher
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc import jwt
from joserfc.jwk import ECKey

from haihe.usecases.client_registrations import Owner, Registration, register_client
from haihe.usecases.context import Context
from tests.bench.checkout import _free_port, _port
from tests.bench.load import CONNECTIONS, HOST, served
from tests.bench.table import Row
from tests.builders import Builders

PATH = "/oauth/token"
FORM = "application/x-www-form-urlencoded"
REQUESTS = 1600
ROUNDS = 3
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def measure(ctx: Context, a: Builders) -> Iterator[Row]:
    """Tokens a second: every request from the same eight connections, every assertion a new one, signed beforehand."""
    merchant, key = a.merchant("XYZ-07"), ECKey.generate_key("P-256", {"kid": "bench"})
    keys = {"keys": [key.as_dict(private=False)]}
    registration = Registration("private_key_jwt", ("check",), keys)
    by_key = register_client(ctx, Owner(merchant.merchant_id), registration, ctx.now(), "bench").client_id
    basic = base64.b64encode(f"{merchant.client_id}:{merchant.client_secret}".encode()).decode()
    ours, empty = _free_port(), _free_port()
    environment = dict(os.environ) | {"HAIHE_BASE_URL": f"http://{HOST}:{ours}"}
    with ExitStack() as stack:
        gunicorn = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py"]
        stack.enter_context(served([*gunicorn, "wsgi:app"], ours, "/healthz", environment | _port(ours)))
        stack.enter_context(
            served([*gunicorn, "tests.bench.empty:app"], empty, "/", environment | _port(empty))
        )
        secret = [
            (f"grant_type=client_credentials&n={n}", {"Authorization": f"Basic {basic}"})
            for n in range(REQUESTS)
        ]
        taken: dict[str, list[float]] = {"empty": [], "secret": [], "key": []}
        for _ in range(ROUNDS):
            signed = [(_form(key, by_key, f"http://{HOST}:{ours}"), {}) for _ in range(REQUESTS)]
            taken["empty"].append(_a_second(empty, "/", secret))
            taken["secret"].append(_a_second(ours, PATH, secret))
            taken["key"].append(_a_second(ours, PATH, signed))
    idle = statistics.median(taken["empty"])
    for name, what in (("secret", "client_secret_basic"), ("key", "private_key_jwt（ES256）")):
        mine = statistics.median(taken[name])
        yield Row(f"换令牌，{what}，次/秒", f"{mine:,.0f}", f"空路由 {idle:,.0f}", f"{mine / idle:.2f}")
    yield Row(
        "单核验一次 ECDSA P-256 签名",
        f"{_verify_ms():.2f} ms",
        f"Argon2id {_argon2_ms():.0f} ms",
        "256 位随机密钥不需要慢散列",
    )


def _form(key: ECKey, client_id: str, issuer: str) -> str:
    now = int(time.time())
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": issuer,
        "iat": now,
        "exp": now + 300,
        "jti": secrets.token_hex(16),
    }
    assertion = jwt.encode({"alg": "ES256", "kid": "bench"}, claims, key)
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": assertion,
    }
    return urlencode(form)


def _a_second(port: int, path: str, requests: list[tuple[str, dict[str, str]]]) -> float:
    def call(mine: list[tuple[str, dict[str, str]]]) -> None:
        line = http.client.HTTPConnection(HOST, port, timeout=10)
        for body, headers in mine:
            line.request("POST", path, body, {"Content-Type": FORM, **headers})
            answer = line.getresponse()
            said = answer.read()
            if answer.status != 200:
                raise RuntimeError(f"status {answer.status}: {json.loads(said)}")
        done.append(len(mine))

    done: list[int] = []
    threads = [threading.Thread(target=call, args=(requests[n::CONNECTIONS],)) for n in range(CONNECTIONS)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if sum(done) != len(requests):
        raise RuntimeError(f"only {sum(done)} of {len(requests)} requests were answered")
    return len(requests) / (time.perf_counter() - begun)


def _verify_ms() -> float:
    private = ec.generate_private_key(ec.SECP256R1())
    signature, public = private.sign(b"message", ec.ECDSA(SHA256())), private.public_key()
    return _ms(lambda: public.verify(signature, b"message", ec.ECDSA(SHA256())), 300)


def _argon2_ms() -> float:
    hasher = PasswordHasher()
    kept = hasher.hash("secret")
    return _ms(lambda: hasher.verify(kept, "secret"), 10)


def _ms(deed: Callable[[], object], times: int) -> float:
    begun = time.perf_counter()
    for _ in range(times):
        deed()
    return (time.perf_counter() - begun) / times * 1000
