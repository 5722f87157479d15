"""The pages that are written by hand: links lead somewhere, code can be run, and tables name all that there is."""

from __future__ import annotations

import ast
import inspect
import re
import tomllib
from pathlib import Path

import pytest

import voice_metrics
from scripts import absolute_links
from voice_metrics import VoiceMetricsProcessor
from voice_metrics.cli.commands import COMMANDS

ROOT = Path(__file__).parents[1]
GENERATED = {"series.md", "promises.md", "default-models.md", "pipecat-versions.md"}
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text()
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("deploy/*.md")]
    if path.name not in GENERATED
}
USING = PAGES["docs/using.md"]
LINKS = [
    pytest.param(page, link, id=f"{page}-{link}")
    for page, text in sorted(PAGES.items())
    for link in sorted(set(re.findall(r"\]\(([^)\s]+)\)", re.sub(r"```.*?```", "", text, flags=re.S))))
    if not link.startswith("https://")
]
CODE = [
    pytest.param(code, id=f"{page}-{number}")
    for page in ("README.md", "docs/using.md", "docs/operating.md")
    for number, code in enumerate(re.findall(r"```python\n(.*?)```", PAGES[page], re.S), 1)
]


def anchors(text: str) -> set[str]:
    """The anchors that GitHub gives to a page's headings."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", text, flags=re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(("page", "link"), LINKS)
def test_a_link_leads_to_a_file_and_a_heading(page: str, link: str) -> None:
    path, _, anchor = link.partition("#")
    target = (ROOT / page).parent / path if path else ROOT / page
    assert target.exists()
    assert not anchor or anchor in anchors(target.read_text())


def test_links_of_a_published_readme_lead_to_the_files_of_its_tag() -> None:
    address = "https://github.com/someone/bots"
    page = absolute_links.readme(PAGES["README.md"], address, "v9.8.7")
    links = re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", page)
    assert [link for link in links if not link.startswith("https://")] == []
    assert f"{address}/raw/v9.8.7/docs/call.png" in links
    assert f"{address}/blob/v9.8.7/docs/using.md#the-id-of-a-call" in links
    project = tomllib.loads(absolute_links.project((ROOT / "pyproject.toml").read_text(), address, "v9.8.7"))["project"]
    assert project["urls"]["Repository"] == address
    assert "voice-metrics" in project["scripts"]


@pytest.mark.parametrize("code", CODE)
def test_code_is_python_and_imports_what_there_is(code: str) -> None:
    tree = compile(code, "page", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "voice_metrics"
        for alias in node.names
    }
    assert imported <= {*voice_metrics.__all__, "instrument_server"}


def test_the_table_of_parameters_names_each() -> None:
    table = USING.partition("## Parameters")[2].partition("\n## ")[0]
    named = re.findall(r"`(\w+)(?:=[^`]*)?`", " ".join(re.findall(r"^\| ([^|]+) \|", table, re.M)))
    assert {*named, "name"} == set(inspect.signature(VoiceMetricsProcessor).parameters)


def test_the_table_of_commands_names_each() -> None:
    table = USING.partition("## The commands")[2]
    first = " ".join(re.findall(r"^\| ([^|]+) \|", table, re.M))
    assert [name for name in COMMANDS if not re.search(rf"`(?:voice-metrics )?{name}\b", first)] == []


def test_the_files_of_the_metric_that_the_architecture_shows_are_these() -> None:
    shown = PAGES["docs/architecture.md"].partition("**A metric**")[2].partition("\n\n")[0]
    files = [name for name in re.findall(r"`([\w/]+\.py)`", shown) if "/" in name]
    places = [ROOT / name if name.startswith("tests/") else ROOT / "voice_metrics" / name for name in files]
    names = re.compile(r"FalseInterruption|FALSE_INTERRUPTIONS|voice\.interruptions\.false\.total")
    assert [place for place in places if not place.exists() or not names.search(place.read_text())] == []
    package = {path for path in (ROOT / "voice_metrics").rglob("*.py") if names.search(path.read_text())}
    # A panel is not needed for a metric.
    assert {path for path in package if path.parent.name != "grafana"} <= set(places)
