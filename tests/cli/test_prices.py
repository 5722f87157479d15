"""`voice-metrics prices`: the user's own price is found wherever it holds, and errors read as other commands' do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run

PUBLIC = "genai-prices"
MINE = "your price file mine.toml"


@pytest.mark.parametrize(
    ("entry", "model", "expected"),
    [
        pytest.param(
            '["nova-3-general"]\nprovider = "deepgram"\nunit = "minute"\nprice = 0.0042',
            "nova-3-general",
            [("stt", "deepgram", MINE)],
            id="one-provider",
        ),
        pytest.param(
            'octave-2 = { provider = "hume", unit = "million characters", price = 9 }',
            "octave-2",
            [("tts", "hume", MINE)],
            id="one-provider-with-one-price-for-every-voice",
        ),
        pytest.param(
            '"gpt-4.1" = { provider = "azure", unit = "million tokens", input = 1, output = 2 }',
            "gpt-4.1",
            [("llm", "azure", MINE), ("llm", "openai", PUBLIC)],
            id="one-provider-of-two",
        ),
        pytest.param(
            '"gpt-4.1" = { unit = "million tokens", input = 1, output = 2 }',
            "gpt-4.1",
            [("llm", None, MINE)],
            id="every-provider-is-listed-once",
        ),
        pytest.param(
            '"gpt-4.1" = [\n{ unit = "million tokens", input = 1, output = 2 },\n'
            '{ provider = "azure", unit = "million tokens", input = 3, output = 4 },\n]',
            "gpt-4.1",
            [("llm", None, MINE), ("llm", "azure", MINE)],
            id="another-price-of-one-provider",
        ),
        pytest.param(
            'my-gateway-llm = { same_as = "gpt-4.1-mini", sold_by = "openai" }',
            "my-gateway-llm",
            [("llm", None, PUBLIC)],
            id="an-alias-that-holds-everywhere-is-listed-once",
        ),
    ],
)
def test_without_a_provider_the_users_own_price_is_found(
    run: Run, tmp_path: Path, entry: str, model: str, expected: list[tuple[str, str | None, str]]
) -> None:
    (tmp_path / "mine.toml").write_text(entry)
    done = run("prices", model, "--json", VOICE_METRICS_PRICES=str(tmp_path / "mine.toml"))
    found = [
        (line["service"], line["provider"], PUBLIC if line["source"].startswith(PUBLIC) else line["source"])
        for line in json.loads(done.stdout)
    ]
    assert (done.returncode, found) == (0, expected)


def test_check_without_a_ledger_file_fails_as_other_commands_do(run: Run, environment: dict[str, str]) -> None:
    done = run("prices", "--check")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == run("calls").stderr
    assert done.stderr.startswith(f"voice-metrics: {environment['VOICE_METRICS_DB']} does not exist")


@pytest.mark.parametrize(
    ("arguments", "more", "status"),
    [
        pytest.param(["gpt-4.1"], {}, 0, id="a-price"),
        pytest.param(["gpt-4.1", "--provider", "openai"], {}, 0, id="a-price-in-one-of-the-parts"),
        pytest.param(["gpt-4.1", "--provider", "openai", "--service", "stt"], {}, 1, id="none-in-the-part-asked-for"),
        pytest.param(["gpt-4.1", "nonsense"], {}, 1, id="one-of-two-has-none"),
        pytest.param(["--check"], {}, 1, id="a-call-with-an-unpriced-model"),
        pytest.param([], {}, 2, id="nothing-asked"),
        pytest.param(["m"], {"VOICE_METRICS_PRICES": "nowhere.toml"}, 2, id="no-price-file"),
        pytest.param(["--check"], {"VOICE_METRICS_DB": "off"}, 2, id="no-record-of-calls"),
    ],
)
def test_the_exit_status_is_what_the_page_says(
    run: Run, calls: Path, arguments: list[str], more: dict[str, str], status: int
) -> None:
    done = run("prices", *arguments, **more)
    assert done.returncode == status
    assert (done.stderr.startswith("voice-metrics: "), done.stdout == "") == (status == 2, status == 2)


def test_check_is_content_once_the_user_has_priced_what_calls_used(run: Run, calls: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('qwen3 = { unit = "million tokens", input = 0, output = 0 }')
    done = run("prices", "--check", VOICE_METRICS_PRICES=str(tmp_path / "mine.toml"))
    assert (done.returncode, done.stdout) == (0, "Every model of the last 3 calls has a price.\n")
