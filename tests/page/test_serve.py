"""The command `serve` as a user runs it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

from tests.page.command import served, serving
from tests.page.known_calls import ended
from tests.waiting import flush
from voice_metrics.ledger import Ledger
from voice_metrics.page import PageServer


def view(url: str, name: str) -> dict[str, object]:
    with urlopen(f"{url}api/{name}", timeout=60) as answer:
        return dict(json.load(answer))


def test_it_names_the_ledger_and_the_address_and_shows_the_calls(path: Path, ledger: Ledger) -> None:
    ended(ledger, "one")
    flush(ledger)
    with serving(path) as (said, process):
        assert re.fullmatch(
            rf"The calls of {re.escape(str(path))}: (http://127\.0\.0\.1:\d+/)  \(Ctrl-C ends it\)\n", said
        )
        assert view(said.split()[4], "calls")["total"] == 1
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0


def test_the_demo_fills_a_ledger_that_is_thrown_away(path: Path) -> None:
    with served(path, "--demo") as url:
        found = view(url, "calls?limit=1000")
        calls = found["calls"]
        assert isinstance(calls, list)
        thrown_away = Path(str(found["ledger"]))
        assert thrown_away.exists()
        assert found["demo"] is True
        assert len(calls) >= 250
        assert all(call["call_id"].startswith("demo-") for call in calls)
        assert sum(call["state"] == "live" for call in calls) <= 2
        one = view(url, f"call?id={calls[-1]['call_id']}")
        assert one["summary"]["attributes"]["demo"] == "made up"  # type: ignore[index]
        assert one["story"]["answers"]  # type: ignore[index]
    assert not thrown_away.parent.exists()
    assert not path.exists()


def run(path: Path, *arguments: str, db: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "voice_metrics", "serve", "--no-browser", *arguments],
        env={"VOICE_METRICS_DB": db, "PATH": "", "PYTHONPATH": str(Path(__file__).parents[2])},
        cwd=path.parent,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_without_a_ledger_there_is_nothing_to_serve(path: Path) -> None:
    result = run(path, db="off")

    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("voice-metrics: VOICE_METRICS_DB='off': there is no record of calls")


def test_a_taken_port_is_reported(path: Path, server: PageServer) -> None:
    result = run(path, "--port", str(server.server_port), db=str(path))

    assert result.returncode == 2
    assert f"--port {server.server_port} cannot be listened on: Address already in use" in result.stderr
