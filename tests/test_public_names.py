"""What the package offers, and what importing it costs."""

from __future__ import annotations

import pydoc
import re
import subprocess
import sys

import pytest

import voice_metrics

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", voice_metrics.__all__)
def test_every_public_name_is_there_and_documented(name: str) -> None:
    assert getattr(voice_metrics, name).__doc__


def test_all_names_are_imported_at_once_without_any_extra() -> None:
    blocked = "sys.modules['opentelemetry.instrumentation.fastapi'] = None"
    code = f"import warnings; warnings.simplefilter('ignore'); {blocked}; from voice_metrics import *"
    assert "voice_metrics.observer" in _loaded_by(code)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="VoiceMetrix"):
        voice_metrics.VoiceMetrix  # noqa: B018


def test_a_prompt_completes_the_public_names_and_no_others() -> None:
    names = {name for name in dir(voice_metrics) if not name.startswith("__")}
    assert names == {*voice_metrics.__all__, "instrument_server"}


def test_help_shows_each_public_name() -> None:
    page = pydoc.render_doc(voice_metrics, renderer=pydoc.plaintext)
    assert [name for name in voice_metrics.__all__ if not re.search(rf"^    (class )?{name}\b", page, re.M)] == []


def _loaded_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sys.modules)"
    return set(
        subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
        .stdout.strip()
        .splitlines()[-1]
        .split()
    )


def test_importing_the_package_loads_nothing_else_and_warns_of_nothing() -> None:
    assert not {"pipecat", "opentelemetry", "sqlite3", "requests"} & _loaded_by("import voice_metrics")


def test_the_processor_loads_neither_price_libraries_nor_page_nor_demo() -> None:
    code = "import warnings; warnings.simplefilter('ignore'); from voice_metrics import VoiceMetricsProcessor"
    loaded = _loaded_by(code)
    unwanted = {
        "genai_prices",
        "voice_prices",
        "typer",
        "demo",
        "http.server",
        "voice_metrics.page",
        "voice_metrics.server",
    }
    assert not unwanted & loaded


def test_the_command_line_does_not_load_pipecat() -> None:
    assert not {"pipecat", "voice_metrics.processor"} & _loaded_by("import voice_metrics.cli")
