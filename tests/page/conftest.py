"""A ledger, the page's server over it, and a real Chromium that looks at it."""

from __future__ import annotations

import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import PATIENCE_SECONDS
from voice_metrics.ledger import Ledger
from voice_metrics.page import PageServer

# The shell is the same Chromium without a window around each page, which costs more than the page.
BROWSER = shutil.which("chromium-headless-shell") or shutil.which("chromium")
# One process draws all pages: a new one for each would take longer to start than most of them to be drawn.
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--renderer-process-limit=1", "--disable-site-isolation-trials",
]  # fmt: skip
INSTALL = "apt-get update && apt-get install -y --no-install-recommends chromium-headless-shell; uv sync --group dev"
Serve = Callable[..., PageServer]


def unbroken(text: str) -> str:
    """Return a text with its numbers and units as the page has them: on one line."""
    return re.sub(r"(?<=\d) (?=(?:ms|s|min|h)\b)", "\u00a0", text)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "calls.db"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    ledger = Ledger(path)
    yield ledger
    ledger.close()


@contextmanager
def running(server: PageServer) -> Iterator[PageServer]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def server(path: Path) -> Iterator[PageServer]:
    with running(PageServer(path)) as server:
        yield server


@pytest.fixture(scope="package")
def chromium() -> Iterator[Chromium]:
    """The browser; playwright's loop ends with this package, before other tests need one of their own."""
    missing = [name for name, found in (("chromium", BROWSER), ("playwright", find_spec("playwright"))) if not found]
    if missing:
        words = f"{' and '.join(missing)} not installed: {INSTALL}"
        if os.environ.get("CI") == "true":
            pytest.fail(words)
        pytest.skip(words)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=ARGUMENTS)
        yield Chromium(browser)
        browser.close()


class Chromium:
    """The browser, with one window for each kind of screen: a new one would cost more than most pages."""

    def __init__(self, browser: Any) -> None:
        self._browser = browser
        self._windows: dict[str, Any] = {}

    def tab(self, **screen: Any) -> Any:
        """Open a tab in the window of this kind."""
        kind = repr(sorted(screen.items()))
        if kind not in self._windows:
            options = {"timezone_id": "UTC", "viewport": {"width": 1280, "height": 800}} | screen
            self._windows[kind] = self._browser.new_context(**options)
            # Chromium closes a window with its last tab.
            self._windows[kind].new_page()
        return self._windows[kind].new_page()


class Visit:
    """A tab, and what must not happen in it."""

    def __init__(self, chromium: Chromium, **screen: Any) -> None:
        self.tab = chromium.tab(**screen)
        self.tab.set_default_timeout(PATIENCE_SECONDS * 1000)
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.tab.on(
            "console", lambda said: self.complaints.append(said.text) if said.type in ("error", "warning") else None
        )
        self.tab.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.tab.on("dialog", lambda dialog: (self.complaints.append(dialog.message), dialog.dismiss()))
        self.tab.on("request", lambda request: self.requests.append(request.url))
        self.tab.add_init_script(
            "addEventListener('securitypolicyviolation', (event) => console.error('refused', event.violatedDirective))"
        )

    def go(self, server: PageServer, view: str = "now") -> Any:
        self.tab.goto(f"{server.url}#/{view}")
        self.tab.locator("#connection", has_text="Up to date").wait_for()
        return self.tab

    def close(self) -> None:
        self.tab.close()

    def close_after_complaints(self) -> None:
        """Close the tab, which asks again and again for what is missing, and forget what the browser said of that."""
        self.close()
        assert all("404" in words for words in self.complaints)
        self.complaints.clear()

    def until(self, question: str, wanted: Any = True) -> None:
        """Wait until a function of the page returns what is wanted; playwright's own wait needs `eval` in the page."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (found := self.tab.evaluate(question)) != wanted:
            assert time.monotonic() < deadline, f"{found!r} is not {wanted!r}"
            self.tab.wait_for_timeout(20)


@pytest.fixture
def visit(chromium: Chromium, server: PageServer) -> Iterator[Visit]:
    visit = Visit(chromium)
    yield visit
    visit.close()
    assert visit.complaints == []
    assert [url for url in visit.requests if not url.startswith(server.url)] == []
