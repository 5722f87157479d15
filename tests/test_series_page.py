"""The page of all series says what the code makes."""

from __future__ import annotations

import pytest
import write_series

from voice_metrics.retrieval import READY
from voice_metrics.series import table
from voice_metrics.series.prometheus_names import series_names
from voice_metrics.server.server_series import SERVER

PAGE = write_series.PAGE.read_text("utf-8")
EVERY = (
    *table.VOICE,
    *table.GEN_AI,
    *(metric.series(key.value) for key, metric in READY.items()),
    *(sourced.series for sourced in SERVER),
)


def test_the_page_is_current():
    assert write_series.page() == PAGE, "run python scripts/write_series.py"


@pytest.mark.parametrize("series", EVERY, ids=lambda series: series.name)
def test_every_series_is_on_the_page_once_with_its_name_in_prometheus(series):
    rows = [line for line in PAGE.splitlines() if line.startswith(f"| `{series.name}`<br>")]
    assert len(rows) == 1
    assert f"<br>`{series_names(series)[0]}" in rows[0]


def test_no_two_series_have_one_name_in_prometheus():
    names = [name for series in EVERY for name in series_names(series)]
    assert len(names) == len(set(names))
