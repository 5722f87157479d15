"""The page "from other tools" leads to series that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.test_series_page import EVERY
from voice_metrics.series.prometheus_names import label_name, series_names
from voice_metrics.series.table import COMMON_ATTRIBUTES

PAGE = Path(__file__).parent.parent / "docs" / "from-other-tools.md"
OURS = re.compile(
    r"`((?:voice|gen_ai[._]client|http_server|db_client|process|retrieval|webhook)[._][a-z_.]+)(?:\{([a-z_]+)=)?"
)


def _right_hand_names() -> list[tuple[str, str]]:
    rows = [line.split(" | ") for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    return [found for row in rows for found in OURS.findall(row[1])]


def _named(name: str):
    for series in EVERY:
        prometheus = {part.removesuffix("_bucket") for part in series_names(series)} | set(series_names(series))
        if name in (series.name, *prometheus):
            return series
    return None


@pytest.mark.parametrize(("name", "label"), sorted(set(_right_hand_names())))
def test_every_name_it_leads_to_is_a_series_of_ours(name, label):
    series = _named(name)
    assert series is not None
    # The ready declarations leave their attributes to the caller.
    labels = {label_name(attribute) for attribute in (*series.attributes, *COMMON_ATTRIBUTES)} | {"outcome"}
    assert not label or label in labels


def test_it_maps_what_people_come_from():
    text = PAGE.read_text()
    for name in ("input_tokens", "prompt_throughput", "token_throughput", "time_to_first_token"):
        assert f"| `{name}`" in text
    assert len(set(_right_hand_names())) > 30
