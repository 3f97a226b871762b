"""A process of its own that opens an order, says so when all of it is written but nothing committed, and stays there
until somebody kills it: `python -m tests.usecases.dying_while_opening CLIENT OUT_ORDER_NO DECISION TIME`."""

from __future__ import annotations

import sys
import time
from datetime import datetime
from typing import Any

from haihe.app import create_app
from haihe.usecases import open_order as opening
from haihe.web.context import EXTENSION

READY = "written"


def stay(*_: Any) -> None:
    """The last step of the transaction: it never ends."""
    print(READY, flush=True)
    time.sleep(600)


def main() -> None:
    client_id, out_order_no, decision_id, moment = sys.argv[1:]
    at = datetime.fromisoformat(moment)
    app = create_app(now=lambda: at)
    ctx = app.extensions[EXTENSION]
    opening.rescore = stay  # type: ignore[assignment]
    with app.app_context():
        partner = ctx.rules.up_to_date().partner(client_id)
        opening.open_order(ctx, partner, out_order_no, opening.Wish(decision_id), at)


if __name__ == "__main__":
    main()
