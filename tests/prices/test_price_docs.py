import re
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import default_models
import pytest

from voice_metrics import cli
from voice_metrics.ledger import Ledger
from voice_metrics.prices import PriceBook

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "prices.md").read_text("utf-8")
EXAMPLES = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
CONSOLE = "".join(re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.partition("=")[0].strip())
def test_every_example_of_a_price_file_can_be_used(tmp_path: Path, example: str) -> None:
    (tmp_path / "prices.toml").write_text(example)
    assert PriceBook(tmp_path / "prices.toml").own_models


def test_all_examples_are_one_price_file_but_for_the_model_that_two_of_them_price(tmp_path: Path) -> None:
    (tmp_path / "prices.toml").write_text("\n".join(sorted(EXAMPLES, key=lambda example: "[" in example)))
    assert len(PriceBook(tmp_path / "prices.toml").own_models) >= 8


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        pytest.param(command, shown, id=command)
        for command, shown in re.findall(r"^\$ voice-metrics (.*)\n((?:[^$].*\n)*)", CONSOLE, re.MULTILINE)
    ],
)
def test_a_command_prints_what_the_page_shows(
    command: str, shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = Ledger(tmp_path / "calls.db")
    reason = "MyLLM has no known provider; set its price or sold_by in your price file"
    cost = {"unpriced": ["my-deployment"], "unpriced_reasons": [reason], "total_usd": None}
    for number in range(31):
        summary = {"call_id": f"call-{number}", "cost": cost}
        ledger.call_started(f"call-{number}", datetime(2026, 11, 22, 12, number, tzinfo=UTC), summary)
        ledger.call_ended(f"call-{number}", summary, "ended")
    assert ledger.close(10)
    monkeypatch.setenv("VOICE_METRICS_DB", str(tmp_path / "calls.db"))
    monkeypatch.delenv("VOICE_METRICS_PRICES", raising=False)
    cli.run(command.split())
    assert _undated(capsys.readouterr().out) == _undated(shown)


def _undated(text: str) -> str:
    """Text without the version of the price list that is installed, and its day."""
    return re.sub(r"(genai-prices )[\d.]+|( of )\d{4}-\d\d-\d\d", r"\1\2", text)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text))


def test_the_table_of_default_models_is_what_pipecat_and_the_price_lists_make_it() -> None:
    text = default_models.PAGE.read_text("utf-8")
    written = text.partition("pipecat-ai ")[2].partition(",")[0]
    if _numbers(version("pipecat-ai")) < _numbers(written):
        pytest.skip("the page is made from a newer Pipecat than this")
    assert text == default_models.page(default_models.day_of(text)), "run python scripts/default_models.py"


def test_the_defaults_in_the_source_are_those_of_real_services() -> None:
    from pipecat.services.openai.llm import OpenAILLMService
    from pipecat.services.openai.stt import OpenAISTTService
    from pipecat.services.openai.tts import OpenAITTSService

    known = default_models.classes()
    for service in (OpenAILLMService, OpenAISTTService, OpenAITTSService):
        made = service(api_key="none")
        assert default_models.inherited(known[service.__name__], known) == made._settings.model
