"""What a person should see at once: slow answers and why, turns without an answer, silences, gaps, a held loop."""

from __future__ import annotations

from typing import Any

import pytest

from tests.page.conftest import Chromium, Visit, unbroken
from tests.page.known_calls import conversation, ended, eventful, live
from tests.page.test_story import built
from tests.waiting import flush
from voice_metrics.ledger import CallState, Ledger, Row
from voice_metrics.page import PageServer
from voice_metrics.page.spelling import spelled

COLOUR = "element => getComputedStyle(element).backgroundColor"
HEAD = "() => document.querySelector('main thead th').getBoundingClientRect().top"
WIDTH = "element => element.getBoundingClientRect().width"
RIGHT = "cell => cell.getBoundingClientRect().right - innerWidth"


def test_speech_silences_gaps_and_stalls_have_their_places() -> None:
    floor = built(eventful(1000.0))["floor"]

    assert [(each["name"], each["from"], each["to"]) for each in floor["speech"]] == [
        ("bot", 1.0, 3.0), ("caller", 3.2, 5.0), ("bot", 6.0, 8.0), ("caller", 7.6, 9.2),
        ("bot", 10.0, 12.0), ("caller", 14.0, 15.5), ("bot", 28.4, 31.0),
    ]  # fmt: skip
    assert floor["silences"] == [{"from": 15.5, "to": 24.0, "seconds": 8.5, "name": None, "outcome": "caller"}]
    assert floor["gaps"] == [{"from": 10.8, "to": 11.2, "seconds": 0.4, "name": None, "outcome": "late"}]
    assert floor["stalls"] == [{"from": 26.1, "to": 27.0, "seconds": 0.9, "name": "look_up", "outcome": None}]


def test_what_precedes_the_start_of_a_call_stands_at_its_start() -> None:
    found = built(
        [Row(998.0, "loop_stall", 0.9, name="load_model"), Row(999.0, "error", name="Mind", outcome="network")]
    )

    assert found["floor"]["stalls"] == [{"from": 0.0, "to": 0.0, "seconds": 0.9, "name": "load_model", "outcome": None}]
    assert found["marks"] == [{"at": 0.0, "kind": "error", "name": "Mind", "outcome": "network"}]


def test_a_ledger_without_them_draws_none() -> None:
    assert built(conversation(1000.0))["floor"] == {"speech": [], "silences": [], "gaps": [], "stalls": []}


def test_a_turn_without_an_answer_is_a_mark() -> None:
    marks = [mark for mark in built(eventful(1000.0))["marks"] if mark["kind"] == "unanswered"]

    assert marks == [{"at": 17.0, "kind": "unanswered", "name": None, "outcome": "no_transcript"}]


def test_a_slow_answer_names_the_part_that_took_longer() -> None:
    first, second, third = built(eventful(1000.0))["answers"]

    assert [answer["slow"] for answer in (first, second, third)] == [False, False, True]
    assert [answer["longer"] for answer in (first, second)] == [None, None]
    assert third["longer"] == {"part": "llm_inference", "by": "gpt-4.1", "seconds": 2.7, "usual_seconds": 0.4}
    assert third["held"] == {"function": "look_up", "seconds": 0.9}


def test_a_part_that_most_answers_lack_is_what_took_longer() -> None:
    usual = {"llm_inference": 0.4, "speech_synthesis": 0.2}
    called = {"llm_inference": 0.7, "function_handler": 0.5, "speech_synthesis": 0.2}
    slow = {"llm_inference": 1.2, "function_handler": 1.3, "speech_synthesis": 0.2}
    rows = []
    for at, parts in ((1010.0, called), (1020.0, usual), (1030.0, usual), (1040.0, slow)):
        rows.append(Row(at, "response", sum(parts.values())))
        rows += [Row(at, "response_part", seconds, name=name) for name, seconds in parts.items()]

    longer = built(rows)["answers"][-1]["longer"]
    assert longer == {"part": "function_handler", "by": None, "seconds": 1.3, "usual_seconds": 0.0}


@pytest.mark.parametrize(
    ("stalls", "held"),
    [
        pytest.param([(1005.9, 0.6, "a")], None, id="over-before-the-wait"),
        pytest.param([(1009.7, 0.6, "a")], None, id="begins-after-the-wait"),
        pytest.param([(1006.1, 0.6, "a")], {"function": "a", "seconds": 0.6}, id="into-the-wait"),
        pytest.param([(1009.5, 0.6, None)], {"function": None, "seconds": 0.6}, id="out-of-the-wait"),
        pytest.param([(1007.0, 0.6, "a"), (1008.5, 0.9, "b")], {"function": "b", "seconds": 0.9}, id="the-longest"),
    ],
)
def test_a_slow_answer_names_the_stall_that_overlaps_it(
    stalls: list[tuple[float, float, str | None]], held: dict[str, Any] | None
) -> None:
    rows = [Row(1009.0, "response", 3.0), *(Row(at, "loop_stall", value, name=name) for at, value, name in stalls)]

    (answer,) = built(rows)["answers"]
    assert answer["held"] == held


@pytest.mark.parametrize(
    ("parts", "longer"),
    [
        pytest.param({}, None, id="no-parts"),
        pytest.param({"function_handler": 3.0}, None, id="the-only-answer"),
    ],
)
def test_of_a_slow_answer_alone_no_part_is_blamed(parts: dict[str, float], longer: Any) -> None:
    rows = [
        Row(1009.0, "response", 3.0),
        *(Row(1009.0, "response_part", value, name=name) for name, value in parts.items()),
    ]

    assert built(rows)["answers"][0]["longer"] is longer


def test_averages_say_over_how_many_answers() -> None:
    assert built(eventful(1000.0))["averaged"] == 2


def test_a_running_call_is_counted_from_its_time_line(server: PageServer, ledger: Ledger) -> None:
    live(ledger, "a-call", ago=40.0, turns={"completed": 0, "interrupted": 0}, cost={}, response={})
    flush(ledger)
    _, found = server.view("call", {"id": "a-call"})
    start = found["call"]["started_at"]
    ledger.add("a-call", eventful(start))
    flush(ledger)
    _, found = server.view("call", {"id": "a-call"})

    call, story = found["call"], found["story"]
    assert call["state"] == CallState.LIVE
    assert call["turns"] == sum(each["kind"] == "bot" for each in story["strip"]) == 4
    assert call["worst_response_ms"] == max(1000 * answer["seconds"] for answer in story["answers"]) == 3400
    assert call["duration_seconds"] == pytest.approx(story["seconds"], abs=0.01)
    assert (call["interruptions"], call["errors"], call["cost_usd_text"]) == (1, 1, "$0.0012")


def test_money_is_spelled_at_any_depth_with_the_digits_of_its_sum() -> None:
    assert spelled({"a": [{"cost_usd": 2.5, "stt_usd": 0.9704}], "b": None, "llm_usd": None}) == {
        "a": [{"cost_usd": 2.5, "stt_usd": 0.9704, "cost_usd_text": "$2.50", "stt_usd_text": "$0.97"}],
        "b": None,
        "llm_usd": None,
        "llm_usd_text": "–",
    }


def test_what_went_wrong_is_seen_and_said(visit: Visit, server: PageServer, ledger: Ledger) -> None:
    server.trace_url = "https://traces.example/{trace_id}?x=1"
    start = ended(ledger, "a-call", duration_seconds=33.0, outcome="table_booked", success=True, ended_by="caller",
                  trace_id="4bf92f35", turns={"completed": 3, "interrupted": 1, "unanswered": 1})  # fmt: skip
    ledger.add("a-call", eventful(start))
    flush(ledger)
    tab = visit.go(server, "call/a-call")

    why = tab.locator(".why")
    why.wait_for()
    assert why.inner_text() == unbroken(
        "Slowest: answer 3 at 0:25, 3\u202f400 ms. Language model (gpt-4.1) took 2\u202f700 ms of it, "
        "usually 400 ms. Meanwhile the event loop was held for 900 ms by look_up, so every call of the process waited. "
        "Show it in the time line"
    )
    assert tab.locator(".over").inner_text() == "On average over the 2 of 3 answers whose parts are known:"
    assert tab.locator("tr.slow .badge").inner_text() == "slow"
    assert tab.locator(".bar.turn-wait.slow").count() == 1
    assert tab.locator(".outcome").inner_text() == "table booked, success"
    assert tab.locator("dl.facts dd", has_text="completed, by the caller").count() == 1
    assert tab.get_by_role("link", name="Trace").get_attribute("href") == "https://traces.example/4bf92f35?x=1"
    for look, said in (
        (".mark-bad >> text=?", "0:17 · The caller's turn got no answer: no transcript"),
        (".bar.silence", "0:15 · Silence after the caller, 8\u202f500 ms"),
        (".bar.gap", "0:10 · Gap: the bot's audio came late, 400 ms"),
        (".bar.stall", "0:26 · Event loop held in look_up, 900 ms"),
    ):
        tab.locator(look).first.hover()
        assert tab.locator(".lane-text").inner_text() == unbroken(said)


def test_each_thing_that_stands_out_leads_to_its_moment(visit: Visit, server: PageServer, ledger: Ledger) -> None:
    start = ended(ledger, "a-call", duration_seconds=33.0)
    slow = Row(start + 2.4, "set_up", 3.2, "tts", "CartesiaTTSService", "sonic-2")
    ledger.add("a-call", [slow, Row(start + 2.8, "greeting", 2.8), *eventful(start)])
    flush(ledger)
    tab = visit.go(server, "call/a-call")
    tab.locator(".standouts li").first.wait_for()

    said = [text.replace("\n", " ") for text in tab.locator(".standouts li").all_inner_texts()]
    assert said == [
        unbroken(
            "Start The services took 3\u202f200 ms to set up, the longest CartesiaTTSService with 3\u202f200 ms; "
            "the caller waited 2\u202f400 ms of it for the greeting."
        ),
        "0:09 Function book_table: timed out.",
        unbroken("0:10 Gap in the bot's speech: its audio came late, 400 ms."),
        "0:12 Error in CartesiaTTSService: network.",
        "0:17 The caller's turn got no answer: no transcript.",
        unbroken("0:26 Event loop held by look_up, and every call of the process with it, 900 ms."),
    ]
    assert tab.locator(".lanes").get_attribute("data-zoom") is None
    tab.get_by_role("button", name="0:17").focus()
    tab.keyboard.press("Enter")
    assert tab.locator(".lane-text").inner_text() == "0:17 · The caller's turn got no answer: no transcript."
    pointer, mark = tab.locator(".pointer").bounding_box(), tab.locator(".mark-bad >> text=?").bounding_box()
    assert pointer["x"] + 1 == pytest.approx(mark["x"] + mark["width"] / 2, abs=1.5)
    assert 0 < pointer["x"] < 1280
    tab.get_by_role("button", name="Show it in the time line").click()
    assert tab.locator(".lane-text").inner_text() == unbroken("0:25 · Answer 3: caller waits, 3\u202f400 ms")
    assert tab.locator("dl.facts dd", has_text="3\u202f200 ms (CartesiaTTSService").count() == 1


def test_an_older_call_has_no_empty_places_for_it(visit: Visit, server: PageServer, ledger: Ledger) -> None:
    start = ended(ledger, "a-call", duration_seconds=14.0)
    ledger.add("a-call", conversation(start))
    flush(ledger)
    tab = visit.go(server, "call/a-call")
    tab.locator(".answers tbody tr").nth(1).wait_for()

    for look in (".why", ".outcome", "a.button", ".badge", ".bar.silence", ".bar.stall"):
        assert tab.locator(look).filter(visible=True).count() == 0, look
    assert tab.locator(".lane .label", has_text="Who speaks").count() == 0


def test_the_heading_of_a_long_table_stays(visit: Visit, server: PageServer, ledger: Ledger) -> None:
    for number in range(60):
        ended(ledger, f"call-{number}", ago=60.0 * number + 60)
    flush(ledger)
    tab = visit.go(server, "calls")
    tab.locator("tbody tr").nth(59).scroll_into_view_if_needed()

    assert tab.evaluate("scrollY") > 500
    assert tab.evaluate(HEAD) == 0


def test_a_phone_shows_the_cost_and_that_there_is_more(chromium: Chromium, server: PageServer, ledger: Ledger) -> None:
    ended(ledger, "9f86d081-884c-4d65-9a2f-eaa0c55ad015", cost={"total_usd": 0.0761})
    flush(ledger)
    visit = Visit(chromium, viewport={"width": 390, "height": 844}, has_touch=True)
    tab = visit.go(server, "calls")
    cost = tab.locator("tbody td", has_text="$0.0761")
    cost.wait_for()

    assert cost.evaluate(RIGHT) < 0
    assert tab.locator(".hint").is_visible() == (tab.locator(".framed.scrolls").count() == 1)
    tab.set_viewport_size({"width": 320, "height": 844})
    tab.get_by_text("Scroll sideways for more columns").wait_for()
    visit.close()


def test_a_phone_shows_each_answer_with_its_cost_and_its_whole_bar(
    chromium: Chromium, server: PageServer, ledger: Ledger
) -> None:
    start = ended(ledger, "a-call", duration_seconds=33.0)
    ledger.add("a-call", eventful(start))
    flush(ledger)
    visit = Visit(chromium, viewport={"width": 390, "height": 844}, has_touch=True)
    tab = visit.go(server, "call/a-call")
    tab.locator(".answers .segment").first.wait_for()

    assert tab.locator(".answers td", has_text="$0.0012").is_visible()
    assert tab.locator(".answers .stack").last.evaluate(WIDTH) > 300
    assert tab.get_by_text("Scroll sideways for the rest.").is_visible()
    visit.close()


def test_a_call_with_a_slow_answer_is_marked_in_the_list(visit: Visit, server: PageServer, ledger: Ledger) -> None:
    ended(ledger, "slow", response={"count": 1, "max_ms": 2501.0})
    ended(ledger, "quick", ago=700.0, response={"count": 1, "max_ms": 2500.0})
    flush(ledger)
    tab = visit.go(server, "calls")
    tab.locator("tbody tr").nth(1).wait_for()

    assert tab.locator("tbody td .odd").all_inner_texts() == [unbroken("2\u202f501 ms")]


def test_models_are_whole_where_there_is_room(visit: Visit, server: PageServer, ledger: Ledger) -> None:
    ended(ledger, "a-call", models={"llm": "claude-haiku-4-5", "stt": "nova-3", "tts": "eleven_flash_v2_5"})
    flush(ledger)
    tab = visit.go(server, "now")
    cell = tab.locator("td.wide").first
    cell.wait_for()

    assert cell.evaluate("cell => cell.scrollWidth - cell.clientWidth") == 0


def test_a_call_that_is_none_says_so_and_offers_nothing_of_it(visit: Visit, server: PageServer, ledger: Ledger) -> None:
    ended(ledger, "one")
    flush(ledger)
    tab = visit.go(server, "call/nobody")

    tab.get_by_role("heading", name="There is no such call").wait_for()
    tab.get_by_text("No call's id begins with 'nobody'.").wait_for()
    assert not tab.get_by_role("button", name="Copy id").is_visible()
    assert not tab.locator(".state").is_visible()
    visit.close_after_complaints()


def test_an_error_and_the_turn_that_it_left_unanswered_are_both_seen(
    visit: Visit, server: PageServer, ledger: Ledger
) -> None:
    start = ended(ledger, "a-call", duration_seconds=60.0)
    rows = [Row(start + 50.0, "error", name="LLM"), Row(start + 50.1, "unanswered"), Row(start + 55.0, "interruption")]
    ledger.add("a-call", rows)
    flush(ledger)
    tab = visit.go(server, "call/a-call")
    tab.locator(".mark").first.wait_for()

    error, unanswered, interruption = (mark.bounding_box() for mark in tab.locator(".mark").all())
    assert error["y"] + error["height"] <= unanswered["y"]
    assert interruption["y"] == error["y"]
