"""Times as people write them."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from voice_metrics.cli.moments import iso, moment

NOW = datetime(2026, 11, 22, 13, 5, 30).astimezone()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", NOW),
        ("today", NOW.replace(hour=0, minute=0, second=0)),
        ("Yesterday", NOW.replace(day=21, hour=0, minute=0, second=0)),
        ("90s", NOW - timedelta(seconds=90)),
        ("30 m", NOW - timedelta(minutes=30)),
        ("2h", NOW - timedelta(hours=2)),
        ("7d", NOW - timedelta(days=7)),
        ("2w", NOW - timedelta(days=14)),
        ("2026-11-20T10:00:00Z", datetime(2026, 11, 20, 10, tzinfo=UTC)),
        ("2026-11-20 10:00+02:00", datetime(2026, 11, 20, 8, tzinfo=UTC)),
        ("2026-11-20", datetime(2026, 11, 20).astimezone()),
    ],
)
def test_moments(text: str, expected: datetime) -> None:
    assert moment(text, NOW) == expected


@pytest.mark.parametrize(
    ("text", "now", "expected"),
    [
        pytest.param("today", "2026-03-29T10:00", "2026-03-28T23:00Z", id="today-clocks-went-forward"),
        pytest.param("yesterday", "2026-03-30T10:00", "2026-03-28T23:00Z", id="yesterday-they-did"),
        pytest.param("today", "2026-10-25T10:00", "2026-10-24T22:00Z", id="today-they-went-back"),
    ],
)
@pytest.mark.skipif(not hasattr(time, "tzset"), reason="a process of Windows keeps its time zone")
def test_a_day_begins_at_midnight_although_the_clocks_change(
    text: str, now: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as zone:
        zone.setenv("TZ", "Europe/Berlin")
        time.tzset()
        found = moment(text, datetime.fromisoformat(now).astimezone())
    time.tzset()
    assert found == datetime.fromisoformat(expected)


@pytest.mark.parametrize("text", ["", "soon", "7y", "2026-13-01", "99999999d", "-1h"])
def test_what_is_no_moment_says_what_is_expected(text: str) -> None:
    with pytest.raises(ValueError, match="expected a time such as 2026-11-22, 2026-11-22T13:05, today, 2h or 7d"):
        moment(text, NOW)


def test_iso_is_utc_to_the_millisecond() -> None:
    assert iso(1.5) == "1970-01-01T00:00:01.500Z"
