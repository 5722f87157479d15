"""Presence of the package's extras, and the command that installs a missing one."""

from __future__ import annotations

import json
from importlib import util
from importlib.metadata import PackageNotFoundError, distribution

DISTRIBUTION = "pipecat-voice-metrics"
# Extra to one of its modules and the package that contains that.
_MODULES = {
    "prometheus": ("prometheus_client", "prometheus-client"),
    "server": ("opentelemetry.instrumentation.fastapi", "opentelemetry-instrumentation-fastapi"),
}


def missing(extra: str) -> str | None:
    """Return a sentence with the install command if an extra is missing, else `None`.

    Args:
        extra: "prometheus" or "server".
    """
    module, package = _MODULES[extra]
    try:
        there = util.find_spec(module) is not None
    except ModuleNotFoundError:
        # Raised if the module's parent package is missing too.
        there = False
    return None if there else f"the package {package} is not installed: {install_line(extra, package)}"


def install_line(extra: str, package: str) -> str:
    """Return the command that installs an extra, also for a package installed from a clone.

    Args:
        extra: Its name.
        package: The package that it brings.
    """
    if _is_installed_from_folder():
        return f"`uv sync --extra {extra}` in the clone, or `pip install {package}` beside it"
    return f"pip install '{DISTRIBUTION}[{extra}]'"


def _is_installed_from_folder() -> bool:
    # PEP 610: direct_url.json names the origin of a package that came from no index.
    try:
        origin = json.loads(distribution(DISTRIBUTION).read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, ValueError):
        return True
    return str(origin.get("url", "")).startswith("file:")
