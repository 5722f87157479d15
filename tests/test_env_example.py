"""`.env.example` names what is read, with its default, and nothing that is not."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from voice_metrics.prices import PriceBook
from voice_metrics.settings.environment import Settings

ROOT = Path(__file__).parents[1]
NAMED = dict(re.findall(r"^# ([A-Z][A-Z0-9_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.M))
# `.env` is read after Loguru's level is; the other two go from the demo to the bot that it starts.
NOT_FROM_A_FILE = {"LOGURU_LEVEL", "PIPECAT_SETUP_FILES", "VOICE_METRICS_DEMO_RECORD"}


def reads(source: str) -> Iterator[tuple[str, str | None]]:
    """The variables that a module reads by a literal or a constant, each with its literal default."""
    tree = ast.parse(source)
    constants = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        match node:
            case ast.Subscript(value=ast.Attribute(attr="environ"), slice=name):
                default = None
            case ast.Call(
                func=ast.Attribute(attr="getenv") | ast.Attribute(value=ast.Attribute(attr="environ")),
                args=[name, *rest],
            ):
                default = rest[0].value if rest and isinstance(rest[0], ast.Constant) else None
            case _:
                continue
        name = constants.get(name.id, name) if isinstance(name, ast.Name) else name
        if isinstance(name, ast.Constant):
            yield name.value, default


class Asked(dict[str, str]):
    """An environment that notes which variables it is asked for."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.names: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.names.add(name)
        return super().get(name, default)


DEFAULTS = dict(
    read for path in (ROOT / "bot.py", *sorted((ROOT / "demo").rglob("*.py"))) for read in reads(path.read_text())
)
# Headers are asked for where there is an endpoint.
PLUG_IN = Asked({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"})
Settings.from_environment(PLUG_IN)
PriceBook.from_environment(PLUG_IN)


@pytest.mark.parametrize("name", sorted(DEFAULTS.keys() - NOT_FROM_A_FILE))
def test_what_the_bot_and_the_demo_read_is_in_the_file(name: str):
    assert name in NAMED


@pytest.mark.parametrize("name", sorted(name for name, default in DEFAULTS.items() if default and name in NAMED))
def test_the_file_shows_the_bots_default(name: str):
    assert NAMED[name] == DEFAULTS[name]


@pytest.mark.parametrize("name", sorted(NAMED))
def test_what_is_in_the_file_is_read(name: str):
    assert name in DEFAULTS or name in PLUG_IN.names


def test_every_variable_of_the_plug_in_is_in_the_file():
    assert {name for name in PLUG_IN.names if name.startswith("VOICE_METRICS_")} <= NAMED.keys()
