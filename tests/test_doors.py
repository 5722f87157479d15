"""Each outside dependency has one door, pure modules know none of them, and the import arrows go one way."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "voice_metrics"

# What may import a dependency: modules, or folders with a slash at their end.
DOORS = {
    "pipecat": {"metrics_logger", "observer", "pipecat/", "processor"},
    "opentelemetry.sdk": {"export/"},
    "opentelemetry.exporter": {"export/"},
    "opentelemetry.proto": {"export/"},
    "opentelemetry.metrics": {"export/", "telemetry", "server/"},
    "opentelemetry.trace": {"export/application", "pipecat/traces", "server/"},
    "opentelemetry.instrumentation": {"server/"},
    "requests": {"export/", "cli/checks"},
    "urllib3": {"export/"},
    "prometheus_client": {"export/prometheus"},
    "sqlite3": {"ledger/"},
    "genai_prices": {"prices/libraries"},
    "voice_prices": {"prices/libraries"},
    "typer": {"cli/"},
    "rich": {"cli/"},
    "dotenv": {"cli/"},
    "fastapi": {"server/"},
    "sqlalchemy": {"server/"},
    "grafana_foundation_sdk": {"grafana/"},
    "asyncio": {"pipecat/", "server/"},
    "http": {"page/", "export/"},
}  # fmt: skip
# They know neither an event loop nor a network, a disk or a clock.
PURE = {
    "call/matching", "call/conversation", "call/errors", "call/events", "call/facts", "call/functions",
    "call/inferences",
    "call/holdback", "call/line", "call/models", "call/providers", "call/record", "call/rendering",
    "call/response_parts", "call/seen", "call/summary", "call/text", "call/throughput", "call/token_counts",
    "call/unreported", "call/wording", "series/points", "series/table",
}  # fmt: skip
IMPURE = {"asyncio", "http", "os", "pathlib", "random", "socket", "sqlite3", "subprocess", "threading", "time"}


@dataclass(frozen=True)
class Imports:
    """What a module imports, and what of it at its top level."""

    every: set[str]
    top_level: set[str]


@cache
def modules() -> dict[str, Imports]:
    return {
        path.relative_to(PACKAGE).with_suffix("").as_posix(): _imports(path) for path in sorted(PACKAGE.rglob("*.py"))
    }


def _imports(path: Path) -> Imports:
    tree = ast.parse(path.read_text())
    return Imports(_named(list(ast.walk(tree))), _named(tree.body))


def _named(nodes: Sequence[ast.AST]) -> set[str]:
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    named = {
        f"{node.module}.{alias.name}"
        for node in nodes
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    return plain | named


@pytest.mark.parametrize("dependency", sorted(DOORS))
def test_a_dependency_is_imported_at_its_door_only(dependency: str) -> None:
    users = {
        name
        for name, imports in modules().items()
        if any(f"{imported}.".startswith(f"{dependency}.") for imported in imports.every)
    }
    doors = DOORS[dependency]
    folders = tuple(door for door in doors if door.endswith("/"))
    assert {user for user in users if user not in doors and not user.startswith(folders or ("/",))} == set()
    assert {door for door in doors if not any(user == door or user.startswith(door) for user in users)} == set()


@pytest.mark.parametrize("name", sorted(PURE))
def test_a_pure_module_knows_no_event_loop_network_disk_or_clock(name: str) -> None:
    roots = {imported.partition(".")[0] for imported in modules()[name].every}
    assert not roots & (IMPURE | {dependency.partition(".")[0] for dependency in DOORS})


def test_the_name_of_a_file_is_used_once() -> None:
    names = Counter(name.rpartition("/")[2] for name in modules() if not name.endswith("__"))
    assert [name for name, times in names.items() if times > 1] == []


def test_modules_do_not_import_each_other_in_a_circle() -> None:
    arrows: dict[str, set[str]] = defaultdict(set)
    for name, imports in modules().items():
        for imported in imports.top_level:
            path = imported.removeprefix("voice_metrics.").replace(".", "/")
            for target in (path, path.rpartition("/")[0], f"{path}/__init__"):
                if imported.startswith("voice_metrics.") and target in modules() and target != name:
                    arrows[name].add(target)
    done: set[str] = set()

    def walk(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " -> ".join((*way[way.index(name) :], name))
        if name not in done:
            for target in sorted(arrows[name]):
                walk(target, (*way, name))
            done.add(name)

    for name in modules():
        walk(name, ())


def test_the_core_does_not_know_the_command_line_the_page_or_the_dashboard() -> None:
    outer = ("cli/", "page/", "grafana/")
    for name, imports in modules().items():
        if not name.startswith(outer) and name != "__main__":
            known = {
                imported
                for imported in imports.every
                for room in outer
                if imported.startswith(f"voice_metrics.{room[:-1]}.")
            }
            assert not known, name


@pytest.mark.parametrize("folder", ["benchmarks", "testbed"])
def test_benchmarks_and_what_they_share_with_tests_import_no_test(folder: str) -> None:
    imports = [_imports(path) for path in (PACKAGE.parent / folder).glob("*.py")]
    assert imports
    assert not {name for one in imports for name in one.every if name.startswith("tests")}
