"""A call with many answers, and one that goes on: what stays in reach of the eye and of the keyboard."""

from __future__ import annotations

import pytest

from tests.page.conftest import Visit
from tests.page.known_calls import conversation, ended, live
from tests.waiting import flush
from voice_metrics.ledger import Ledger, Row
from voice_metrics.page import PageServer

FOCUSED = "document.activeElement.textContent"


@pytest.fixture
def long_call(ledger: Ledger) -> str:
    """A call of a thousand answers, of which number 699 is the slowest."""
    start = ended(ledger, "a-call", ago=4000.0, duration_seconds=3900.0)
    numbers = range(1, 1001)
    ledger.add("a-call", [Row(start + 3.0 * number, "response", 1.0 + number % 700 / 1000) for number in numbers])
    flush(ledger)
    return "a-call"


def test_many_answers_scroll_by_themselves_slowest_first(visit: Visit, server: PageServer, long_call: str) -> None:
    tab = visit.go(server, f"call/{long_call}")
    tab.locator(".answers tbody tr").nth(999).wait_for()

    assert tab.evaluate("document.documentElement.scrollHeight") < 3000
    tab.get_by_label("Order").select_option("wait")
    assert tab.locator(".answers tbody th").first.inner_text() == "699"
    tab.get_by_label("Order").select_option("time")
    assert tab.locator(".answers tbody th").first.inner_text() == "1"


def test_the_keyboard_passes_a_thousand_answers_in_one_step(visit: Visit, server: PageServer, long_call: str) -> None:
    tab = visit.go(server, f"call/{long_call}")
    tab.locator(".answers tbody tr").nth(999).wait_for()

    tab.get_by_role("region", name="Answers and their parts").focus()
    tab.keyboard.press("Tab")
    assert tab.evaluate(FOCUSED) == "1"
    tab.keyboard.press("End")
    tab.keyboard.press("ArrowUp")
    assert tab.evaluate(FOCUSED) == "999"
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.closest('.answers')") is None
    tab.keyboard.press("Shift+Tab")
    assert tab.evaluate(FOCUSED) == "999"
    tab.get_by_label("Order").select_option("wait")
    tab.get_by_role("region", name="Answers and their parts").focus()
    tab.keyboard.press("Tab")
    assert tab.evaluate(FOCUSED) == "699"


def test_the_focus_stays_while_a_live_call_goes_on(visit: Visit, server: PageServer, ledger: Ledger) -> None:
    live(ledger, "a-call", ago=40.0)
    flush(ledger)
    _, found = server.view("call", {"id": "a-call"})
    start = found["call"]["started_at"]
    ledger.add("a-call", conversation(start))
    flush(ledger)
    tab = visit.go(server, "call/a-call")
    tab.get_by_title("Show in the time line").and_(tab.get_by_text("1", exact=True)).focus()
    ledger.add("a-call", [Row(start + 20.0, "response", 0.5)])
    flush(ledger)
    tab.locator(".answers tbody tr").nth(2).wait_for()

    assert tab.evaluate(FOCUSED) == "1"
