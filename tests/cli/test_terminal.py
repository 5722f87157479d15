"""What a person sees on a terminal: colours, short ids, and a table that fits."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX's")]


def seen(environment: dict[str, str], columns: int, *arguments: str, terminal: str = "xterm") -> str:
    """What a terminal of a width is sent; one without abilities has no width and is taken for 80 columns wide."""
    import pty

    ours, theirs = pty.openpty()
    size = {} if terminal == "dumb" else {"COLUMNS": str(columns), "LINES": "50"}
    inherited = {name: value for name, value in environment.items() if name not in ("COLUMNS", "LINES")}
    command = subprocess.Popen(
        [sys.executable, "-m", "voice_metrics", *arguments],
        env=inherited | size | {"TERM": terminal},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        close_fds=True,
    )
    os.close(theirs)
    content = b""
    while True:
        try:
            chunk = os.read(ours, 65_536)
        except OSError:  # how Linux says that the other end is closed
            break
        if not chunk:
            break
        content += chunk
    os.close(ours)
    assert command.wait(60) == 0
    return content.decode()


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def heading(text: str) -> list[str]:
    return plain(text).splitlines()[0].split()


@pytest.mark.parametrize(
    ("columns", "left_out"),
    [
        pytest.param(200, set(), id="wide"),
        pytest.param(110, {"models"}, id="narrower"),
        pytest.param(87, {"models", "characters", "tokens"}, id="room-for-one-left-out-before"),
        pytest.param(80, {"models", "characters", "turns", "tokens"}, id="the-usual-80"),
        pytest.param(70, {"models", "characters", "turns", "tokens", "series"}, id="narrow"),
        pytest.param(60, {"models", "characters", "turns", "tokens", "series", "length"}, id="narrower-still"),
        pytest.param(
            40, {"models", "characters", "turns", "tokens", "series", "length", "cost", "worst"}, id="half-a-screen"
        ),
    ],
)
def test_a_narrow_terminal_sees_fewer_columns_whole(
    environment: dict[str, str], calls: Path, columns: int, left_out: set[str]
) -> None:
    text = seen(environment, columns, "calls")
    every = [
        "call",
        "started",
        "(local)",
        "length",
        "end",
        "worst",
        "turns",
        "tokens",
        "characters",
        "cost",
        "series",
        "models",
    ]
    assert heading(text) == [name for name in every if name not in left_out]
    assert "…" not in text
    assert max(len(line) for line in plain(text).splitlines()) <= columns


def test_a_terminal_without_abilities_sees_fewer_columns_whole_too(environment: dict[str, str], calls: Path) -> None:
    text = seen(environment, 80, "calls", terminal="dumb")
    assert heading(text) == ["call", "started", "(local)", "length", "end", "worst", "cost", "series"]
    assert "…" not in text


def test_ids_that_begin_alike_are_shown_as_far_as_they_differ(environment: dict[str, str]) -> None:
    from tests.ledger.summaries import NOON, summary
    from voice_metrics.ledger import Ledger

    with closing(Ledger(Path(environment["VOICE_METRICS_DB"]))) as ledger:
        for number, name in enumerate(("room-2026-11-29-a", "room-2026-11-29-bc", "room-2026-11-29-bd", "other")):
            ledger.call_started(name, NOON + timedelta(hours=number), summary(name))
    rows = plain(seen(environment, 120, "calls")).splitlines()[1:]
    assert [row.split()[0] for row in rows] == [
        "other",
        "room-2026-11-29-bd",
        "room-2026-11-29-bc",
        "room-2026-11-29-a",
    ]


def test_one_call_on_a_terminal_of_80_columns_is_whole(environment: dict[str, str], calls: Path) -> None:
    text = plain(seen(environment, 80, "calls", "aaaa"))
    assert "…" not in text
    assert max(len(line) for line in text.splitlines()) <= 80
    words = text.split()
    for word in ("1.50", "310", "OpenAILLMService", "CartesiaTTSService", "completion", "pipeline", "590"):
        assert word in words


def test_colours_tell_what_needs_attention(environment: dict[str, str], calls: Path) -> None:
    text = seen(environment, 200, "calls")
    assert "\x1b[31merror" in text
    assert "\x1b[33mpending" in text


def test_a_person_may_do_without_colours(environment: dict[str, str], calls: Path) -> None:
    assert not re.search(r"\x1b\[3[0-9]m", seen(environment | {"NO_COLOR": "1"}, 200, "calls"))


def test_names_from_the_ledger_are_text_whatever_they_look_like(environment: dict[str, str]) -> None:
    from tests.ledger.summaries import NOON, summary
    from tests.waiting import flush
    from voice_metrics.ledger import Ledger

    ledger = Ledger(Path(environment["VOICE_METRICS_DB"]))
    models = {"llm": "[red]not a colour[/red]", "stt": "\x1b[31mnor this\x1b[0m", "tts": None}
    ledger.call_started("a", NOON, summary("a", models=models))
    flush(ledger)
    ledger.close()
    for arguments in (["calls"], ["calls", "a"]):
        text = seen(environment, 300, *arguments)
        assert "[red]not a colour[/red]" in plain(text)
        assert "□[31mnor this□[0m" in text


def test_a_terminal_of_few_letters_is_no_error(environment: dict[str, str], calls: Path) -> None:
    text = seen(environment | {"PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}, 200, "calls")
    assert "cccc-3" in text
    assert text.isascii()
