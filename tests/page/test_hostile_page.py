"""Hostile text in the page as Chromium draws it: it stays text, and no secret is anywhere in the document."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.hostile_texts import SECRETS, SNIPPETS, hostile_call, place, sample
from tests.page.conftest import Chromium, Visit, running
from tests.page.known_calls import ended, eventful, live
from tests.waiting import flush
from voice_metrics import Telemetry, VoiceMetricsProcessor
from voice_metrics.call.text import clean
from voice_metrics.ledger import Ledger, ledger_at
from voice_metrics.page import PageServer

# Kinds of elements, names of attributes, and the addresses that something would follow or load.
MADE = """() => [...document.querySelectorAll('*')].flatMap((each) => [
    each.localName, ...[...each.attributes].map(({name}) => `${each.localName} ${name}`)])"""
ADDRESSES = """() => [...document.querySelectorAll('[href], [src], [action]')].map(
    (each) => each.href ?? each.src ?? each.action)"""
OPEN = "() => document.querySelectorAll('main details summary').forEach((each) => each.click())"
VIEWS = ("now", "calls", "latency?period=hour", "usage?period=hour")


class Drawn:
    """What a visit of every view made.

    Parameters:
        made: Kinds of elements and of attributes.
        addresses: Where links and sources go.
        documents: The views' whole documents.
        texts: The text of each call's page, by its id.
        titles: Ids in the table of all calls, the latest first.
        models: What the filter of the latencies offers.
    """

    def __init__(self) -> None:
        self.made: set[str] = set()
        self.addresses: set[str] = set()
        self.documents: list[str] = []
        self.texts: dict[str, str] = {}
        self.titles: list[str] = []
        self.models: list[str] = []

    def look(self, tab: Any) -> None:
        self.made |= set(tab.evaluate(MADE))
        self.addresses |= set(tab.evaluate(ADDRESSES))
        self.documents.append(tab.content())


def drawn(chromium: Chromium, server: PageServer) -> Drawn:
    """Draw every view and every call's page; fail if the browser complains, or asks another host."""
    found, visit = Drawn(), Visit(chromium)
    tab = visit.tab
    for view in VIEWS:
        visit.go(server, view)
        tab.locator("main h1").wait_for()
        tab.locator("main canvas" if "?" in view else "main tbody tr").first.wait_for()
        if view.startswith("latency"):
            found.models = tab.locator("select option").evaluate_all("all => all.map((each) => each.value)")
        if view == "calls":
            found.titles = tab.locator("main tbody th a").evaluate_all("all => all.map((each) => each.title)")
            pages = tab.locator("main tbody th a").evaluate_all("all => all.map((each) => each.hash)")
        found.look(tab)
    for title, page in zip(found.titles, pages, strict=True):
        tab.goto(f"{server.host}{page}")
        visit.until("() => document.querySelector('h1 .id')?.textContent", title)
        tab.locator("dl.facts dd").first.wait_for()
        tab.evaluate(OPEN)
        tab.locator("details tbody tr").first.wait_for()
        found.texts[title] = tab.evaluate("document.body.textContent")
        found.look(tab)
    visit.close()
    assert visit.complaints == []
    assert [url for url in visit.requests if not url.startswith(server.host)] == []
    return found


def calls_of(texts: list[str]) -> list[str]:
    """Run a call for each text, all at once, as a bot does; their ids."""
    telemetry = Telemetry()

    async def one(number: int, text: str) -> str:
        attributes = {"caller": text, f"x{text}"[:256]: text}
        metrics = VoiceMetricsProcessor(telemetry=telemetry, llm_model=text, attributes=attributes)
        await hostile_call(metrics, text, f"{text}{number}")
        assert metrics.call_id == clean(f"{text}{number}")
        return metrics.call_id

    async def all_of_them() -> list[str]:
        return list(await asyncio.gather(*(one(number, text) for number, text in enumerate(texts))))

    # Playwright has a loop in this thread.
    with ThreadPoolExecutor(1) as thread:
        ids = thread.submit(asyncio.run, all_of_them()).result()
    telemetry.shutdown(60)
    return ids


@pytest.fixture(scope="module")
def plain(chromium: Chromium) -> Iterator[Drawn]:
    """The same calls with a harmless name."""
    with place() as (_, _, path):
        calls_of(["plain", "other"])
        ledger = ledger_at(path, 30)
        cost = {"unpriced": ["plain"], "unpriced_reasons": ["plain"], "prices": [{"model": "plain"}]}
        told = {"attributes": {"a": "b"}, "outcome": "plain", "ended_by": "plain", "trace_id": "plain", "cost": cost}
        ledger.add("eventful", eventful(ended(ledger, "eventful", **told)))
        live(ledger, "running", attributes={"a": "b"})
        ledger.add("running", eventful(time.time() - 20.0))
        flush(ledger)
        with running(PageServer(path)) as server:
            yield drawn(chromium, server)


@pytest.mark.filterwarnings("ignore")
def test_hostile_calls_are_drawn_as_text_without_a_secret(chromium: Chromium, plain: Drawn) -> None:
    texts = sample(16)
    with place() as (receiver, _, path):
        ids = calls_of(texts)
        assert receiver.points
        flush(ledger_at(path, 30))
        with running(PageServer(path)) as server:
            found = drawn(chromium, server)
            assert {address for address in found.addresses if not address.startswith(server.host)} == set()
    assert sorted(found.titles) == sorted(ids)
    assert found.made - plain.made == set()
    assert [(secret, document) for secret in SECRETS for document in found.documents if secret in document] == []
    for number, text in enumerate(texts):
        assert f"caller = {clean(text)}" in found.texts[clean(f"{text}{number}")]
    assert set(found.models) >= {clean(text) for text in texts}


def test_rows_that_nothing_made_safe_are_drawn_as_text(
    chromium: Chromium, plain: Drawn, ledger: Ledger, path: Path
) -> None:
    for number, text in enumerate(SNIPPETS):
        told = {
            **dict.fromkeys(("outcome", "ended_by", "trace_id"), text),
            "models": dict.fromkeys(("llm", "stt", "tts"), text),
            "attributes": {text: text},
            "cost": {"unpriced": [text], "unpriced_reasons": [text], "prices": [{"model": text, "source": text}]},
        }
        ledger.add(f"{number}", eventful(ended(ledger, f"{number}", **told)))
    live(ledger, "running", attributes={"a": SNIPPETS[0]})
    ledger.add("running", eventful(time.time() - 20.0))
    flush(ledger)
    # SQLite keeps bytes that are no UTF-8 as text.
    texts: list[dict[str, Any]] = [
        {"text": text.encode("utf-8", "surrogatepass"), "key": f"{number}"} for number, text in enumerate(SNIPPETS)
    ]
    named = ", ".join(f"{name} = CAST(:text AS TEXT)" for name in ("call_id", "llm_model", "end_reason"))
    rows = ", ".join(f"{name} = CAST(:text AS TEXT)" for name in ("name", "model", "outcome"))
    with sqlite3.connect(path) as db:
        db.executemany(f"UPDATE measurement SET {rows} WHERE call = (SELECT id FROM call WHERE key = :key)", texts)
        db.executemany(f"UPDATE call SET {named} WHERE key = :key", texts)
    db.close()
    with running(PageServer(path)) as server:
        found = drawn(chromium, server)
        assert {address for address in found.addresses if not address.startswith(server.host)} == set()
    assert sorted(found.titles) == sorted([*(row["text"].decode("utf-8", "replace") for row in texts), "running"])
    assert found.made - plain.made == set()
