"""A hundred calls go through the plug-in, OTLP, vmagent and Prometheus: every panel shows the truth about them.

The receiver is away for some seconds in the middle; three calls still run when the dashboard is looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from voice_metrics import series as s

from .board import Moment, ask, questions
from .chain import Chain
from .expected import World
from .otlp import Feed
from .plugin import Performance, wait_for_exports
from .script import Call, Truth, calls

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


def series_of(script: list[Call], labelled: bool) -> int:
    """Number of Prometheus series that the script has."""
    active = {(name, call.call_id if labelled else call.models["llm_model"]) for call in script for name in ("a", "d")}
    lines = {(event.series, tuple(sorted(tags.items()))) for event, tags in Truth.of(script, labelled).events}
    return len(active) + sum(len(row.buckets) + 3 if row.kind is s.Kind.HISTOGRAM else 1 for row, _ in lines)


@pytest.fixture(scope="module", params=[True, False], ids=["label", "off"])
def played(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    chain = Chain(tmp_path_factory.mktemp("chain"))
    chain.start()
    try:
        script = calls()
        performance = Performance(chain, script, request.param)
        telemetry = performance.play()
        wait_for_exports(telemetry)
        end = performance.look()
        Feed(chain).settle(end)
        yield Played(
            chain,
            World(
                script,
                script,
                request.param,
                RANGE_SECONDS,
                performance.begins,
                performance.lengths,
                SLACK_SECONDS,
                series_of(script, request.param),
            ),
            Moment(end, RANGE_SECONDS, 1),
        )
        telemetry.shutdown()
    finally:
        chain.stop()


def test_every_panel_shows_the_truth(played: Played):
    wrong = []
    for question in questions():
        try:
            answer = ask(played.chain.store, question, played.moment)
            played.truth.answers[question.title][question.place].check(str(question), answer, slack=1e-6)
        except AssertionError as difference:
            wrong.append(str(difference)[:500])
    assert wrong == []
