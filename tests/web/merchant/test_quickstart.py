"""What docs/merchant-quickstart.md promises: the example works as it is printed, against a real server."""

from __future__ import annotations

import importlib.util
import json
import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from flask import Flask
from werkzeug.serving import make_server

from haihe.usecases.client_registrations import Owner, Registration, register_client
from haihe.usecases.context import Context
from haihe.usecases.sandbox import open_sandbox
from tests.builders import Builders
from tests.conftest import Clock

ROOT = Path(__file__).parents[3]
SCOPES = ("check", "order", "statement", "webhook")


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """The example as a module, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    spec = importlib.util.spec_from_file_location("first_yes", ROOT / "docs" / "examples" / "first_yes.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    """The application behind a real socket."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def register(ctx: Context, a: Builders, jwk: dict[str, Any]) -> str:
    """What the desk's sandbox page does with a public key that was pasted."""
    sandbox = open_sandbox(ctx, a.merchant("XYZ-15").merchant_id, ctx.now(), "test")
    registration = Registration("private_key_jwt", SCOPES, jwks={"keys": [jwk]}, sandbox=True)
    return register_client(ctx, Owner(sandbox), registration, ctx.now(), "test").client_id


# Authlib announces a successor to httpx; the client is the same.
@pytest.mark.filterwarnings("ignore:The httpx module is deprecated")
def test_the_example_goes_from_a_key_to_a_reconciled_order(
    example: ModuleType,
    address: str,
    ctx: Context,
    a: Builders,
    clock: Clock,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The standard client reads the real clock.
    clock.now = datetime.now(UTC)
    monkeypatch.setitem(ctx.__dict__, "base_url", address)
    example.make_key()
    public = json.loads(capsys.readouterr().out)
    assert "d" not in public
    client = example.connect(register(ctx, a, public), address)
    told = {
        resident: example.ask(client, example.show(client, resident))["context"]["code"]
        for resident in ("not-available", "expired", "over-quota")
    }
    assert told == {
        "not-available": "NOT_AVAILABLE",
        "expired": "CODE_EXPIRED",
        "over-quota": "QUOTA_USED_UP",
    }
    lines = example.use(client, "A-1")
    assert [(line["what"], line["change_fen"]) for line in lines] == [("opened", 0), ("completed", 200)]
    printed = capsys.readouterr().out
    assert "同一订单号再发一次，结果相同： True" in printed


def test_the_guide_names_only_what_there_is(app: Flask) -> None:
    guide = (ROOT / "docs" / "merchant-quickstart.md").read_text("utf-8")
    source = "".join(f.read_text("utf-8") for f in (ROOT / "haihe").rglob("*.py"))
    for code in re.findall(r"`([A-Z]+(?:_[A-Z]+)+)`", guide):
        assert f'"{code}"' in source or f"{code} =" in source, code
    rules = {re.sub(r"<[^>]+>", "X", r.rule) for r in app.url_map.iter_rules()}
    for path in re.findall(r"\$B(/[\w/-]+)", guide):
        assert re.sub(r"A-1001|/1(?=/)", lambda m: "/X" if m[0] == "/1" else "X", path) in rules, path
