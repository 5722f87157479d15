"""Whether an extra of the package is installed, and how it is installed where it is not."""

from __future__ import annotations

import json
from importlib import util
from importlib.metadata import PackageNotFoundError, distribution

DISTRIBUTION = "pipecat-voice-metrics"
# A module of each extra, and the package that brings it.
_MODULES = {
    "prometheus": ("prometheus_client", "prometheus-client"),
    "server": ("opentelemetry.instrumentation.fastapi", "opentelemetry-instrumentation-fastapi"),
}


def missing(extra: str) -> str | None:
    """Say that an extra is not installed.

    Args:
        extra: "prometheus" or "server".

    Returns:
        What is not installed and how to install it, or `None` if it is there.
    """
    module, package = _MODULES[extra]
    try:
        there = util.find_spec(module) is not None
    except ModuleNotFoundError:
        # A parent of the module is not there either.
        there = False
    return None if there else f"the package {package} is not installed: {install_line(extra, package)}"


def install_line(extra: str, package: str) -> str:
    """How an extra is installed, also where the package itself came from a clone.

    Args:
        extra: Its name.
        package: The package that it brings.
    """
    if _from_a_folder():
        return f"`uv sync --extra {extra}` in the clone, or `pip install {package}` beside it"
    return f"pip install '{DISTRIBUTION}[{extra}]'"


def _from_a_folder() -> bool:
    # PEP 610: where an installer got a package from that came from no index.
    try:
        origin = json.loads(distribution(DISTRIBUTION).read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, ValueError):
        return True
    return str(origin.get("url", "")).startswith("file:")
