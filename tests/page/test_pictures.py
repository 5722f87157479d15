"""A picture of each view for a person to look at, in `pictures/`: laptop in light and dark, and phone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.page.conftest import Chromium, Visit, running
from tests.page.known_calls import conversation, ended
from tests.waiting import flush
from voice_metrics.ledger import CallState, Ledger, LedgerReader, Row
from voice_metrics.page import PageServer
from voice_metrics.page.demo import demo_ledger
from voice_metrics.page.views import call as view_of_call

PICTURES = Path(__file__).parents[2] / "pictures"
SCREENS: dict[str, dict[str, Any]] = {
    "laptop-light": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "light"},
    "laptop-dark": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "dark"},
    "phone-light": {"viewport": {"width": 390, "height": 844}, "color_scheme": "light", "has_touch": True},
    "phone-dark": {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark", "has_touch": True},
}
# What each view shows when it is drawn.
DRAWN = {"now": ".card", "calls": "tbody tr", "latency": "canvas", "usage": "canvas", "call": ".answers .segment"}


@pytest.fixture(scope="module")
def demo() -> Iterator[PageServer]:
    with demo_ledger() as path, running(PageServer(path, demo=True)) as server:
        yield server


@pytest.fixture(scope="module")
def visits(chromium: Chromium) -> Iterator[dict[str, Visit]]:
    """A tab for each screen, in which the page's views follow each other as for a person."""
    visits = {name: Visit(chromium, **screen) for name, screen in SCREENS.items()}
    yield visits
    for visit in visits.values():
        visit.close()


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("view", DRAWN)
def test_nothing_is_wider_than_the_screen(visits: dict[str, Visit], demo: PageServer, view: str, screen: str) -> None:
    visit = visits[screen]
    tab = visit.go(demo, f"call/{_eventful(demo)}" if view == "call" else view)
    heading = {"usage": "Usage and cost", "call": f"Call {_eventful(demo)}"}.get(view, view.capitalize())
    visit.until("() => document.querySelector('h1').textContent", heading)
    tab.locator(DRAWN[view]).first.wait_for(timeout=30_000)
    # A new view's heading has the focus, and a frame around it.
    tab.evaluate("document.activeElement.blur()")
    PICTURES.mkdir(exist_ok=True)
    tab.screenshot(path=PICTURES / f"{view}-{screen}.png", full_page=view != "calls")

    assert tab.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert tab.get_by_text("These calls are made up").is_visible()
    assert visit.complaints == []


def test_the_demo_shows_what_a_page_can_show(demo: PageServer) -> None:
    with LedgerReader(demo.ledger) as reader:
        stories = [view_of_call(reader, {"key": call.key}, time.time()) for call in reader.calls(limit=300)]

    assert {kind for each in stories for kind, bars in each["story"]["floor"].items() if bars} == {
        "speech", "silences", "gaps", "stalls",
    }  # fmt: skip
    assert {mark["kind"] for each in stories for mark in each["story"]["marks"]} >= {"unanswered", "error"}
    assert {each["summary"]["success"] for each in stories} == {True, False, None}
    for each in stories:
        floor, length = each["summary"]["floor"], each["summary"]["duration_seconds"]
        if floor["none"] is not None:
            assert sum(floor[holder] for holder in ("caller", "bot", "both", "none")) == pytest.approx(length, abs=0.01)
            assert floor["none"] > 0


@pytest.mark.parametrize("view", DRAWN)
def test_long_names_are_no_wider_than_a_phone(
    chromium: Chromium, server: PageServer, ledger: Ledger, view: str
) -> None:
    long = "a-name-that-somebody-made-of-everything-there-was-" * 3
    start = ended(ledger, long, models=dict.fromkeys(("llm", "stt", "tts"), long), attributes={long: long},
                  cost={"unpriced": [long]}, end_reason="error", errors=1)  # fmt: skip
    ledger.add(long, [*conversation(start), Row(start + 6.0, "ttfb", 0.4, "llm", long, long)])
    flush(ledger)
    visit = Visit(chromium, **SCREENS["phone-light"])
    tab = visit.go(server, f"call/{long}" if view == "call" else view)
    tab.locator("main tbody tr, main canvas" if view == "now" else DRAWN[view]).first.wait_for()
    if view == "latency":
        tab.locator("select option", has_text=long).wait_for(state="attached")

    assert tab.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    visit.close()


@pytest.mark.parametrize("screen", ["laptop-light", "phone-dark"])
def test_a_page_without_calls_says_what_to_do(chromium: Chromium, server: PageServer, screen: str) -> None:
    visit = Visit(chromium, **SCREENS[screen])
    tab = visit.go(server)
    PICTURES.mkdir(exist_ok=True)
    tab.screenshot(path=PICTURES / f"empty-{screen}.png")

    assert tab.get_by_text("Start a bot that has a VoiceMetricsProcessor in its pipeline").is_visible()
    assert tab.get_by_text("voice-metrics serve --demo").is_visible()
    visit.close()


def _eventful(demo: PageServer) -> str:
    """The call in which the bot was cut off most often."""
    with LedgerReader(demo.ledger) as reader:
        calls = reader.calls(order="interruptions")
        return next(call.call_id for call in calls if call.state is not CallState.LIVE and call.interruptions)
