"""Draws `docs/call.png`, the README's picture: the page's view of one call of the offline demo.

`python docs/picture.py` holds the demo's call (some 40 s) and draws it; `python docs/picture.py LEDGER` draws the
latest call of a ledger instead. Needs Debian's chromium-headless-shell or chromium, and playwright, as the tests do.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import sync_playwright

from voice_metrics.ledger import LedgerReader
from voice_metrics.page import PageServer

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "call.png"
WIDTH = 1200
# What the picture ends with; the tables below it are for reading, not for a first look.
LAST = "section:has(.answers)"


def main() -> None:
    """Draw the picture."""
    if len(sys.argv) > 1:
        draw(Path(sys.argv[1]))
        return
    with TemporaryDirectory() as folder:
        ledger = Path(folder) / "calls.db"
        environment = os.environ | {"VOICE_METRICS_DB": str(ledger)}
        subprocess.run([sys.executable, "bot.py", "--demo"], cwd=ROOT, env=environment, check=True)
        draw(ledger)


def draw(ledger: Path) -> None:
    """Draw the latest call of a ledger.

    Args:
        ledger: The ledger's file.
    """
    with LedgerReader(ledger) as reader:
        call_id = reader.calls(limit=1)[0].call_id
    with PageServer(ledger) as server, sync_playwright() as playwright:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium-headless-shell") or shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--no-first-run"],
        )
        tab = browser.new_page(viewport={"width": WIDTH, "height": 800}, color_scheme="light")
        tab.goto(f"{server.url}#/call/{call_id}")
        tab.locator(".answers .segment").first.wait_for()
        box = tab.locator(LAST).bounding_box()
        assert box is not None
        height = box["y"] + box["height"] + 14
        tab.screenshot(path=PICTURE, full_page=True, clip={"x": 0, "y": 0, "width": WIDTH, "height": height})
        browser.close()
        server.shutdown()
    print(f"{PICTURE.relative_to(ROOT)}: {PICTURE.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
