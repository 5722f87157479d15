"""vmagent adds up the calls of all processes for a store without call ids, and the dashboard counts them right."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from voice_metrics.series import table
from voice_metrics.series.table import CALL_ID

from .board import Moment, ask, questions
from .chain import DEPLOY, Chain
from .otlp import Feed, Points

CALLS = 20
RUNNING = 3


@pytest.fixture
def aggregating(tmp_path: Path) -> Iterator[Chain]:
    """The chain with deploy/vmagent's aggregation, every second instead of every minute."""
    chain = Chain(tmp_path)
    config = tmp_path / "aggregation.yaml"
    config.write_text((DEPLOY / "vmagent" / "without-call-id.yaml").read_text().replace("interval: 1m", "interval: 1s"))
    flag = f"-remoteWrite.streamAggr.config={config}"
    # Once for each of the two stores.
    chain.agent.arguments = (*chain.agent.arguments, flag, flag)
    chain.start()
    yield chain
    chain.stop()


def test_calls_are_added_up_and_none_is_lost(aggregating: Chain):
    store, feed = aggregating.store, Feed(aggregating)
    running: list[Points] = []
    assert feed.send([spoken("first", 1000)], time.time())
    settle(aggregating, "sum(voice_llm_tokens_total)", 1000)
    looked_at = time.time()
    for number in range(CALLS):
        call = spoken(str(number), 100 + number)
        call.add(table.CALLS_ACTIVE, {CALL_ID: str(number)}, 1)
        assert feed.send([call], time.time())
        time.sleep(0.02)
        call.add(table.LLM_TOKENS, {CALL_ID: str(number), "token_type": "prompt"}, 7)
        if number < CALLS - RUNNING:
            call.add(table.CALLS_ACTIVE, {CALL_ID: str(number)}, -1)
        else:
            running.append(call)
        assert feed.send([call], time.time())
    tokens = sum(100 + number + 7 for number in range(CALLS))
    settle(aggregating, "sum(voice_llm_tokens_total)", 1000 + tokens)
    # A call that goes on is in every interval, as it is in every export of a bot.
    settle(aggregating, "voice_calls_active", RUNNING, lambda: feed.send(running, time.time()))
    line = (("job", "voice-bot"), ("token_type", "prompt"))
    assert set(store.instant("voice_llm_tokens_total", time.time())) == {line}
    (total,) = (question for question in questions() if question.title == "Tokens over time")
    now = time.time()
    assert ask(store, total, Moment(now, math.ceil(now - looked_at), 1)) == {line[1:]: tokens}


def spoken(call_id: str, tokens: int) -> Points:
    """A call that just began, with its first tokens."""
    call = Points(time.time() - 0.1, f"process-{len(call_id)}")
    call.add(table.LLM_TOKENS, {CALL_ID: call_id, "token_type": "prompt"}, tokens)
    return call


def settle(chain: Chain, expression: str, value: float, meanwhile: Callable[[], object] = lambda: None) -> None:
    """Wait until a query answers a value."""
    deadline = time.monotonic() + 60
    while value not in chain.store.instant(expression, time.time()).values():
        meanwhile()
        assert time.monotonic() < deadline, chain.store.instant(expression, time.time())
        time.sleep(0.1)
