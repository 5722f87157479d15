"""Contrast, names, roles and headings of each view, looked at by axe in a real Chromium, light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.page.conftest import Chromium, Visit, running
from tests.page.known_calls import ended, eventful, live
from tests.waiting import flush
from voice_metrics.ledger import Ledger
from voice_metrics.page import PageServer

AXE = (Path(__file__).parent / "axe" / "axe.min.js").read_text(encoding="utf-8")
LOOK = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations.flatMap(
    ({id, nodes}) => nodes.map(({target, failureSummary}) => `${id}: ${target} ${failureSummary}`))"""
SCREENS: dict[str, dict[str, Any]] = {
    "laptop-light": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "light"},
    "laptop-dark": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "dark"},
    "phone-light": {"viewport": {"width": 390, "height": 844}, "color_scheme": "light", "has_touch": True},
    "phone-dark": {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark", "has_touch": True},
}
# The heading of each view, and what it shows when it is drawn.
VIEWS = {
    "now": ("Now", ".card"),
    "calls": ("Calls", "tbody tr"),
    "latency": ("Latency", "canvas"),
    "usage": ("Usage and cost", "canvas"),
    "call/a-call": ("Call a-call", ".answers .segment"),
    "call/nobody": ("Call nobody", "a >> text=All calls"),
}


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageServer]:
    """A call of each look: one that ended well, one that failed, one that runs."""
    ledger = Ledger(tmp_path_factory.mktemp("busy") / "calls.db")
    start = ended(ledger, "a-call", outcome="booked", success=True, trace_id="4bf92f35", duration_seconds=33.0)
    ledger.add("a-call", eventful(start))
    ended(ledger, "another", ago=900.0, end_reason="error", errors=2)
    live(ledger, "a-running-call")
    flush(ledger)
    with running(PageServer(ledger.path)) as server:
        yield server
    ledger.close()


@pytest.fixture(scope="module")
def visits(chromium: Chromium) -> Iterator[dict[str, Visit]]:
    """A tab for each screen, in which the page's views follow each other as for a person."""
    visits: dict[str, Visit] = {}
    for name, screen in SCREENS.items():
        visits[name] = Visit(chromium, bypass_csp=True, reduced_motion="reduce", **screen)
    yield visits
    for visit in visits.values():
        visit.close()


def faults(visit: Visit) -> list[str]:
    # The page's own policy lets no script in; the browser's debugger is not bound by it.
    if not visit.tab.evaluate("'axe' in window"):
        visit.tab.evaluate(AXE)
    return list(visit.tab.evaluate(LOOK))


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("view", VIEWS)
def test_axe_finds_no_fault(visits: dict[str, Visit], busy: PageServer, view: str, screen: str) -> None:
    visit = visits[screen]
    heading, drawn = VIEWS[view]
    visit.go(busy, view)
    visit.until("() => document.querySelector('h1').textContent", heading)
    visit.tab.locator(drawn).first.wait_for()
    for summary in visit.tab.locator("details > summary:visible").all():
        summary.click()

    assert faults(visit) == []


def test_axe_would_notice(chromium: Chromium, busy: PageServer) -> None:
    visit = Visit(chromium, bypass_csp=True)
    visit.go(busy, "calls")
    visit.tab.locator("tbody tr").first.wait_for()
    visit.tab.evaluate("document.querySelector('h1').style.color = '#f0f0f0'")

    assert [fault.partition(":")[0] for fault in faults(visit)] == ["color-contrast"]
    visit.close()
