"""A hundred calls go through the plug-in, OTLP, vmagent and Prometheus: every panel shows the truth about them.

The receiver is away for some seconds in the middle; three calls still run when the dashboard is looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from loguru import logger

from .board import Moment, ask, questions
from .chain import Chain
from .expected import World
from .hundred_calls import RECORDED, calls
from .otlp import Feed
from .plugin import Performance, wait_for_exports
from .plugin import played as played_part

RANGE_SECONDS = 120.0
# An export that was under way when a moment was noted.
SLACK_SECONDS = 1.5


@dataclass(frozen=True)
class Played:
    """The chain after the script was played.

    Parameters:
        chain: The chain.
        truth: What is true about the script.
        moment: When the dashboard is looked at.
    """

    chain: Chain
    truth: World
    moment: Moment


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[bool, Played]]:
    """The script, played with and without call ids at the same time."""
    # To write each of fifty thousand measurements would take as long as to play them.
    logger.disable("voice_metrics")
    with ExitStack() as cleanup, ThreadPoolExecutor(2) as stage:
        cleanup.callback(logger.enable, "voice_metrics")
        chains = {labelled: Chain(tmp_path_factory.mktemp("chain")) for labelled in (True, False)}
        for chain in chains.values():
            cleanup.callback(chain.stop)
            chain.start()
        yield dict(zip(chains, stage.map(play, chains.values(), chains, [cleanup] * 2), strict=True))


def play(chain: Chain, labelled: bool, cleanup: ExitStack) -> Played:
    script = [played_part(call) for call in calls()]
    performance = Performance(chain, script, labelled)
    telemetry = performance.play()
    cleanup.callback(telemetry.shutdown)
    wait_for_exports(telemetry)
    end = performance.look()
    feed = Feed(chain)
    for name, (attributes, value) in RECORDED.items():
        feed.record(name, attributes, value, end)
    feed.settle(end)
    times = (performance.begins, performance.lengths, SLACK_SECONDS)
    return Played(chain, World(script, script, labelled, RANGE_SECONDS, *times, 0), Moment(end, RANGE_SECONDS, 1))


@pytest.fixture(params=[True, False], ids=["label", "off"])
def played(request: pytest.FixtureRequest, both: dict[bool, Played]) -> Played:
    return both[request.param]


# In quick motion the plug-in's own clocks come to other lengths than the script's, and to series of their own.
CLOCKED = {
    "Speaking over time",
    "Speaking time",
    "Speaking time of the call",
    "Silences",
    "Length of calls",
    "Live series",
}


def test_every_panel_shows_the_truth(played: Played):
    wrong = []
    for question in questions():
        if question.title in CLOCKED:
            continue
        try:
            answer = ask(played.chain.store, question, played.moment)
            played.truth.answers[question.title][question.place].check(str(question), answer, slack=1e-6)
        except AssertionError as difference:
            wrong.append(str(difference)[:500])
    assert wrong == []
