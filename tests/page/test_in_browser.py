"""The page as a person sees it, in a real Chromium."""

from __future__ import annotations

import re
import time
from itertools import pairwise
from typing import Any

import pytest

from tests.ledger.summaries import NOON, summary
from tests.page.command import served
from tests.page.conftest import Chromium, Visit, unbroken
from tests.page.known_calls import conversation, ended, live
from tests.receiver import free_port
from tests.waiting import flush
from voice_metrics.ledger import Ledger, LedgerReader, Row
from voice_metrics.ledger.reader import Order
from voice_metrics.page import PageServer

IDS = "() => [...document.querySelectorAll('tbody th a')].map(link => link.title)"
SEGMENTS = "bars => bars.map(bar => bar.title)"
WATCH_MOVES = """
    window.moved = 0;
    new PerformanceObserver(list => list.getEntries().forEach(entry => { window.moved += entry.value; }))
        .observe({type: 'layout-shift'});
"""
BREAK_IN = "() => { try { document.body.innerHTML = '<b>x</b>'; } catch (error) { return error.name; } }"
PLACES = "() => [...document.querySelectorAll('h1, h2, .tile')].map(each => each.getBoundingClientRect().top)"
HOSTILE = (
    "<script>console.error('ran')</script>",
    "<img src=x onerror=console.error('ran')>",
    "\"quoted\" 'id' & <b>bold</b>",
    "‮gnp.exe‬ مكالمة ١",
    "a/b?c#d%2e%zz&e=f",
    "javascript:console.error('ran')",
)


def number(value: float) -> str:
    return f"{value:,.0f}".replace(",", "\u202f")


def cells(tab: Any, column: int) -> list[str]:
    return list(tab.locator(f"main tbody tr > :nth-child({column})").all_inner_texts())


def column(tab: Any, name: str) -> int:
    return [text.strip() for text in tab.locator("main thead th").all_inner_texts()].index(name) + 1


def ids(tab: Any) -> list[str]:
    return list(tab.locator("main tbody th a").evaluate_all("links => links.map(link => link.title)"))


def test_the_tables_numbers_are_the_ledgers(visit: Visit, server: PageServer, ledger: Ledger) -> None:
    ended(
        ledger,
        "priced",
        response={"count": 1, "max_ms": 1234.4},
        cost={"total_usd": 0.016},
        outcome="table_booked",
        success=True,
    )
    ended(ledger, "absent", ago=700.0, models={}, llm={}, tts={}, stt={}, response={}, cost={}, turns=None,
          interruptions=None, errors=None, duration_seconds=None, end_reason=None)  # fmt: skip
    flush(ledger)
    tab = visit.go(server, "calls")
    tab.locator("main tbody tr").nth(1).wait_for()

    row = dict(
        zip(
            tab.locator("main thead th").all_inner_texts(),
            tab.locator("main tbody tr").nth(0).locator("th, td").all_inner_texts(),
            strict=True,
        )
    )
    # A soft hyphen is where a long heading may be broken.
    named = {key.strip().replace("\u00ad", ""): value for key, value in row.items()}
    assert {name: value for name, value in named.items() if name != "Started"} == {
        "Call": "priced", "Length": unbroken("1 min 00 s"), "End": "completed", "Outcome": "✓ table booked",
        "Worst response": unbroken(f"{number(1234)} ms"),
        "Turns": "4", "Interruptions": "1", "Errors": "0", "Tokens in": number(1200), "Tokens out": "80",
        "Characters": "300", "Cost": "$0.0160", "Models": "gpt-4.1, nova-3, sonic-2", "Series": "local only",
    }  # fmt: skip
    absent = tab.locator("main tbody tr").nth(1).locator("th, td").all_inner_texts()
    assert absent[2:14] == ["–"] * 12


@pytest.mark.parametrize(
    ("state", "changes", "word", "sentence"),
    [
        pytest.param("ended", {"exported": None}, "local only", "no endpoint was configured", id="no-endpoint"),
        pytest.param("ended", {"exported": False}, "refused", "Refused by the server for good", id="refused"),
        pytest.param("ended", {"end_reason": "unknown", "exported": None}, "unknown", "is not known", id="killed"),
        pytest.param("delivered", {"exported": True}, "delivered", "Acknowledged by the server", id="delivered"),
    ],
)
def test_what_became_of_a_calls_series_is_told_as_it_is(
    state: str, changes: dict[str, Any], word: str, sentence: str, visit: Visit, server: PageServer, ledger: Ledger
) -> None:
    ended(ledger, "a-call", state=state, **changes)
    flush(ledger)
    tab = visit.go(server, "calls")
    tab.locator("main tbody tr").first.locator("td", has_text=word).last.wait_for()
    tab = visit.go(server, "call/a-call")
    tab.locator("dl.facts dd", has_text=sentence).wait_for()


def test_one_calls_numbers_are_the_ledgers(visit: Visit, server: PageServer, ledger: Ledger) -> None:
    start = ended(ledger, "a-call")
    ledger.add("a-call", conversation(start))
    flush(ledger)
    tab = visit.go(server, "call/a-call")
    tab.locator(".answers tbody tr").nth(1).wait_for()

    tiles = dict(
        zip(tab.locator(".tile dt").all_inner_texts(), tab.locator(".tile .value").all_inner_texts(), strict=True)
    )
    assert tiles == {
        "Response p50": unbroken("700 ms"), "Worst response": unbroken("900 ms"),
        "Length": unbroken("1 min 00 s"), "Bot turns": "4",
        "Tokens": number(1280), "Characters": "300", "Audio to text": unbroken("58.5 s"), "Cost": "$0.0160",
    }  # fmt: skip
    first, second = (
        tab.locator(".answers tbody tr").nth(place).locator("th, td").all_inner_texts() for place in (0, 1)
    )
    assert (first[0], first[1], first[3:]) == (
        "1",
        "0:05 ✕\ninterrupted",
        [unbroken(f"{number(1000)} ms"), "320", "$0.0012"],
    )
    assert second[3:] == [unbroken("800 ms"), "–", "–"]
    segments = tab.locator(".answers tbody tr").nth(0).locator(".segment")
    assert segments.evaluate_all(SEGMENTS) == [
        unbroken("Silence before the turn may end 200 ms"),
        unbroken("Speech to text 300 ms"),
        unbroken("Language model 400 ms"),
        unbroken("Text to speech 100 ms"),
    ]
    tab.get_by_text("All 20 measurements").click()
    tab.locator("details tbody tr").first.wait_for()
    assert tab.locator("details tbody tr").count() == len(conversation(0.0)) == 20


def test_a_bar_under_the_pointer_says_what_it_is(visit: Visit, server: PageServer, ledger: Ledger) -> None:
    start = ended(ledger, "a-call", duration_seconds=14.0)
    ledger.add("a-call", conversation(start))
    flush(ledger)
    tab = visit.go(server, "call/a-call")
    told = tab.locator(".lane-text")

    tab.locator(".bar.turn-wait").first.hover()
    assert told.inner_text() == unbroken(f"0:05 · Answer 1: caller waits, {number(1000)} ms")
    tab.locator(".bar.lane-llm").first.hover()
    assert told.inner_text() == unbroken("0:00 · OpenAILLMService gpt-4.1 · first byte after 400 ms, done after 500 ms")
    tab.locator(".mark-bad").last.hover()
    assert told.inner_text() == "0:12 · Error in CartesiaTTSService: network"
    tab.get_by_label("Zoom in").click()
    assert tab.locator(".lanes").get_attribute("data-zoom") == "2"


def test_a_call_appears_runs_and_ends_without_a_reload(visit: Visit, server: PageServer, ledger: Ledger) -> None:
    tab = visit.go(server)
    tab.get_by_text("it is made when the first call starts").wait_for()
    tab.evaluate("window.untouched = true")

    told = live(ledger, "a-running-call", turns={"completed": 0, "interrupted": 0}, cost={})
    tab.locator(".card", has_text="a-running-call"[:12]).wait_for()
    turns = tab.locator(".card .numbers > div", has_text="Bot turns").locator("dd")
    assert turns.inner_text() == "0"
    assert tab.locator(".card .numbers > div", has_text="Cost").locator("dd").inner_text() == "–"
    ledger.call_updated("a-running-call", told | {"turns": {"completed": 3, "interrupted": 0}})
    visit.until("() => document.querySelector('.card .numbers div:nth-child(4) dd').textContent", "3")
    ledger.call_ended("a-running-call", told | {"end_reason": "completed"}, "ended")
    tab.get_by_text("No call is running").wait_for()
    assert ids(tab) == ["a-running-call"]
    assert tab.evaluate("window.untouched")


def test_a_live_call_is_drawn_while_it_runs(visit: Visit, server: PageServer, ledger: Ledger) -> None:
    told = live(ledger, "a-running-call", ago=15.0)
    flush(ledger)
    tab = visit.go(server, "call/a-running-call")
    tab.get_by_text("No answer yet").wait_for()
    with LedgerReader(server.ledger) as reader:
        start = reader.call("a-running-call").row.started_at

    ledger.add("a-running-call", conversation(start))
    tab.locator(".answers tbody tr").nth(1).wait_for()
    assert tab.locator(".state").inner_text() == "running"
    ledger.call_ended("a-running-call", told | {"end_reason": "error"}, "ended")
    tab.locator(".state.bad", has_text="error").wait_for()


@pytest.mark.parametrize(
    ("name", "order"),
    [("Started", "started_at"), ("Length", "duration_seconds"), ("Worst response", "worst_response_ms"),
     ("Cost", "cost_usd"), ("End", "end_reason"), ("Tokens in", "prompt_tokens")],
)  # fmt: skip
def test_headings_order_the_calls(visit: Visit, server: PageServer, ledger: Ledger, name: str, order: Order) -> None:
    for place, worst in enumerate((900.0, None, 2500.0, 1200.0)):
        ended(ledger, f"call-{place}", ago=100.0 * (place + 2) % 350, state="delivered",
              duration_seconds=10.0 * (place % 3 + 1), response={"max_ms": worst},
              end_reason=("completed", "error")[place % 2],
              cost={"total_usd": worst and worst / 1e5}, llm={"prompt_tokens": 100 - place})  # fmt: skip
    flush(ledger)
    tab = visit.go(server, "calls?order=state")
    heading = tab.locator("thead th", has=tab.get_by_role("button", name=name, exact=True))

    for descending, sort in ((True, "descending"), (False, "ascending")):
        with tab.expect_response(re.compile(f"order={order}&way={'desc' if descending else 'asc'}")):
            heading.get_by_role("button").focus()
            tab.keyboard.press("Enter")
        with LedgerReader(server.ledger) as reader:
            expected = [row.call_id for row in reader.calls(order=order, descending=descending)]
        visit.until(IDS, list(expected))
        assert heading.get_attribute("aria-sort") == sort
        assert tab.locator("thead [aria-sort=ascending], thead [aria-sort=descending]").count() == 1


def test_filters_let_through_what_they_say(visit: Visit, server: PageServer, ledger: Ledger) -> None:
    ended(ledger, "dear", cost={"total_usd": 1.5})
    ended(ledger, "slow", ago=7000.0, response={"max_ms": 4000.0}, models={"llm": "claude-haiku-4-5"})
    start = ended(ledger, "failed", ago=300_000.0, end_reason="error", state="delivered", errors=1)
    ledger.add("slow", [Row(start + 9.0, "unanswered", outcome="no_answer")])
    flush(ledger)
    tab = visit.go(server, "calls")

    def only(*expected: str) -> None:
        visit.until(IDS, list(expected))

    only("dear", "slow", "failed")
    assert tab.locator(".status").inner_text() == "3 calls"
    for label, fill, expected in (
        ("Model", "HAIKU", "slow"), ("Slower than, ms", "3999", "slow"), ("Costs more than, $", "1.2", "dear"),
    ):  # fmt: skip
        tab.get_by_label(label).fill(fill)
        only(expected)
        assert tab.locator(".status").inner_text() == "1 of 3 calls"
        tab.get_by_role("button", name="Clear filters").click()
        only("dear", "slow", "failed")
    for label, choose, expected in (
        ("Started", "hour", "dear"),
        ("End", "error", "failed"),
        ("With", "errors", "failed"),
        ("With", "unanswered", "slow"),
        ("Series", "delivered", "failed"),
    ):
        tab.get_by_label(label, exact=True).select_option(choose)
        only(expected)
        tab.get_by_role("button", name="Clear filters").click()
        only("dear", "slow", "failed")
    tab.get_by_label("Model").fill("no such model")
    tab.get_by_text("No call matches all of these filters; there are 3 calls in all.").wait_for()
    tab.reload()
    assert tab.get_by_label("Model").input_value() == "no such model"


def test_hostile_names_stay_text(visit: Visit, server: PageServer, ledger: Ledger) -> None:
    for place, name in enumerate(HOSTILE):
        start = ended(ledger, name, ago=60.0 + place, models={"llm": name, "stt": name, "tts": name}, end_reason=name,
                      attributes={name: name}, cost={"unpriced": [name]})  # fmt: skip
        ledger.add(name, conversation(start))
        ledger.add(
            name, [type(row)(row.at, row.kind, row.value, "llm", name, name, name) for row in conversation(start)]
        )
    live(ledger, "<i>live</i>" * 3, models={"llm": HOSTILE[0]})
    flush(ledger)
    tab = visit.go(server, "calls")
    tab.locator("tbody tr").nth(len(HOSTILE)).wait_for()

    assert ids(tab) == ["<i>live</i>" * 3, *HOSTILE]
    for name in HOSTILE:
        tab.goto(f"{server.url}#/calls")
        link = tab.locator("tbody th a").nth(HOSTILE.index(name) + 1)
        link.click()
        tab.locator(".answers tbody tr").nth(1).wait_for()
        assert tab.locator("h1 .id").evaluate("id => id.textContent") == name
        tab.locator("details summary").last.click()
        assert tab.locator("main script, main img, main b:not(.averages b), main i").count() == 0
    for view in ("now", "latency", "usage"):
        tab.goto(f"{server.url}#/{view}")
        tab.locator("h1").wait_for()
        assert tab.locator("main script, main img, main b, main i").count() == 0


def test_the_policy_would_stop_a_script_that_got_in(visit: Visit, server: PageServer, ledger: Ledger) -> None:
    ended(ledger, "one")
    flush(ledger)
    tab = visit.go(server)

    with tab.expect_console_message(lambda said: said.text.startswith("refused")):
        refused = tab.evaluate(BREAK_IN)
    assert refused == "TypeError"
    visit.complaints.clear()


def test_latency_and_usage_show_the_ledgers_sums(visit: Visit, server: PageServer, ledger: Ledger) -> None:
    # In the middle of a quarter of an hour each, and one of them more than an hour ago.
    middle = time.time() % 900.0 - 450.0
    for place, quarters in enumerate((1, 2, 3, 5)):
        start = ended(ledger, f"call-{place}", ago=900.0 * quarters + middle)
        ledger.add(f"call-{place}", conversation(start))
    flush(ledger)
    tab = visit.go(server, "latency")

    response = tab.locator(".chart", has=tab.get_by_role("heading", name="Response"))
    tab.get_by_text(f"After the caller's last word: p50 900 ms, p95 {number(1000)} ms (8 measured)").wait_for()
    tab.get_by_text("Time to first byte: p50 400 ms, p95 400 ms (8 measured)").wait_for()
    response.get_by_text("Numbers").click()
    response.locator("tbody tr").first.wait_for()
    assert response.locator("tbody tr").count() == 4
    assert response.locator("tbody tr").nth(0).locator("td").all_inner_texts() == [
        unbroken("990 ms"),
        unbroken("900 ms"),
    ]
    assert tab.locator(".chart canvas").count() == 4
    tab.get_by_label("Model", exact=True).select_option("sonic-2")
    response.wait_for(state="hidden")
    tab.get_by_role("link", name="Usage and cost").click()
    tab.get_by_text("$0.0640: LLM $0.0160, STT $0.0120, TTS $0.0360").wait_for()
    tab.get_by_text(f"{number(4800)} prompt, 320 completion").wait_for()
    cost = tab.locator(".chart", has=tab.get_by_role("heading", name="Cost"))
    cost.get_by_text("Numbers").click()
    cost.locator("tbody tr").first.wait_for()
    assert cost.locator("tbody tr").nth(0).locator("td").all_inner_texts() == ["$0.0040", "$0.0030", "$0.0090"]
    tab.get_by_label("Period").select_option("hour")
    tab.get_by_text("$0.0480: LLM").wait_for()


def test_the_page_works_from_the_keyboard(visit: Visit, server: PageServer, ledger: Ledger) -> None:
    start = ended(ledger, "a-call")
    ledger.add("a-call", conversation(start))
    flush(ledger)
    tab = visit.go(server)

    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "skip"
    assert tab.locator(".skip").bounding_box()["x"] >= 0
    tab.keyboard.press("Enter")
    assert tab.evaluate("document.activeElement.id") == "content"
    tab.get_by_role("link", name="Calls", exact=True).focus()
    tab.keyboard.press("Enter")
    visit.until("() => document.activeElement.tagName + document.activeElement.textContent", "H1Calls")
    tab.get_by_label("Open a call").fill("a-c")
    tab.keyboard.press("Enter")
    tab.locator("h1 .id", has_text="a-call").wait_for()
    assert tab.evaluate("document.activeElement.tagName") == "H1"
    tab.get_by_role("button", name="Copy id").focus()
    assert tab.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_the_id_is_copied(visit: Visit, server: PageServer, ledger: Ledger) -> None:
    visit.tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    ended(ledger, "the id")
    flush(ledger)
    tab = visit.go(server, "call/the%20id")
    tab.get_by_role("button", name="Copy id").click()
    tab.get_by_text("Copied", exact=True).wait_for()

    assert tab.evaluate("navigator.clipboard.readText()") == "the id"
    tab.context.clear_permissions()


def test_a_call_that_does_not_exist_says_so(visit: Visit, server: PageServer, ledger: Ledger) -> None:
    ended(ledger, "one")
    flush(ledger)
    tab = visit.go(server, "call/nobody")

    tab.get_by_text("No call's id begins with 'nobody'").wait_for()
    assert tab.get_by_role("link", name="All calls").get_attribute("href") == "#/calls"
    visit.close_after_complaints()


def test_a_lost_server_is_logged_and_so_is_its_return(chromium: Chromium, ledger: Ledger) -> None:
    ended(ledger, "one")
    flush(ledger)
    visit, port = Visit(chromium), str(free_port())
    with served(ledger.path, "--port", port) as url:
        visit.tab.goto(url)
        visit.tab.get_by_text("Up to date").wait_for()
    visit.tab.get_by_text("Not connected: is voice-metrics serve still running?").wait_for()

    ended(ledger, "two")
    with served(ledger.path, "--port", port):
        visit.tab.locator("tbody tr").nth(1).wait_for()
        visit.tab.get_by_text("Up to date").wait_for()
    visit.close()


def test_nothing_moves_when_numbers_change(visit: Visit, server: PageServer, ledger: Ledger) -> None:
    told = live(ledger, "a-running-call")
    start = ended(ledger, "over")
    ledger.add("over", conversation(start))
    flush(ledger)
    tab = visit.go(server)
    tab.locator(".card").wait_for()
    tab.evaluate(WATCH_MOVES)

    ledger.call_updated(
        "a-running-call", told | {"turns": {"completed": 300, "interrupted": 0}, "cost": {"total_usd": 12.3456}}
    )
    tab.locator(".card", has_text="$12.35").wait_for()
    assert tab.evaluate("window.moved") == 0
    places = tab.evaluate(PLACES)
    ledger.call_ended("a-running-call", told | {"end_reason": "cancelled"}, "ended")
    tab.get_by_text("No call is running").wait_for()
    assert tab.evaluate(PLACES) == places


def test_five_thousand_calls(chromium: Chromium, server: PageServer, ledger: Ledger) -> None:
    from tests.page.many import five_thousand

    five_thousand(ledger)
    for view, shown in (
        ("now", "main tbody tr"),
        ("calls", "main tbody tr"),
        ("latency", "canvas"),
        ("usage", "canvas"),
    ):
        visit = Visit(chromium)
        visit.tab.goto(f"{server.url}#/{view}")
        visit.tab.locator(shown).first.wait_for()
        took = visit.tab.evaluate("performance.now()")
        print(f"5 000 calls: {view} shown {took:.0f} ms after navigation began, by the browser's clock")
        if view == "calls":
            assert visit.tab.locator(".status").inner_text() == f"{number(5000)} calls, 100 shown"
        visit.close()
        assert visit.complaints == []


@pytest.mark.parametrize("view", ["toString", "__proto__", "constructor", "hasOwnProperty?a=1"])
def test_an_address_that_is_no_view_shows_what_runs_now(visit: Visit, server: PageServer, view: str) -> None:
    tab = visit.go(server, view)
    assert tab.locator("h1").inner_text() == "Now"


def test_each_of_two_calls_of_one_id_has_its_own_page(visit: Visit, server: PageServer, ledger: Ledger) -> None:
    for key, errors in (("first", 1), ("second", 2)):
        ledger.call_started(key, NOON, summary("sip-1"))
        ledger.call_ended(key, summary("sip-1", errors=errors), "ended")
    flush(ledger)
    for place, said in ((0, "2 errors"), (1, "1 error")):
        tab = visit.go(server, "calls")
        tab.locator("tbody th a").nth(place).click()
        tab.locator(".tile .note", has_text=re.compile(f", {said}$")).wait_for()


def test_a_long_call_is_turned_page_by_page(visit: Visit, server: PageServer, ledger: Ledger) -> None:
    start = ended(ledger, "long", duration_seconds=30_000.0)
    for begin in (0, 15_000):
        turns = (Row(start + at, "turn", 0.5, outcome="completed") for at in range(begin, begin + 15_000))
        ledger.add("long", list(turns))
    flush(ledger)
    tab = visit.go(server, "call/long")
    tab.get_by_text("Part 2 of 2 of a long call.").wait_for()
    tab.get_by_text("Earlier").click()
    tab.get_by_text("Part 1 of 2 of a long call.").wait_for()
    assert tab.get_by_text("Later").count() == 1


@pytest.mark.parametrize("length", [60.0, 86_400.0 * 3, 1.8e9], ids=["a minute", "three days", "a clock set from 1970"])
def test_marks_of_time_leave_each_other_room(visit: Visit, server: PageServer, ledger: Ledger, length: float) -> None:
    ended(ledger, "long", duration_seconds=length)
    ledger.add("long", conversation(time.time() - 600))
    flush(ledger)
    tab = visit.go(server, "call/long")
    tab.locator(".axis .tick").first.wait_for()
    lefts = tab.locator(".axis .tick").evaluate_all("all => all.map((each) => each.getBoundingClientRect().left)")
    assert 1 < len(lefts) < 50
    assert min(later - earlier for earlier, later in pairwise(lefts)) > 50
