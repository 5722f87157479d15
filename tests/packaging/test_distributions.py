"""Wheel and source distribution hold the package, and nothing else of the repository."""

from __future__ import annotations

import tarfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.packaging.conftest import ROOT, Distributions

PACKAGE = ROOT / "voice_metrics"
# Python's own leftovers are no part of the package.
CHECKED_OUT = {
    path.relative_to(ROOT).as_posix()
    for path in PACKAGE.rglob("*")
    if path.is_file() and "__pycache__" not in path.parts
}
UPLOT = "voice_metrics/page/static/vendor/uPlot.LICENSE"
BESIDE_THE_PACKAGE = {"PKG-INFO", "README.md", "LICENSE", "CHANGELOG.md", "pyproject.toml", ".gitignore"}


def _in_wheel(wheel: Path) -> set[str]:
    with ZipFile(wheel) as archive:
        return set(archive.namelist())


def _in_source(source: Path) -> set[str]:
    with tarfile.open(source) as archive:
        return {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}


def _metadata(wheel: Path) -> Message:
    with ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return message_from_bytes(archive.read(name))


def test_the_wheel_holds_the_package_and_nothing_else(built: Distributions):
    names = _in_wheel(built.wheel)
    assert {name for name in names if ".dist-info/" not in name} == CHECKED_OUT
    about = {name.partition(".dist-info/")[2] for name in names - CHECKED_OUT}
    assert about == {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE", f"licenses/{UPLOT}"}


def test_the_source_distribution_holds_the_package_and_what_describes_it(built: Distributions):
    names = _in_source(built.source)
    assert names - CHECKED_OUT == BESIDE_THE_PACKAGE
    assert names >= CHECKED_OUT


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("py.typed", id="types"),
        pytest.param("setup_file.py", id="file-for-bots-whose-code-stays"),
        pytest.param("grafana/dashboard.json", id="dashboard"),
        pytest.param("grafana/alerts.yml", id="alert-rules"),
        pytest.param("page/static/index.html", id="page"),
        pytest.param("page/static/app.js", id="script-of-the-page"),
        pytest.param("page/static/page.css", id="style-of-the-page"),
        pytest.param("page/static/vendor/uPlot.iife.min.js", id="charts-of-the-page"),
        pytest.param("page/static/vendor/uPlot.LICENSE", id="licence-of-the-charts"),
    ],
)
def test_what_is_read_at_run_time_is_in_the_wheel(built: Distributions, name: str):
    assert f"voice_metrics/{name}" in _in_wheel(built.wheel)


def test_neither_holds_a_setting_or_a_secret_of_this_machine(built: Distributions):
    for name in _in_wheel(built.wheel) | _in_source(built.source):
        assert Path(name).suffix not in {".db", ".sqlite", ".sqlite3", ".log", ".pyc"}
        assert not Path(name).name.startswith(".env")


def test_the_metadata_says_what_an_installer_needs(built: Distributions):
    about = _metadata(built.wheel)
    assert about["Name"] == "pipecat-voice-metrics"
    assert about["Requires-Python"] == ">=3.11"
    assert about["License-Expression"] == "BSD-2-Clause AND MIT"
    assert set(about.get_all("Provides-Extra", [])) == {"prices", "prometheus", "server"}
    needed = {line for line in about.get_all("Requires-Dist", []) if "extra ==" not in line}
    for line in needed:
        # A dependency without a lower bound is installed as old as it happens to be there.
        assert ">=" in line, line
