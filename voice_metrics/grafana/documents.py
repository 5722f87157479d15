"""The committed dashboard, adapted to a title and a bot without Grafana's SDK or a network."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from voice_metrics.call.text import clean

DASHBOARD = Path(__file__).with_name("dashboard.json")
ALERTS = Path(__file__).with_name("alerts.yml")

# Grafana's limit for a uid.
_LONGEST_UID = 40


def dashboard(title: str | None = None, job: str | None = None) -> str:
    """Return the dashboard as JSON for Grafana's import.

    Args:
        title: Another title, and with it another uid, to import it beside the first; `None` keeps both.
        job: The initially chosen bot's `service.name`; `None` chooses all.

    Raises:
        ValueError: The title has no letter and no digit.
    """
    document = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    if title is not None:
        document["title"] = title = clean(title)
        document["uid"] = _uid(title)
    if job is not None:
        _variable(document, "job")["current"] = {"text": [clean(job)], "value": [clean(job)]}
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _uid(title: str) -> str:
    words = re.findall(r"[a-z0-9]+", title.lower())
    if not words:
        raise ValueError(f"title {title!r}: expected at least one letter or digit, such as 'Voice bot calls'")
    return "-".join(("voice-metrics", *words))[:_LONGEST_UID].rstrip("-")


def _variable(document: dict[str, Any], name: str) -> dict[str, Any]:
    variables: list[dict[str, Any]] = document["templating"]["list"]
    return next(variable for variable in variables if variable["name"] == name)
