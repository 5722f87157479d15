import re
import sys
from importlib.metadata import version
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from voice_metrics.prices import PriceBook

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / "prices.md").read_text(), re.DOTALL)


@pytest.fixture(scope="module")
def default_models() -> ModuleType:
    spec = spec_from_file_location("default_models", ROOT / "scripts" / "default_models.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    # Its dataclasses look for their module here.
    sys.modules["default_models"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.partition("=")[0].strip())
def test_every_example_of_a_price_file_can_be_used(tmp_path: Path, example: str) -> None:
    (tmp_path / "prices.toml").write_text(example)
    assert PriceBook(tmp_path / "prices.toml").own_models


def test_all_examples_are_one_price_file_but_for_the_model_that_two_of_them_price(tmp_path: Path) -> None:
    (tmp_path / "prices.toml").write_text("\n".join(sorted(EXAMPLES, key=lambda example: "[" in example)))
    assert len(PriceBook(tmp_path / "prices.toml").own_models) >= 8


def _installed() -> list[tuple[int, ...]]:
    return [_numbers(version(package)) for package in ("pipecat-ai", "genai-prices", "voice-prices")]


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text))


def test_the_table_of_default_models_is_what_the_installed_pipecat_and_price_lists_make_it(
    default_models: ModuleType,
) -> None:
    text = default_models.PAGE.read_text("utf-8")
    header = text.partition("; prices of")[0]
    written = [_numbers(header.partition(f"{package} ")[2].partition(",")[0]) for package in default_models.PACKAGES]
    if any(mine < theirs for mine, theirs in zip(_installed(), written, strict=True)):
        pytest.skip("the page is made from newer packages than these")
    assert text == default_models.page(default_models.day_of(text)), "run python scripts/default_models.py"


def test_the_defaults_that_the_source_tells_are_those_of_real_services(default_models: ModuleType) -> None:
    from pipecat.services.openai.llm import OpenAILLMService
    from pipecat.services.openai.stt import OpenAISTTService
    from pipecat.services.openai.tts import OpenAITTSService

    known = default_models.classes()
    for service in (OpenAILLMService, OpenAISTTService, OpenAITTSService):
        made = service(api_key="none")
        assert default_models._inherited(known[service.__name__], known) == made._settings.model
