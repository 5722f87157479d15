"""Presence of the package's extras, and the command that installs a missing one."""

from __future__ import annotations

import json
from importlib import util
from importlib.metadata import PackageNotFoundError, distribution

DISTRIBUTION = "pipecat-voice-metrics"
# Extra to one of its modules, and its packages, the one with that module first.
_EXTRAS = {
    "prices": ("genai_prices", ("genai-prices", "voice-prices")),
    "prometheus": ("prometheus_client", ("prometheus-client",)),
    "server": (
        "opentelemetry.instrumentation.fastapi",
        ("opentelemetry-instrumentation-fastapi", "opentelemetry-instrumentation-system-metrics"),
    ),
}


def missing(extra: str) -> str | None:
    """Return a sentence with the install command if an extra is missing, else `None`.

    Args:
        extra: "prices", "prometheus" or "server".
    """
    module, packages = _EXTRAS[extra]
    try:
        there = util.find_spec(module) is not None
    except ModuleNotFoundError:
        # Raised if the module's parent package is missing too.
        there = False
    return None if there else f"the package {packages[0]} is not installed: {install_line(extra)}"


def install_line(extra: str) -> str:
    """Return the command that installs an extra, also for a package installed from a clone.

    Args:
        extra: "prices", "prometheus" or "server".
    """
    if _is_installed_from_folder():
        return f"`uv sync --extra {extra}` in the clone, or `pip install {' '.join(_EXTRAS[extra][1])}` beside it"
    return f"pip install '{DISTRIBUTION}[{extra}]'"


def _is_installed_from_folder() -> bool:
    # PEP 610: direct_url.json names the origin of a package that came from no index.
    try:
        origin = json.loads(distribution(DISTRIBUTION).read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, ValueError):
        return True
    return str(origin.get("url", "")).startswith("file:")
