"""Real pages in a real browser: Debian's Chromium on our own server. Where there is none these tests are skipped, and say so.

Screenshots are kept in var/pages/, for whoever wants to look at what was tested.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright
from werkzeug.serving import WSGIRequestHandler, make_server

from haihe.outside.identity import SimulatedIdentity
from haihe.outside.wechat import SimulatedWeChat
from haihe.storage.residents import Account
from haihe.storage.tables import db
from haihe.usecases.context import Context

CHROMIUM = Path("/usr/bin/chromium")
AXE = (Path(__file__).parent / "vendor" / "axe-4.14.1.min.js").read_text("utf-8")
PICTURES = Path(__file__).parents[2] / "var" / "pages"
PHONE = {"width": 390, "height": 844}
PATIENCE_MS = 10_000
# A page is looked at with patience: what a click leads to may still be on its way.
expect.set_options(timeout=PATIENCE_MS)
CHECK = "async () => (await axe.run(document, {resultTypes: ['violations']})).violations"


class Quiet(WSGIRequestHandler):
    """The server's own log is of no use in a test."""

    def log(self, *_args: Any, **_more: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests, with a camera that shows a test picture."""
    if not CHROMIUM.exists():
        pytest.skip("没有 Chromium（/usr/bin/chromium）")
    camera = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--force-color-profile=srgb", *camera]
        )
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def served_site(served_app: Flask) -> Iterator[str]:
    """The application behind a real socket."""
    server = make_server("127.0.0.1", 0, served_app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def site(app: Flask, served_site: str) -> str:
    """The address of the application with nobody in it."""
    return served_site


Opener = Callable[..., Page]


@pytest.fixture
def open_page(site: str, browser: Browser) -> Iterator[Opener]:
    """Opens pages as different devices would: `open_page(viewport=…, java_script_enabled=False)`.

    Whatever a page complains of (an error of a script, something that the Content-Security-Policy forbids) fails the test.
    """
    complaints: list[str] = []
    contexts = []

    def hear(message: ConsoleMessage) -> None:
        # Chromium reports every answer that is an error; those are for the test itself to expect.
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            complaints.append(message.text)

    def opened(**options: Any) -> Page:
        # A picture of a page that is still moving would be of no page that anybody reads.
        still = {"reduced_motion": "reduce", "locale": "zh-CN", "timezone_id": "Asia/Shanghai"}
        options = {"viewport": PHONE, **still, **options}
        context = browser.new_context(base_url=site, **options)
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        page = context.new_page()
        page.on("console", hear)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def page(open_page: Opener) -> Page:
    """A page on a phone."""
    return open_page()


def picture(page: Page, name: str) -> None:
    """Keep what the page looks like."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(PICTURES / f"{name}.png"), full_page=True)


def faults_of_access(page: Page) -> list[str]:
    """What axe-core finds wrong for people with impairments, one line each."""
    page.evaluate(AXE)
    return [
        f"{fault['id']}: {node['html'][:160]} — {node.get('failureSummary', '')[:200]}"
        for fault in page.evaluate(CHECK)
        for node in fault["nodes"]
    ]


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than the screen."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def small_targets(page: Page) -> list[str]:
    """Whatever is to be touched and is lower than 44 pixels; links within a sentence are exempt (WCAG 2.5.8)."""
    return list(
        page.evaluate("""() => [...document.querySelectorAll('button, input:not([type=hidden]), select, a.button, nav a')]
            .filter(e => e.checkVisibility() && !e.classList.contains('skip') && !e.closest('[aria-hidden=true]'))
            .filter(e => (e.closest('label') ?? e).getBoundingClientRect().height < 43.5)
            .map(e => e.outerHTML.slice(0, 120))""")
    )


@pytest.fixture
def demo_world(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """WeChat and the identity service are the only things stood in for."""
    monkeypatch.setitem(ctx.__dict__, "wechat", SimulatedWeChat())
    monkeypatch.setitem(ctx.__dict__, "identity", SimulatedIdentity())
    monkeypatch.setitem(ctx.__dict__, "demo", True)


@pytest.fixture
def resident_of(ctx: Context) -> Callable[[], int]:
    """The resident who walked in."""

    def find() -> int:
        index = ctx.vault.index("demo-openid-lihua", "openid")
        return int(db.session.query(Account).filter_by(openid_index=index).one().resident_id)

    return find
