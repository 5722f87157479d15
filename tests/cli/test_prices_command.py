import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from tests.waiting import flush
from voice_metrics.cli.prices import prices
from voice_metrics.ledger import Ledger
from voice_metrics.prices.price_lists import newest
from voice_metrics.settings.extras import install_line

app = typer.Typer()
app.command()(prices)


def run(*arguments: str, **environ: str) -> Result:
    blank = {"VOICE_METRICS_PRICES": "", "VOICE_METRICS_DB": "off"}
    return CliRunner().invoke(app, list(arguments), env=blank | environ)


def test_it_says_what_would_be_used_and_where_it_comes_from() -> None:
    done = run("gpt-4.1", "--provider", "openai", "--service", "llm")
    assert done.exit_code == 0
    assert "  llm, openai: input $2, cached input $0.5, output $8 per million tokens\n" in done.output
    assert "    from genai-prices " in done.output


def test_without_a_provider_it_finds_those_that_have_the_model() -> None:
    done = run("sonic-3.6")
    assert done.exit_code == 0
    assert [line.split(":")[0] for line in done.output.splitlines() if line.startswith("  t")] == ["  tts, cartesia"]


def test_it_says_why_there_is_no_price() -> None:
    done = run("gpt-4o-mini-tts", "--provider", "openai", "--service", "tts")
    assert done.exit_code == 1
    assert "no price: voice-prices " in done.output
    assert "billed by the token, and Pipecat reports characters" in done.output


def test_an_unknown_model_fails_so_that_a_deployment_can_check() -> None:
    done = run("gpt-4.1", "nonsense")
    assert done.exit_code == 1
    assert "nonsense\n  no price of any provider that has a price list" in done.output
    assert run("\udc80").output.startswith("□\n  no price")


def test_the_users_price_comes_first_and_the_public_one_is_shown_beside_it(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('"gpt-4.1" = { unit = "million tokens", input = 1, output = 2 }')
    environ = {"VOICE_METRICS_PRICES": str(tmp_path / "mine.toml")}
    done = run("gpt-4.1", "--provider", "openai", "--service", "llm", "--json", **environ)
    (line,) = json.loads(done.output)
    assert line["source"] == "your price file mine.toml"
    assert line["price"] == "input $1, output $2 per million tokens"
    assert "input $2" in line["instead"][0]


def test_a_wrong_price_file_is_reported_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('\nm = { unit = "minute", price = -1 }')
    done = run("m", VOICE_METRICS_PRICES=str(tmp_path / "mine.toml"))
    assert done.exit_code == 2
    assert "line 2: model 'm': price = -1" in done.output


def test_no_model_and_no_check_is_a_usage_error() -> None:
    assert run().exit_code == 2
    assert run("m", "--service", "other").exit_code == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ("--check", "--provider", "openai"),
        ("--check", "--service", "llm"),
        ("--refresh", "gpt-4.1"),
        ("--refresh", "--check"),
        ("--refresh", "--json"),
    ],
)
def test_an_argument_without_an_effect_is_a_usage_error(arguments: tuple[str, ...], tmp_path: Path) -> None:
    done = run(*arguments, XDG_DATA_HOME=str(tmp_path))
    assert (done.exit_code, list(tmp_path.iterdir())) == (2, [])


def test_a_provider_is_found_in_capitals_too() -> None:
    assert run("gpt-4.1", "--provider", "OpenAI").stdout == run("gpt-4.1", "--provider", "openai").stdout


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    """A ledger of three calls: two with models that have no price, one without."""
    path = tmp_path / "calls.db"
    ledger = Ledger(path)
    for number, unpriced in enumerate((["my-llm", "my-tts"], ["my-llm"], [])):
        call_id = f"call-{number}"
        reasons = [f"{model} is new" for model in unpriced]
        cost = {"unpriced": unpriced, "unpriced_reasons": reasons, "total_usd": None}
        summary = {"call_id": call_id, "cost": cost if number else {"unpriced": unpriced, "total_usd": None}}
        ledger.call_started(call_id, datetime(2026, 11, 22, 12, number, tzinfo=UTC), summary)
        ledger.call_ended(call_id, summary, "ended")
    flush(ledger)
    assert ledger.close(10)
    return path


def test_check_lists_the_models_of_the_last_calls_without_a_price(calls: Path) -> None:
    done = run("--check", VOICE_METRICS_DB=str(calls))
    assert done.exit_code == 1
    assert "of the last 3 calls:\n  my-llm (2 calls): my-llm is new\n  my-tts (1 call)\n" in done.output


def test_check_of_a_single_call_says_so(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "calls.db")
    ledger.call_started("a-call", datetime(2026, 11, 22, 12, tzinfo=UTC), {"call_id": "a-call"})
    flush(ledger)
    assert ledger.close(10)
    done = run("--check", VOICE_METRICS_DB=str(tmp_path / "calls.db"))
    assert (done.exit_code, done.output) == (0, "Every model of the last call has a price.\n")


def test_check_without_a_call_says_so(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "calls.db")
    flush(ledger)
    assert ledger.close(10)
    done = run("--check", VOICE_METRICS_DB=str(tmp_path / "calls.db"))
    assert (done.exit_code, done.output) == (0, "The ledger has no call yet.\n")


def test_check_leaves_out_what_the_user_has_priced_since(calls: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('my-llm = { unit = "million tokens", input = 1, output = 2 }')
    environ = {"VOICE_METRICS_DB": str(calls), "VOICE_METRICS_PRICES": str(tmp_path / "mine.toml")}
    done = run("--check", "--json", **environ)
    assert json.loads(done.output) == {"calls": 3, "unpriced": {"my-tts": 1}}


def test_check_without_a_ledger_says_that_there_is_none(tmp_path: Path) -> None:
    assert "VOICE_METRICS_DB='off'" in run("--check").output
    assert run("--check", VOICE_METRICS_DB=str(tmp_path / "none.db")).exit_code == 2


def test_refresh_makes_price_lists_that_the_next_start_uses(tmp_path: Path) -> None:
    done = run("--refresh", XDG_DATA_HOME=str(tmp_path))
    path = tmp_path / "voice-metrics" / "price_lists.txt"
    assert (done.exit_code, done.output.startswith(f"{path} has the prices of genai-prices ")) == (0, True)
    assert newest({"XDG_DATA_HOME": str(tmp_path)}).made_on == datetime.now(UTC).date().isoformat()
    assert [file.name for file in path.parent.iterdir()] == ["price_lists.txt"]


@pytest.mark.slow
def test_refresh_without_the_libraries_says_how_to_install_them(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['genai_prices'] = None;"
        "from voice_metrics import cli; sys.exit(cli.run(['prices', '--refresh']))"
    )
    environ = {"PATH": os.environ["PATH"], "XDG_DATA_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=240, env=environ)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("voice-metrics: ")
    assert install_line("prices") in done.stderr
    assert list(tmp_path.iterdir()) == []
