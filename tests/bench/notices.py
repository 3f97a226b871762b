"""Notices a second, the whole way (taken, signed, sent, put down), beside bare httpx POSTs to the same receiver."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx
from sqlalchemy import delete, func, select

from haihe.outside.webhooks import WebhookSender
from haihe.storage.db import db, transaction
from haihe.storage.notices import Delivery, DeliveryAttempt, MerchantEvent, WebhookEndpoint
from haihe.usecases.context import Context
from haihe.usecases.deliver_events import Deliverer
from tests.bench.table import Row
from tests.builders import Builders

MERCHANTS = 24
EVENTS = 4_000
AT_ONCE = 16
BODY = b'{"id": "evt_0", "type": "order.complete", "sequence": 1, "order": {}}'
# Answers and keeps nothing; a process of its own, so that it does not slow down what is measured more than it must.
RECEIVER = """
import asyncio
class Receiver(asyncio.Protocol):
    def connection_made(self, transport): self.transport, self.held = transport, b""
    def data_received(self, data):
        self.held += data
        head, gap, rest = self.held.partition(b"\\r\\n\\r\\n")
        if gap:
            length = next(int(l.split(b":")[1]) for l in head.split(b"\\r\\n") if l.lower().startswith(b"content-length"))
            if len(rest) >= length:
                self.held = rest[length:]
                self.transport.write(b"HTTP/1.1 204 No Content\\r\\n\\r\\n")
async def main():
    server = await asyncio.get_running_loop().create_server(Receiver, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


def measure(ctx: Context, a: Builders) -> Iterator[Row]:
    """Four thousand events of two dozen merchants."""
    with subprocess.Popen([sys.executable, "-c", RECEIVER], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = f"http://127.0.0.1:{int(process.stdout.readline())}/hook"
        try:
            bare = _bare(url)
            delivered = _delivered(ctx, a, url)
        finally:
            process.terminate()
    yield Row(
        "商户通知投递，件/秒", f"{delivered:,.0f}", f"裸 httpx POST {bare:,.0f}", f"{delivered / bare:.2f}"
    )


def _bare(url: str) -> float:
    with httpx.Client() as client, ThreadPoolExecutor(AT_ONCE) as pool:
        begin = time.perf_counter()
        answers = list(pool.map(lambda _n: client.post(url, content=BODY).status_code, range(EVENTS)))
        took = time.perf_counter() - begin
    if set(answers) != {204}:
        raise RuntimeError("the receiver did not take everything")
    return EVENTS / took


def _delivered(ctx: Context, a: Builders, url: str) -> float:
    sender = WebhookSender(local_allowed=True)
    at = ctx.now()
    merchants = [a.merchant().merchant_id for _ in range(MERCHANTS)]
    with transaction():
        for n, merchant_id in enumerate(merchants):
            endpoint = WebhookEndpoint(merchant_id=merchant_id, url=url, created_at=at, changed_at=at)
            db.session.add(endpoint)
            db.session.flush()
            for number in range(n, EVENTS, MERCHANTS):
                event = MerchantEvent(
                    event_id=f"evt_bench{number}",
                    merchant_id=merchant_id,
                    sequence=1,
                    type="order.complete",
                    body={"out_order_no": f"B-{number}", "state": "COMPLETED"},
                    created_at=at,
                )
                db.session.add(event)
                db.session.flush()
                db.session.add(
                    Delivery(
                        event_no=event.id,
                        endpoint_id=endpoint.id,
                        merchant_id=merchant_id,
                        created_at=at,
                        due_at=at,
                    )
                )
    deliverer = Deliverer(replace(ctx, messenger=sender))
    begin = time.perf_counter()
    while deliverer.turn() or deliverer.busy:
        if deliverer.busy:
            deliverer.rest(1)
    deliverer.finish()
    took = time.perf_counter() - begin
    sender.close()
    done = select(func.count()).select_from(Delivery).where(Delivery.state == "DELIVERED")
    if db.session.execute(done).scalar_one() != EVENTS:
        raise RuntimeError("not every notice was delivered")
    with transaction():
        for table in (DeliveryAttempt, Delivery, MerchantEvent, WebhookEndpoint):
            db.session.execute(delete(table))
    return EVENTS / took
