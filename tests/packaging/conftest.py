"""Wheel and source distribution, built once from the checkout."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Distributions:
    """What a release consists of.

    Parameters:
        wheel: The wheel.
        source: The source distribution.
    """

    wheel: Path
    source: Path


def pytest_configure(config: pytest.Config) -> None:
    """Name the marker of the tests that install the wheel."""
    config.addinivalue_line("markers", "installs: makes empty environments; needs a package index or uv's cache")


@pytest.fixture(scope="session")
def uv() -> str:
    """The program that the project is built with."""
    found = shutil.which("uv") or shutil.which("uv", path=str(ROOT / ".uv" / "bin"))
    if found is None:
        pytest.skip("needs uv")
    return found


def run(*command: str | Path, **options: object) -> str:
    """Run a program that must succeed and return what it wrote to standard output."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def built(uv: str, tmp_path_factory: pytest.TempPathFactory) -> Distributions:
    """Both, built from the checkout as a release is: the wheel from the source distribution."""
    folder = tmp_path_factory.mktemp("dist")
    run(uv, "build", "--quiet", "--out-dir", folder, ROOT)
    (wheel,), (source,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return Distributions(wheel, source)
