"""Whether an extra is there, and how it is installed where it is not."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from voice_metrics.settings.extras import install_line, missing

# An environment without the package, as far as imports can tell.
WITHOUT = """
import sys
sys.modules["prometheus_client"] = None
from importlib import util
find = util.find_spec
util.find_spec = lambda name: None if name == "prometheus_client" else find(name)
from voice_metrics.settings.extras import missing
print(missing("prometheus"))
"""


def test_an_extra_that_is_there_is_not_missing() -> None:
    assert missing("prometheus") is None


@pytest.mark.parametrize("extra", ["prices", "prometheus", "server"])
def test_in_a_clone_the_line_names_every_package_of_the_extra_and_never_our_own(extra: str) -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    packages = " ".join(re.split("[<>=]", needed)[0] for needed in project["optional-dependencies"][extra])
    line = f"`uv sync --extra {extra}` in the clone, or `pip install {packages}` beside it"
    assert install_line(extra) == line


@pytest.mark.slow
def test_a_missing_extra_says_what_installs_it_from_a_clone_too() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, timeout=240, check=True)
    assert done.stdout == (
        "the package prometheus-client is not installed: `uv sync --extra prometheus` in the clone, "
        "or `pip install prometheus-client` beside it\n"
    )
